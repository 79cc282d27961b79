"""What the engine needs from outside, and what it offers: narrow protocols, so that each side can be replaced in
tests.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, NamedTuple, Protocol, TypeVar

from accio.domain.agent_windows import AgentWindow
from accio.domain.caps import Cap
from accio.domain.ids import RunId
from accio.domain.operators import OperatorSpec
from accio.domain.states import NodeState
from accio_daemon.core.commands import Command
from accio_daemon.core.effects import Effects
from accio_daemon.core.facts import InstanceFacts
from accio_daemon.core.outgoing import Outgoing
from accio_daemon.core.plan import ClassRegistry
from accio_daemon.core.pruning import Measuring
from accio_daemon.core.readings.executing import Executing
from accio_daemon.core.readings.explain import NodesAway
from accio_daemon.core.readings.workload import Rest, Workload
from accio_daemon.core.restoring import ExecutionFacts, RunFacts
from accio_daemon.core.terms import AttemptNo, Instant, Result, RunNo, SessionNo
from accio_daemon.engine.snapshots import ClusterView, OwnersView, PoolsView
from accio_daemon.storage.jobs import WriteJob
from accio_daemon.storage.restore import AgentFacts, Numbers, OperatorFacts
from accio_daemon.storage.rows.pools import AllocationRow, PoolFacts
from accio_daemon.storage.writing.transactions import Committed

T = TypeVar("T")


class Records(Protocol):
    """What is committed, read at once; and what was decided, as rows of whoever stores them."""

    def results(self, keys: Sequence[bytes]) -> dict[bytes, Result]:
        """Look up the results of memo keys."""
        ...

    def load_run(self, run: RunNo, specs: Mapping[int, OperatorSpec]) -> RunFacts | None:
        """Read one run, ended or not; None if it isn't there."""
        ...

    def open_children(self, run: RunNo) -> list[InstanceFacts]:
        """Read the children that have begun and not ended."""
        ...

    def unsuccessful_children(
        self, run: RunNo, *, after: int, limit: int, index: int | None = None
    ) -> list[InstanceFacts]:
        """Read some children that ended otherwise than in success, behind *after*; or just the one at *index*."""
        ...

    def ended_child(self, run: RunNo, index: int) -> InstanceFacts | None:
        """Read a child that has ended; None if it hasn't, or isn't there."""
        ...

    def render(self, fx: Effects) -> Any:
        """Turn what was decided into rows, as they are now: records go on changing."""
        ...


class Stored(Protocol):
    """What a start reads back."""

    def begin_epoch(self) -> int:
        """Count the daemon's starts: numbers of attempts are those of an epoch."""
        ...

    def numbers(self) -> Numbers:
        """Read the highest numbers that were written."""
        ...

    def operators(self) -> Iterable[OperatorFacts]:
        """Read all operator versions, the latest of each name last."""
        ...

    def agents(self) -> Iterable[AgentFacts]:
        """Read all agents."""
        ...

    def pools(self) -> Iterable[PoolFacts]:
        """Read all pools, in order of preference."""
        ...

    def live_allocations(self) -> Iterable[AllocationRow]:
        """Read the allocations that haven't ended, the oldest first."""
        ...

    def caps(self) -> Mapping[str, Cap]:
        """Read the caps, by the key of their owner."""
        ...

    def windows(self) -> Iterable[AgentWindow]:
        """Read the windows of agents."""
        ...

    def used_by_hour(self, since: int) -> Iterable[tuple[str, int, float]]:
        """Read the core-seconds of each owner, by key, in each hour since 1970, from one on."""
        ...

    def given_back(self) -> list[str]:
        """Find the agents whose last allocations have ended."""
        ...

    def live_runs(self) -> list[RunNo]:
        """Find the runs that haven't ended, but for those that are set aside."""
        ...

    def load_run(self, run: RunNo, specs: Mapping[int, OperatorSpec]) -> RunFacts | None:
        """Read one run, ended or not; None if it isn't there."""
        ...

    def open_children(self, run: RunNo) -> list[InstanceFacts]:
        """Read the children that have begun and not ended."""
        ...

    def executions(self) -> Iterable[ExecutionFacts]:
        """Read all open executions, those without an attempt first."""
        ...

    def results(self, keys: Sequence[bytes]) -> dict[bytes, Result]:
        """Look up the results of memo keys."""
        ...

    def being_deleted(self) -> list[RunNo]:
        """Find the runs of which rows are left to be removed."""
        ...

    def last_run_id(self) -> RunId | None:
        """Read the highest id of a run."""
        ...


class Store(Records, Protocol):
    """Where everything that was decided becomes durable."""

    async def commit(self, rows: Any, jobs: Sequence[WriteJob[Any]], deleting: RunNo | None) -> Committed:
        """Make rendered rows durable, remove some rows of the run *deleting*, and run jobs, all or none of it.

        DiskFull: there is no space, and it may be tried again.
        """
        ...

    def refuse_if_gone(self) -> None:
        """Raise FailedPrecondition if nothing of what is committed would be found again."""
        ...


class Reply(Protocol):
    """Who waits for an answer; a future of asyncio is one."""

    def done(self) -> bool:
        """Return whether nobody waits any more."""
        ...

    def set_result(self, result: Any, /) -> None:
        """Answer."""
        ...

    def set_exception(self, exception: BaseException, /) -> None:
        """Refuse."""
        ...


class AgentLink(Protocol):
    """The sending half of one agent's session."""

    def deliver(self, outgoing: Outgoing) -> None:
        """Queue messages for the agent; never blocks. A link whose queue is full ends its session."""
        ...


class Clock(Protocol):
    """Where the engine reads the time."""

    def now(self) -> Instant:
        """Return this moment."""
        ...


class Success(NamedTuple):
    """How a single run succeeded, as it was committed."""

    started_ms: int | None
    ended_ms: int | None
    nodes: Mapping[NodeState, int]  # how many ended in which state


class RunWatch(Protocol):
    """Wakes somebody who watches a run."""

    success: Success | None  # of a single run, if that is the last that was committed of it while it was watched

    async def changed(self) -> None:
        """Return once something about the run was committed that this watch hasn't returned for; changes coalesce."""
        ...

    async def pause(self, seconds: float) -> None:
        """Wait so many seconds, but no longer once the run has ended."""
        ...

    @property
    def has_ended(self) -> bool:
        """Whether the run had ended when something about it was committed last, though that end may be yet to come."""
        ...


class RunChanges(Protocol):
    """Notes what changes of a run."""

    count: int  # how often something about it was committed

    def take(self) -> set[int]:
        """Return the nodes that may have changed in the database since the last call, and perhaps some that will."""
        ...

    def close(self) -> None:
        """Note no more."""
        ...


class Feed(Protocol):
    """Notes what changes anywhere."""

    async def changed(self, at_most: float) -> None:
        """Return once something was committed that `take` hasn't returned, or after so many seconds."""
        ...

    def take(self) -> tuple[set[RunNo], bool]:
        """Return the runs that changed since the last call, and whether anything else may have."""
        ...


class EnginePort(Protocol):
    """What services see of the engine."""

    @property
    def classes(self) -> ClassRegistry:
        """The kinds of nodes that there are, for plans that are compiled before they are submitted."""
        ...

    async def ask(self, command: Command[T]) -> T:
        """Post a command and wait until what it decided is durable; a domain error of the core is raised here.

        Survives the caller's cancellation: a command that was posted is carried out.
        """
        ...

    def post(self, command: Command[object]) -> None:
        """Post a command whose answer nobody waits for."""
        ...

    async def write(self, job: WriteJob[T], *, frees: bool = False) -> T:
        """Run a job inside the next transaction (after its rows are written).

        An AccioError undoes the job alone and is raised here. While the disk is full only what *frees* space is done.
        """
        ...

    def attach(self, session: SessionNo, link: AgentLink) -> None:
        """Make a session known before its AgentJoined is posted."""
        ...

    def detach(self, session: SessionNo) -> None:
        """Forget a session's link; its AgentLost is posted besides."""
        ...

    def next_session(self) -> SessionNo:
        """Number a new session."""
        ...

    def watch(self, run: RunNo) -> AbstractAsyncContextManager[RunWatch]:
        """Watch a run."""
        ...

    def is_going_on(self, run: RunNo) -> bool:
        """Return whether a run hasn't ended, or its end isn't durable yet: whoever watches it will be woken."""
        ...

    def follow(self, run: RunNo, index: int | None) -> RunChanges:
        """Begin to note what changes of a run, and of the nodes of its child *index* (0 for a single run)."""
        ...

    def feed(self) -> AbstractContextManager[Feed]:
        """Note what changes anywhere."""
        ...

    def explain(self, run: RunNo, index: int, node: int) -> str:
        """Say what a waiting or queued node waits for, or why a running one stays with a lost agent, now.

        Empty if there is nothing to say, or the World doesn't hold it.
        """
        ...

    def shared_with(self, run: RunNo, index: int, node: int) -> str:
        """Return the node, as RUN/NODE, whose execution a queued or running node shares; empty if it has its own."""
        ...

    def away(self, run: RunNo, index: int | None) -> list[NodesAway]:
        """Count the running nodes of a run (of its child *index* alone, if given) that stay with lost agents, now."""
        ...

    def stuck(self, run: RunNo, index: int | None) -> str:
        """Say why a queued node of a run (of its child *index* alone, if given) can't have a place with the agents that
        are there; empty if that isn't known of any.
        """
        ...

    def differing(self, operator_no: int) -> str:
        """Say how connected agents differ in an operator of which this version is used; empty if they agree."""
        ...

    def stale(self, operator_no: int) -> str:
        """Say whose code of an operator has changed on disk since it was announced; empty if nobody's has."""
        ...

    def left_out(self) -> str:
        """Say which operators connected agents can't load, and why; empty if there are none."""
        ...

    def pinned(self, attempt: AttemptNo) -> tuple[int, OperatorSpec] | None:
        """Return number and specification of the operator that an attempt executes; None if it doesn't go on."""
        ...

    def holds(self, session: SessionNo, attempt: AttemptNo) -> bool:
        """Return whether an attempt goes on, and is the agent's of a session."""
        ...

    def cluster(self) -> ClusterView:
        """Count what the World holds, now."""
        ...

    def executing(self) -> list[Executing]:
        """Return what agents execute, now."""
        ...

    def measuring(self) -> list[Measuring]:
        """Return the studies whose trials may be ended early, and the attempts that measure, now."""
        ...

    def workload(self, also: Iterable[Rest] = ()) -> Workload:
        """Read what is left to do, now, and where: of *also*, which nobody has submitted, where alone."""
        ...

    def pools(self) -> PoolsView:
        """Return what is known of pools, now."""
        ...

    def owners(self) -> OwnersView:
        """Return whose work there is, and what caps there are, now."""
        ...

    def windows(self) -> tuple[AgentWindow, ...]:
        """Return the windows of agents, those that begin first before others."""
        ...
