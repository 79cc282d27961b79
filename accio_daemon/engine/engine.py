"""The engine: the one owner of the World, and the only writer of the database; what services see of both.

What a batch goes through is decided in `cycle.py`, and when each step is taken in `loops.py`.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TypeVar

from accio.collector import Portions
from accio.domain.agent_windows import AgentWindow
from accio.domain.operators import OperatorSpec
from accio.domain.states import RUN_TERMINAL
from accio_daemon.core.commands import AgentHeard, AgentJoined, AgentLost, Command
from accio_daemon.core.effects import AskRequest, GatherRequest, MeasureRequest
from accio_daemon.core.plan import ClassRegistry
from accio_daemon.core.pools.commands import PoolsJoined
from accio_daemon.core.pruning import Measuring, measuring
from accio_daemon.core.readings import explain, offers
from accio_daemon.core.readings.executing import Executing, executing
from accio_daemon.core.readings.explain import NodesAway
from accio_daemon.core.readings.workload import Rest, Workload, workload
from accio_daemon.core.terms import AttemptNo, RunNo, SessionNo
from accio_daemon.core.world import World
from accio_daemon.engine.cycle import Cycle
from accio_daemon.engine.full_disk import FullDisk
from accio_daemon.engine.loops import Loops
from accio_daemon.engine.observer import Observer
from accio_daemon.engine.ports import AgentLink, Clock, Store
from accio_daemon.engine.restart import Restored
from accio_daemon.engine.snapshots import ClusterView, OwnersView, PoolsView
from accio_daemon.engine.views import cluster_view, owners_view, pools_view, windows_view
from accio_daemon.engine.watchers import Changes, Feed, RunWatchers
from accio_daemon.short_calls import ShortCalls
from accio_daemon.storage.jobs import WriteJob

T = TypeVar("T")

_OF_SESSIONS = (AgentJoined, AgentHeard, PoolsJoined)
"""Whose sessions go on waiting while the disk is full: nobody looks at them."""


class Engine:
    """A cycle and the loops that drive it; offers EnginePort."""

    def __init__(
        self,
        *,
        restored: Restored,
        store: Store,
        clock: Clock,
        observer: Observer | None = None,
        crash_point: Callable[[str], None] = lambda name: None,
        disk: FullDisk | None = None,
        short_calls: ShortCalls | None = None,
        portions: Portions | None = None,
        gather: Callable[[GatherRequest], None] | None = None,
        measure: Callable[[MeasureRequest], None] | None = None,
        ask_sampler: Callable[[AskRequest], None] | None = None,
        allocation_over: Callable[[int, int], None] | None = None,
    ) -> None:
        """Start from a restored World, and let *short_calls* pass; *allocation_over* is called with the number of each
        that is over, and when.
        """
        self._watchers = RunWatchers()
        self.cycle = Cycle(
            restored=restored,
            records=store,
            clock=clock,
            full_disk=disk,
            watchers=self._watchers,
            gather=gather,
            measure=measure,
            ask_sampler=ask_sampler,
            allocation_over=allocation_over,
        )
        self.observer = observer or Observer()
        self.observer.observe_world(restored.world)
        calls = short_calls or ShortCalls()
        self._loops = Loops(self.cycle, store, clock, self.observer, crash_point, calls, portions)
        self._clock = clock
        self._sessions = 0

    @property
    def world(self) -> World:
        """The World, for looking at."""
        return self.cycle.world

    @property
    def refusing(self) -> str:
        """Why new work is refused; empty if it isn't."""
        return self.cycle.refusing

    @property
    def classes(self) -> ClassRegistry:
        """The kinds of nodes that there are."""
        return self.world.classes

    async def ask(self, command: Command[T]) -> T:
        """Post a command and wait until what it decided is durable; ResourceExhausted if a full disk holds that up."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if not isinstance(command, _OF_SESSIONS):
            self.cycle.full_disk.holds_up(future)
        self.cycle.ask(command, future)
        self._loops.look()
        return await asyncio.shield(future)

    def post(self, command: Command[object]) -> None:
        """Post a command whose answer nobody waits for."""
        self.cycle.post(command)
        self._loops.look()

    async def write(self, job: WriteJob[T], *, frees: bool = False) -> T:
        """Run a job inside the next transaction."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.cycle.full_disk.holds_up(future)
        self.cycle.write(job, future, frees=frees)
        self._loops.look()
        return await asyncio.shield(future)

    def next_session(self) -> SessionNo:
        """Number a new session."""
        self._sessions += 1
        return SessionNo(self._sessions)

    def attach(self, session: SessionNo, link: AgentLink) -> None:
        """Make a session known before its AgentJoined is posted."""
        self.cycle.links.attach(session, link)

    def detach(self, session: SessionNo) -> None:
        """Forget a session's link."""
        self.cycle.links.detach(session)

    def lost(self, session: SessionNo, reason: str) -> None:
        """Post that a session ended without a goodbye."""
        self.detach(session)
        self.post(AgentLost(session=session, reason=reason))

    def watch(self, run: RunNo) -> AbstractAsyncContextManager[RunWatchers.Watch]:
        """Watch a run."""
        return self._watchers.watching(run)

    def is_going_on(self, run: RunNo) -> bool:
        """Return whether a run hasn't ended, or its end isn't durable yet; see EnginePort."""
        found = self.world.runs.get(run)
        return (found is not None and found.state not in RUN_TERMINAL) or self.cycle.is_undurable(run)

    def follow(self, run: RunNo, index: int | None) -> Changes:
        """Note what changes of a run; see EnginePort."""
        return self._watchers.follow(run, index)

    def feed(self) -> AbstractContextManager[Feed]:
        """Note what changes anywhere; see EnginePort."""
        return self._watchers.feeding()

    def explain(self, run: RunNo, index: int, node: int) -> str:
        """Say what a node waits for, or why it stays with a lost agent, now."""
        return explain.why_waiting(self.world, run, index, node, self._clock.now())

    def shared_with(self, run: RunNo, index: int, node: int) -> str:
        """Return the node whose execution a node shares; see EnginePort."""
        return explain.shared_with(self.world, run, index, node)

    def away(self, run: RunNo, index: int | None) -> list[NodesAway]:
        """Count the running nodes that stay with lost agents; see EnginePort."""
        return explain.away(self.world, run, index)

    def stuck(self, run: RunNo, index: int | None) -> str:
        """Say why a queued node of a run will have no place; see EnginePort."""
        return explain.stuck(self.world, run, index)

    def differing(self, operator_no: int) -> str:
        """Say how agents differ in an operator; see EnginePort."""
        return offers.differing(self.world, operator_no) if operator_no in self.world.specs else ""

    def stale(self, operator_no: int) -> str:
        """Say whose code of an operator has changed on disk; see EnginePort."""
        return offers.stale(self.world, operator_no) if operator_no in self.world.specs else ""

    def left_out(self) -> str:
        """Say which operators agents can't load; see EnginePort."""
        return offers.left_out(self.world)

    def pinned(self, attempt: AttemptNo) -> tuple[int, OperatorSpec] | None:
        """Find what an attempt executes; see EnginePort."""
        execution = self.cycle.world.by_attempt.get(attempt)  # asked for each node
        if execution is None:
            return None
        node = execution.node
        return node.operator_no, node.operator

    def holds(self, session: SessionNo, attempt: AttemptNo) -> bool:
        """Say whether a session's agent has an attempt; see EnginePort."""
        world = self.cycle.world
        execution = world.by_attempt.get(attempt)
        return execution is not None and execution.agent is world.sessions.get(session)

    def cluster(self) -> ClusterView:
        """Count what the World holds, now."""
        welcomed = self.cycle.links.welcomed
        return cluster_view(self.world, self._clock.now(), welcomed=welcomed, refusing=self.refusing)

    def executing(self) -> list[Executing]:
        """Return what agents execute, now; see EnginePort."""
        return executing(self.world)

    def measuring(self) -> list[Measuring]:
        """Return the studies whose trials may be ended early, now; see EnginePort."""
        return measuring(self.world)

    def workload(self, also: Iterable[Rest] = ()) -> Workload:
        """Read what is left to do; see EnginePort."""
        return workload(self.world, self._clock.now(), also)

    def pools(self) -> PoolsView:
        """Return what is known of pools, now."""
        return pools_view(self.world, self._clock.now())

    def owners(self) -> OwnersView:
        """Return whose work there is, and what caps there are, now."""
        return owners_view(self.world, self._clock.now())

    def windows(self) -> tuple[AgentWindow, ...]:
        """Return the windows of agents; see EnginePort."""
        return windows_view(self.world)

    async def run(self) -> None:
        """Decide and commit until stopped."""
        await self._loops.run()

    def stop(self) -> None:
        """End once everything that was posted is durable."""
        self._loops.stop()
