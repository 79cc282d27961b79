"""Everything that can happen to the World, as frozen values: what clients ask, what agents report, what clocks say.

A command carries all that deciding needs (ids, times, specifications); the core reads no clock and no database. Those
about pools are in `pools/commands.py`; `reactor.AnyCommand` lists them all.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Generic, TypeVar

from accio.domain.agent_windows import AgentWindow
from accio.domain.attempts import Holding as Holding
from accio.domain.attempts import Report as Report
from accio.domain.caps import Cap
from accio.domain.ids import RunId
from accio.domain.operators import OperatorSpec
from accio.domain.precision import Measured
from accio.domain.resources import Resources
from accio.domain.retry_demand import RetryDemand
from accio.domain.runs import RunDefinition
from accio.domain.workflows import Workflow
from accio.late import dataclass
from accio_daemon.core.facts import InstanceFacts
from accio_daemon.core.plan import Plan
from accio_daemon.core.terms import (
    AgentNo,
    Announced,
    AttemptNo,
    CacheMode,
    Gathered,
    Pin,
    RunNo,
    SessionNo,
)

T_co = TypeVar("T_co", covariant=True)


class Command(Generic[T_co]):
    """Something that can happen to the World, answered by a T once what it decided is durable."""

    __slots__ = ()


# --- clients ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitRun(Command["Submitted"]):
    """Create a run."""

    id: RunId
    definition: RunDefinition
    workflow_no: int
    workflow: Workflow
    operators: tuple[Announced, ...]  # the version that each node of the graph pins, in its order
    plan: Plan | None = None  # compiled with the World's classes; None leaves that to the core
    owner_name: str
    owner_email: str
    cache: CacheMode = CacheMode.USE
    seed: int
    pins: Mapping[str, Pin] = field(default_factory=dict)  # of texts such as "accio:RUN/NODE/PORT"
    idempotency: tuple[str, str, bytes] | None = None  # owner, key, digest of the request


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The run of a submission."""

    no: RunNo
    id: RunId
    created: bool
    created_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KillRun(Command[bool]):
    """Stop a run, or one child of it; the answer is whether anything changed."""

    run: RunNo
    index: int | None = None
    by: str = "a user"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRun(Command[bool]):
    """Delete a run, or one child of it, stopping it first; the answer is whether anything changed."""

    run: RunNo
    index: int | None = None
    ended: InstanceFacts | None = None  # of a child that has ended, as the engine read it


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRun(Command[bool]):
    """Run again what didn't succeed in a run, or in one child of it; the answer is whether anything changed."""

    run: RunNo
    index: int | None = None
    operators: tuple[Announced, ...] | None = None  # pinned anew, if given
    demand: RetryDemand | None = None  # what the nodes that run again demand instead of before
    forced: bool = False  # though no agent that is known could execute them
    by: str = "a user"
    goes_on: bool = False  # whether it is the rest of a retry of many children
    ended: tuple[InstanceFacts, ...] = ()  # children that didn't succeed and have ended, as the engine read them
    own: InstanceFacts | None = None  # the nodes of the parent itself, if they have ended


# --- agents ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentJoined(Command[AgentNo]):
    """An agent opened a session; effects hold its Welcome."""

    session: SessionNo
    name: str
    agent_id: str
    incarnation: int
    version: str
    resources: Resources
    operators: tuple[OperatorSpec, ...]
    held: Mapping[AttemptNo, Holding]
    draining: bool
    prefetch_limit: int
    ends_in: float | None = None  # seconds until it gives back what it runs, as its host ends; None if it doesn't
    lasts: float = 0.0  # seconds of its host's time altogether, if it ends
    allocation: tuple[str, int] | None = None  # pool and number, of an agent that a pool asked an engine for
    owners: frozenset[str] = frozenset()  # whose nodes alone it takes (`parse_served`); empty for everybody's
    left_out: tuple[str, ...] = ()  # which packages there have operators that can't be loaded, and why
    unread: str = ""  # why what it has finished counts as lost, as its reports can't be read; empty if it doesn't


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLost(Command[None]):
    """A session ended. *clean* is a goodbye: what the agent held goes back to the queue at once and counts no loss;
    *walltime* says that its host's time is over.
    """

    session: SessionNo
    reason: str
    clean: bool = False
    walltime: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentHeard(Command[None]):
    """A sign of life."""

    session: SessionNo


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDraining(Command[None]):
    """An agent takes no new work, or takes it again."""

    session: SessionNo
    draining: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStale(Command[None]):
    """The code of these operators, by name, isn't on an agent's disk what it announced; that of its others is.

    *loading*: the agent is about to announce it as it is; *problem*: why it can't, if it has tried.
    """

    session: SessionNo
    operators: frozenset[str]
    loading: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReports(Command[None]):
    """Attempts that ended at an agent."""

    session: SessionNo
    reports: list[Report]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSaved(Command[None]):
    """A running attempt saved a checkpoint at an agent; the store has its content."""

    session: SessionNo
    attempt: AttemptNo
    digest: str
    size: int
    saved_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRecalled(Command[None]):
    """The answer to a recall."""

    session: SessionNo
    withdrawn: tuple[AttemptNo, ...]
    started: tuple[AttemptNo, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathsDigested(Command[None]):
    """Content digests of a run's dataset texts: a Pin, or why there is none."""

    session: SessionNo
    request: int
    digests: Mapping[str, Pin | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuesGathered(Command[None]):
    """What a run's children gave was put together, as was asked for; without a value, *problem* says why not."""

    request: int
    value: Gathered | None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointMeasured(Command[None]):
    """What a point's repetitions gave was read, as was asked for."""

    run: RunNo
    point: int
    measured: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialAsked(Command[None]):
    """A sampler said which point a study tries next, as was asked for."""

    run: RunNo
    trial: int
    row: tuple[int, ...]  # its places on the axes that vary


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneTrial(Command[None]):
    """A trial of a study measured worse than others at the same step."""

    run: RunNo
    trial: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainAgent(Command[None]):
    """A user wants an agent to drain, or to go on; unknown names raise NotFound."""

    name: str
    draining: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveAgent(Command[None]):
    """A user wants a disconnected agent forgotten."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentMissing(Command[None]):
    """Stored content turned out to be corrupt or gone: the results that hold it are no hits any more."""

    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetResults(Command[None]):
    """Memory must not give these results as hits any more; in the database they already aren't."""

    results: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class OldestWork(Command[int]):
    """Somebody asks since when there is work that may have put content whose report is on its way.

    The answer is in epoch milliseconds: when the oldest attempt that goes on was sent; this moment if none goes on.
    What ended before the question is durable when the answer comes.
    """


# --- owners ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCap(Command[None]):
    """An administrator sets what an owner (by key) may have at agents at a time, or takes that cap away; the one of
    EVERYBODY counts for who has none.
    """

    owner: str
    cap: Cap | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeGroups(Command[None]):
    """Tokens tell who is in which groups, by the owner's key; who isn't there is in none."""

    groups: Mapping[str, frozenset[str]]


# --- windows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AddWindow(Command[None]):
    """An administrator announces a time at which nothing begins at some agents; AlreadyExists if its name is taken."""

    window: AgentWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveWindow(Command[None]):
    """An administrator takes a window back, by its name; NotFound if there is none."""

    name: str


# --- clocks ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick(Command[None]):
    """Time passed: leases, back-offs and reservations are looked at."""
