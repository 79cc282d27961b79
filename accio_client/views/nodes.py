"""Nodes: their attempts, inputs, outputs, costs, and why they were executed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accio.domain.ids import AgentName, NodeName, OperatorName, PortName, RunId
from accio.domain.series import Point
from accio.domain.states import NodeState
from accio.late import dataclass
from accio_client.views.cluster import ResourcesView
from accio_client.views.runs import PrecisionView, RunView, StudyView


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureView:
    """Why a node, or one attempt at it, didn't succeed; `cause` is a word of `accio.domain.states.Cause`."""

    cause: str
    message: str
    exit_code: int
    signal: int
    exception: str
    traceback: str
    stdout_tail: str
    stderr_tail: str
    predecessor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    run: RunId
    name: NodeName
    operator: OperatorName
    state: NodeState
    cached: bool
    attempts: int
    agent: AgentName | None
    started_at: datetime | None
    ended_at: datetime | None
    failure: FailureView | None
    reason: str
    progress: float
    shares: str = ""
    """The node, as RUN/NODE, whose execution it shares while it is queued or running; empty if it has its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetails:
    """A run with its nodes; a parent has none."""

    run: RunView
    nodes: tuple[NodeView, ...]
    precision: PrecisionView | None = None  # of a parent that is repeated until precise
    study: StudyView | None = None  # of a study


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCountView:
    """A node of a sweep's graph: in how many of the children that were counted it is in which state."""

    node: NodeName
    operator: OperatorName
    by_state: Mapping[str, int]
    cached: int
    median_s: float | None = None
    """What half of its executions took at most, in seconds; None if none has succeeded."""
    measured: int = 0
    """Of how many executions that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCountsView:
    """The nodes of a sweep's graph that children have; of a large sweep not all children are counted."""

    run: RunId
    nodes: tuple[NodeCountView, ...]
    counted: int
    children: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptView:
    id: int
    agent: AgentName
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    failure: FailureView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueView:
    """A typed value in the form in which it can be submitted again; `canonical` is its canonical JSON."""

    type: str
    value: Any
    canonical: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactView:
    """An output. `blob` names its content where it is too large to travel along; `value` is None then."""

    port: PortName
    type: str
    value: Any
    canonical: str
    blob: str | None
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsView:
    """What an execution cost: times in microseconds, sizes in bytes, and what the operator measured itself."""

    wall_us: int
    user_cpu_us: int
    system_cpu_us: int
    peak_memory: int
    bytes_in: int
    bytes_out: int
    custom: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointView:
    """What an attempt of a node (from 1) saved for the next one: `digest` names the folder, `size` is in bytes."""

    digest: str
    size: int
    attempt: int
    saved_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesView:
    """What an attempt of a node (from 1) measured at steps: `points` are those that are kept of `total`."""

    run: RunId
    node: NodeName
    attempt: int
    running: bool
    name: str
    total: int
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeDetailsView:
    node: NodeView
    attempts: tuple[AttemptView, ...]
    inputs: Mapping[str, ValueView]
    artifacts: tuple[ArtifactView, ...]
    metrics: MetricsView | None
    seed: int | None
    operator_digest: str
    key: str | None
    demand: ResourcesView | None = None  # what it demands, since its last retry; None of an older daemon
    timeout_ms: int | None = None
    demand_changed: str = ""  # what a retry changed of that
    checkpoint: CheckpointView | None = None
    series: tuple[SeriesView, ...] = ()
    pinned_digest: str = ""  # what a retry executes; empty of an older daemon


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceView:
    component: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorDifferenceView:
    """A node whose operator differs between two runs; empty names where a run has no such node."""

    node: NodeName
    first: str
    second: str
    components: tuple[DifferenceView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyView:
    """Why a node was executed, taken from the memo, or waits; `answer` is cached, executed, waiting, failed or
    uncacheable.
    """

    run: RunId
    node: NodeName
    answer: str
    source: str | None
    differences: tuple[DifferenceView, ...]
    reason: str
    computed_at: datetime | None
    agent: AgentName | None
