"""What the client answers with: frozen values, whatever the wire looks like.

A view holds facts and no connection. Times are aware datetimes in UTC, parameter values are Python values in the form
in which they can be submitted again (a distance is "250.meters"), 64-bit integers are ints.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from accio.domain.ids import AgentName, NodeName, OperatorName, PortName, RunId, WorkflowId, WorkflowVersion
from accio.domain.issues import Issue
from accio.domain.states import RUN_TERMINAL, NodeState, RunState

RunKind = Literal["single", "parent", "child"]
CacheMode = Literal["use", "none", "refresh"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    name: str
    email: str

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>" if self.email else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterView:
    """A parameter of a run. `value` is its value, of a parent that varies it the form that it was given ({"values":
    …}).
    """

    name: str
    type: str
    value: Any
    values: int

    @property
    def varies(self) -> bool:
        return self.values > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A single run, a parent or a child. `repeat` is a child's repetition and a parent's number of repetitions."""

    id: RunId
    kind: RunKind
    parent: RunId | None
    index: int | None
    label: str
    workflow_id: WorkflowId
    workflow_version: WorkflowVersion
    owner: PersonView
    name: str
    notes: str
    tags: tuple[str, ...]
    seed: int
    repeat: int | None
    params: Mapping[str, ParameterView]
    state: RunState
    progress: float
    created_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    children: int | None
    children_by_state: Mapping[str, int]
    nodes_by_state: Mapping[str, int]

    @property
    def ended(self) -> bool:
        return self.state in RUN_TERMINAL


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetails:
    """A run with its nodes; a parent has none."""

    run: RunView
    nodes: tuple[NodeView, ...]


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
class NodeDetailsView:
    node: NodeView
    attempts: tuple[AttemptView, ...]
    inputs: Mapping[str, ValueView]
    artifacts: tuple[ArtifactView, ...]
    metrics: MetricsView | None
    seed: int | None
    operator_digest: str
    key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowParameterView:
    name: str
    kind: str
    has_default: bool
    default: Any
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowView:
    """A version of a workflow; `definition` is the whole document."""

    id: WorkflowId
    version: WorkflowVersion
    name: str
    notes: str
    owner: PersonView
    created_at: datetime | None
    params: tuple[WorkflowParameterView, ...]
    definition: Mapping[str, Any]
    versions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowPage:
    workflows: tuple[WorkflowView, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    workflow: WorkflowView
    created: bool
    warnings: tuple[Issue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    valid: bool
    errors: tuple[Issue, ...]
    warnings: tuple[Issue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """`created` is false where the same idempotency key had created the run before."""

    run: RunView
    warnings: tuple[Issue, ...]
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRunView:
    children: int
    nodes: int
    distinct_nodes: int
    cached: int
    to_execute: int
    sampled: bool
    looked_up: int
    unknown: int
    warnings: tuple[Issue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """A page of a list; `total` is None when filtered, `next` is None on the last page."""

    runs: tuple[RunView, ...]
    total: int | None
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """What a list of runs is restricted to; everything that is set must hold."""

    parent: str = ""
    states: tuple[RunState, ...] = ()
    tags: tuple[str, ...] = ()
    owner: str = ""
    name: str = ""
    workflow: str = ""
    text: str = ""
    notes: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    run: RunView
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What became of one run of a request; `error` says why nothing could be done."""

    id: RunId
    changed: bool
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFailureView:
    run: RunId
    node: NodeName
    failure: FailureView


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUpdate:
    run: RunView
    first_failure: NodeFailureView | None
    warnings: tuple[Issue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line that an attempt printed (without its line end), or a remark of the system about its log."""

    run: RunId
    node: NodeName
    attempt: int
    stderr: bool
    at: datetime | None
    text: str
    is_note: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceView:
    component: str
    before: str
    after: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    at: datetime | None
    kind: str
    run: RunId
    node: NodeName | None
    attempt: int | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcesView:
    """An amount of each resource; processors in thousandths, memory and disk in bytes."""

    milli_cpus: int
    memory: int
    disk: int
    gpus: int
    custom: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPortView:
    name: PortName
    type: str
    has_default: bool
    default: Any
    optional: bool
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPortView:
    name: PortName
    type: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorView:
    """The latest version of an operator; `uncacheable` says why none of its results can be kept."""

    name: OperatorName
    digest: str | None
    uncacheable: str | None
    category: str
    help: str
    unstable: bool
    deprecated: str | None
    inputs: tuple[InputPortView, ...]
    outputs: tuple[OutputPortView, ...]
    resources: ResourcesView
    timeout_ms: int | None
    retries: int
    retry_backoff_ms: int
    isolated: bool
    components: Mapping[str, str]
    distribution: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentView:
    name: AgentName
    state: str
    resources: ResourcesView
    reserved: ResourcesView
    running: int
    last_seen: datetime | None
    operators: int
    reason: str
    version: str
    lease_left_ms: int
    prefetched: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    version: str
    epoch: int
    resources: ResourcesView
    reserved: ResourcesView
    queued_nodes: int
    running_nodes: int
    active_runs: int
    refusing: str
    agents: int
    started_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FreedView:
    digest: str
    bytes: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GarbageView:
    freed: tuple[FreedView, ...]
    bytes: int
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStatisticsView:
    operator: OperatorName
    results: int
    bytes: int
    hits: int
    misses: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntryView:
    key: str
    operator: OperatorName
    source: str
    computed_at: datetime | None
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheView:
    operators: tuple[CacheStatisticsView, ...]
    entries: tuple[CacheEntryView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupView:
    path: str
    bytes: int
