"""Two loops drive the cycle of batches (`cycle.py`) with asyncio.

The *decider* decides what has arrived; the *committer* takes what has been decided since, makes it durable in one
transaction, then lets it act and be answered. While batch n is being committed, batch n+1 is being decided. Which
commits wait for more is told in `commits.py`.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from accio.collector import Portions
from accio.loop_lag import watch_loop
from accio.one_error import lasting
from accio_daemon.engine.commits import Commits
from accio_daemon.engine.cycle import Cycle
from accio_daemon.engine.observer import Observer
from accio_daemon.engine.ports import Clock, Store
from accio_daemon.short_calls import ShortCalls, yield_turns

# Seconds between looks at leases, back-offs and reservations.
TICK = 0.25
# Seconds that an answer has to go out before the children of the run that it tells of are opened.
ANSWERING = 0.002


class Loops:
    """Chooses when a cycle decides and commits."""

    def __init__(
        self,
        cycle: Cycle,
        store: Store,
        clock: Clock,
        observer: Observer,
        crash_point: Callable[[str], None],
        short_calls: ShortCalls,
        portions: Portions | None = None,
    ) -> None:
        """Drive *cycle*; how much the collector looks at is chosen by what *short_calls* there are, with *portions*."""
        self._cycle = cycle
        self._store = store
        self._commits = Commits(cycle, store)
        self._clock = clock
        self._observer = observer
        self._crash_point = crash_point
        self._short_calls = short_calls
        self._portions = portions
        self._posted, self._committed = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """Decide and commit until stopped."""
        async with asyncio.TaskGroup() as loops:
            decider = loops.create_task(lasting(self._decide, may_end=True), name="decider")
            committer = loops.create_task(lasting(self._commit, may_end=True), name="committer")
            loops.create_task(lasting(self._tick, may_end=True), name="ticker")
            watching = partial(watch_loop, lambda: self._clock.now().mono, self._observer.was_late)
            watchdog = loops.create_task(lasting(watching), name="loop watchdog")
            await asyncio.wait([committer])  # it alone knows when all is durable; until then more may be posted
            for other in (decider, watchdog):
                other.cancel()

    def stop(self) -> None:
        """End both loops once everything that was posted is durable."""
        self._commits.stopping = True
        self.look()

    def look(self) -> None:
        """Wake whoever has something to do now."""
        if self._cycle.inbox or self._commits.stopping:
            self._posted.set()
        if self._cycle.batch.jobs or self._cycle.deleting or self._commits.stopping:
            self._commits.call()
        if self._cycle.refusing:  # nobody waits for a commit then, but for a command that is decided nevertheless
            self._committed.set()

    async def _tick(self) -> None:
        while not self._commits.stopping:
            await asyncio.sleep(TICK)
            self._store.refuse_if_gone()  # nobody need write for it to be noticed
            self._cycle.tick()
            self._committed.set()  # there may be space on the disk again
            self.look()

    async def _decide(self) -> None:
        more = True
        while True:
            if not more and not self._cycle.inbox:
                await self._next_cause()
            if more and self._cycle.has_askers() and self._cycle.world.unopened:
                await self._let_answers_out()
            while self._cycle.must_wait():
                self._committed.clear()
                self._commits.call()
                await self._committed.wait()
            self._observer.decided(len(self._cycle.inbox))
            begun = self._clock.now().mono
            briefly = self._short_calls.keep_coming
            if self._portions is not None:
                self._portions.choose(few=briefly)
            more = self._cycle.decide(briefly=briefly)
            if not more or self._cycle.is_due():
                self._commits.call()
            seconds = self._clock.now().mono - begun
            if more or self._cycle.inbox:  # else others have their turns while it waits
                await yield_turns(seconds)
            await self._short_calls.pass_by(seconds)

    async def _next_cause(self) -> None:
        """Wait until deciding may do something: for a command, or for a commit that children wait for, or a full disk.

        After any other commit there is nothing to decide, and nothing to commit, which an idle system needn't find out.
        """
        world, was_refusing = self._cycle.world, bool(self._cycle.refusing)
        await self._commits.idle_until(self._posted)
        while not (self._cycle.inbox or world.unopened or was_refusing):
            await self._commits.idle_until(self._posted)

    async def _let_answers_out(self) -> None:
        """Send answers before further children are opened, unless something else comes in."""
        if not self._cycle.inbox:
            await self._commits.idle_until(self._posted)
        if not self._cycle.inbox:
            await asyncio.sleep(ANSWERING)

    async def _commit(self) -> None:
        while True:
            await self._commits.due()
            batch = self._cycle.seal()
            if batch is None:
                if self._commits.stopping and self._cycle.is_done():
                    return
                continue
            self._crash_point("before_commit")
            begun = self._clock.now().mono
            committed = await self._commits.write(batch)
            self._observer.committed(batch.fx, self._clock.now().mono - begun)
            self._crash_point("after_commit")
            with_work = self._cycle.act(committed)
            if batch.begun:
                self._observer.dispatched(with_work, self._clock.now().mono - batch.begun)
            self._crash_point("after_act")
            if with_work and batch.answers:  # the work goes out before those run who were waiting for their answers
                await asyncio.sleep(0)  # a session's writer takes it, ...
                await asyncio.sleep(0)  # ... and writes it
            self._cycle.answer(committed)
            self._crash_point("after_answer")
            self._committed.set()
            self._posted.set()
            self.look()
