"""What decisions have to leave behind: rows for the database, words for agents, runs that somebody may watch.

One Effects collects everything that one batch decided. Rows are keyed, so that a later decision about the same
thing replaces an earlier one; nothing here knows SQL.
"""

from dataclasses import field
from operator import attrgetter
from typing import Any

from accio.domain.agent_windows import AgentWindow
from accio.domain.caps import Cap
from accio.domain.datatypes import DataType
from accio.domain.failures import Failure
from accio.domain.operators import OperatorSpec
from accio.domain.retry_demand import NodeDemand
from accio.domain.series import Packed
from accio.domain.states import NodeState, RunState
from accio.late import dataclass
from accio_daemon.core.commands import SubmitRun
from accio_daemon.core.outgoing import Assignment, Outgoing
from accio_daemon.core.pools.records import Allocation, Pool
from accio_daemon.core.records import Agent, Execution, Run
from accio_daemon.core.terms import (
    AgentNo,
    AttemptNo,
    Checkpoint,
    ExecutionNo,
    Gather,
    Gathered,
    Pin,
    Round,
    RunNo,
    SessionNo,
)

NodeKey = tuple[RunNo, int, int]

# Fields of Effects that are no rows.
_NO_ROWS = frozenset({"sequence", "heavy"})

# Bytes of text that a row may hold to count as one; each time as many again count as another one.
_LIGHT = 512

ATTEMPT_FAILED, ATTEMPT_KILLED, ATTEMPT_LOST, ATTEMPT_SUPERSEDED = 1, 2, 3, 4


@dataclass(slots=True)
class NodeRow:
    """A node that ended, or None in its place to take the row back."""

    state: NodeState
    cached: bool
    sequence: int
    result: ExecutionNo | None
    failure: Failure | None
    ended_ms: int
    operator_no: int | None = None  # the version that an execution without a result was of; a result names its own


@dataclass(slots=True)
class ResultRow:
    """A success as it is stored."""

    id: ExecutionNo
    key: bytes | None
    operator_no: int
    seed: int | None
    inputs: str
    outputs: dict[str, str]
    blobs: dict[str, tuple[str, int]] | None
    metrics: tuple[int, int, int, int, int, int, str]
    attempt: AttemptNo
    agent_no: AgentNo
    started_ms: int
    ended_ms: int
    recorded_ms: int  # by the daemon's clock; the others are the agent's
    log_bytes: int
    owner: NodeKey
    contents: list[tuple[str, int]]
    series: tuple[Packed, ...] = ()


@dataclass(slots=True)
class AttemptRow:
    """An attempt that ended without giving a result; `attempts.record` says which version it executed."""

    id: AttemptNo
    execution: ExecutionNo
    owner: NodeKey
    agent_no: AgentNo
    state: int
    failure: Failure | None
    started_ms: int
    ended_ms: int
    series: tuple[Packed, ...] = ()
    operator_no: int | None = None


@dataclass(slots=True)
class EventRow:
    """Something rare."""

    run_no: RunNo
    index: int | None
    node: int | None
    attempt: AttemptNo | None
    kind: str
    detail: str
    at_ms: int


@dataclass(slots=True)
class Usage:
    """What nodes used of agents: how many there were, and seconds of CPUs and GPUs that were reserved for them."""

    nodes: int = 0
    cpu_s: float = 0.0
    gpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class GatherRequest:
    """What is to be read of a run's children, and put together, once all that was decided is durable."""

    number: int
    run: RunNo
    gather: Gather


@dataclass(frozen=True, slots=True)
class MeasureRequest:
    """A point whose children's values of an output are to be read, once all that was decided is durable."""

    run: RunNo
    point: int
    first: int
    end: int  # behind the last of the children
    node: int
    port: str
    type: DataType
    member: str | None = None  # of a map, which of its values


@dataclass(frozen=True, slots=True)
class AskRequest:
    """A trial of a study that a sampler is to choose, once all that was decided is durable."""

    run: RunNo
    trial: int
    told: tuple[int, ...]  # the trials that the sampler knows, in the order in which they ended


@dataclass(slots=True)
class Effects:
    """Everything that one batch decided."""

    submitted: list[tuple[Run, SubmitRun]] = field(default_factory=list)
    runs: dict[RunNo, Run] = field(default_factory=dict)  # counters and states to write
    instances: dict[tuple[RunNo, int], tuple[RunState, int | None, int | None, int | None]] = field(
        default_factory=dict
    )  # state, place of its roots if not the run's, started, ended
    nodes: dict[NodeKey, NodeRow | None] = field(default_factory=dict)
    demands: dict[NodeKey, NodeDemand] = field(default_factory=dict)  # of nodes that were retried with more
    checkpoints: dict[NodeKey, Checkpoint | None] = field(default_factory=dict)  # None: the row goes
    executions: dict[ExecutionNo, Execution | None] = field(default_factory=dict)  # None: the row goes
    results: list[ResultRow] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # contents that are gone: no result that holds one may be hit
    attempts: list[AttemptRow] = field(default_factory=list)
    pins: list[tuple[RunNo, str, Pin]] = field(default_factory=list)
    gathers: list[GatherRequest] = field(default_factory=list)
    gathered: list[tuple[RunNo, Gather, Gathered]] = field(default_factory=list)
    measures: list[MeasureRequest] = field(default_factory=list)
    rounds: dict[tuple[RunNo, int], Round] = field(default_factory=dict)  # by run and point
    asks: list[AskRequest] = field(default_factory=list)
    told: list[tuple[RunNo, int, int]] = field(default_factory=list)  # that ended: run, place, trial
    grown: dict[RunNo, Run] = field(default_factory=dict)  # whose sweeps have further trials
    pruned: dict[tuple[RunNo, int], bool] = field(default_factory=dict)  # children; False: the row goes
    begun_anew: list[RunNo] = field(default_factory=list)  # whose own nodes' rows go, before others are written
    events: list[EventRow] = field(default_factory=list)
    agents: dict[AgentNo, Agent] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    allocations: dict[int, Allocation] = field(default_factory=dict)
    caps: dict[str, Cap | None] = field(default_factory=dict)  # None: the row goes
    windows: dict[str, AgentWindow | None] = field(default_factory=dict)  # by name; None: the row goes
    usage: dict[tuple[str, str, int], Usage] = field(
        default_factory=dict
    )  # more of it, by owner, pool, hour since 1970
    removed_agents: list[AgentNo] = field(default_factory=list)
    operators: list[tuple[int, OperatorSpec, int]] = field(default_factory=list)  # number, specification, announced
    removed_instances: list[tuple[RunNo, int]] = field(default_factory=list)
    removed_runs: list[RunNo] = field(default_factory=list)
    repinned: dict[RunNo, tuple[int, ...]] = field(default_factory=dict)
    outgoing: dict[SessionNo, Outgoing] = field(default_factory=dict)
    ahead: dict[AttemptNo, Assignment] = field(default_factory=dict)  # of `outgoing`: what is sent ahead
    ended_sessions: list[SessionNo] = field(default_factory=list)
    sequence: int | None = None
    heavy: int = 0  # rows' worth of long texts, beyond the rows that hold them

    def weigh(self, text: int) -> None:
        """Count the *text* of a row, in bytes or characters, so that a batch is bounded by what it writes."""
        self.heavy += text // _LIGHT

    def to(self, session: SessionNo) -> Outgoing:
        """Return what will be told to a session."""
        found = self.outgoing.get(session)
        if found is None:
            found = self.outgoing[session] = Outgoing()
        return found

    def size(self) -> int:
        """Return how many rows there are, roughly."""
        return (
            len(self.nodes)
            + len(self.demands)
            + len(self.checkpoints)
            + len(self.instances)
            + len(self.executions)
            + len(self.results)
            + len(self.attempts)
        )

    def weight(self) -> int:
        """Return how many rows there are, and what long texts add: the engine bounds batches by it."""
        return self.size() + self.heavy

    def rows(self) -> dict[str, Any]:
        """Count what is in it."""
        counts = {
            name: len(value) for name in self.__slots__ if name not in _NO_ROWS and (value := getattr(self, name))
        }
        if self.sequence is not None:
            counts["sequence"] = 1
        return counts

    def is_empty(self) -> bool:
        """Return whether there is nothing to write or to tell."""
        return self.sequence is None and not any(_ROWS(self))


_ROWS = attrgetter(*(name for name in Effects.__slots__ if name not in _NO_ROWS))
