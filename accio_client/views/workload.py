"""What is queued and running, and when it will have ended."""

from datetime import datetime

from accio.domain.ids import OperatorName, RunId, WorkflowId
from accio.late import dataclass
from accio_client.views.cluster import ResourcesView
from accio_client.views.runs import PersonView


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastView:
    """When something will have ended, in seconds from now, and the CPU time that it reserves until then.

    Where that isn't known, `why` says why; `never` is true if it never will end with the agents that are there.
    """

    known: bool
    low_s: float
    high_s: float
    cpu_low_s: float
    cpu_high_s: float
    why: str
    never: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLoadView:
    """What is left of a run; `executions` is an upper bound, as the memo may hold some."""

    run: RunId
    workflow_id: WorkflowId
    owner: PersonView
    name: str
    children: int
    children_left: int
    queued: int
    running: int
    executions: int
    reserved: ResourcesView
    forecast: ForecastView
    nice: bool = False  # whether it stands behind all runs that aren't
    created_at: datetime | None = None  # None: a daemon of before doesn't tell


@dataclass(frozen=True, slots=True, kw_only=True)
class TookView:
    """How long nodes take, in seconds: the quickest quarter and the slowest quarter of *measured* similar ones."""

    low_s: float
    high_s: float
    measured: int
    earlier_version: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandLoadView:
    """Nodes of the same operator version with the same resources; `slots`: how many the agents execute at a time."""

    operator: OperatorName
    resources: ResourcesView
    queued: int
    running: int
    executions: int
    slots: int
    took: TookView | None
    waits: str
    never: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerLoadView:
    """What is left of one person's runs."""

    owner: PersonView
    runs: int
    queued: int
    running: int
    reserved: ResourcesView


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentView:
    """Executions that ended within the last hour; *more*: those are only the newest, there may have been more."""

    succeeded: int
    failed: int
    since: datetime | None
    more: bool
    concurrency: tuple[float, ...] = ()
    """How many there were at a time, on average in each of equal parts of the hour; empty: a daemon of before."""
    sampled: bool = False
    """Whether these are estimates from a sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadView:
    """What is left to do: runs in the order of the queue, demands, owners; and how busy the agents are."""

    agents: int
    resources: ResourcesView
    reserved: ResourcesView
    active_runs: int
    runs: tuple[RunLoadView, ...]
    demands: tuple[DemandLoadView, ...]
    owners: tuple[OwnerLoadView, ...]
    forecast: ForecastView
    recent: RecentView | None = None  # None: a daemon of before doesn't tell
    memo_hits: int = 0  # nodes whose results the memo had, since the daemon started

    @property
    def waits_longest(self) -> RunLoadView | None:
        """The oldest of the runs of which nodes are queued and none is executed."""
        waiting = [each for each in self.runs if each.queued and not each.running and each.created_at is not None]
        return min(waiting, key=lambda each: str(each.created_at), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineBarView:
    """An execution at an agent; without an end while it goes on, without a run where that isn't known any more."""

    agent: str
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    run: str | None
    node: str | None
    operator: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineView:
    """What agents execute, and what they executed last; *earlier*: whether there was more before that."""

    bars: tuple[TimelineBarView, ...]
    earlier: bool
