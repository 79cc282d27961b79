"""Two loops drive the cycle of batches (`cycle.py`) with asyncio.

The *decider* decides what has arrived; the *committer* takes what has been decided since, makes it durable in one
transaction, then lets it act and be answered. While batch n is being committed, batch n+1 is being decided.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from accio.collector import Portions
from accio.loop_lag import watch_loop
from accio.one_error import lasting
from accio_daemon.engine.cycle import Batch, Cycle
from accio_daemon.engine.observer import Observer
from accio_daemon.engine.ports import Clock, Store
from accio_daemon.short_calls import ShortCalls
from accio_daemon.storage.transactions import Committed, DiskFull

# Seconds between looks at leases, back-offs and reservations.
TICK = 0.25
# Seconds that an answer has to go out before the children of the run that it tells of are opened.
ANSWERING = 0.002
# Seconds of deciding for which others get one more turn, and the turns that they get at most.
TURN = 0.0005
TURNS = 12
# Seconds that a commit waits at most while more is being decided, where nobody needs it before.
GATHERING = 0.004
# Seconds between tries to write when the disk is full.
FULL_DISK_PAUSE = 1.0


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
        self._clock = clock
        self._observer = observer
        self._crash_point = crash_point
        self._short_calls = short_calls
        self._portions = portions
        self._stopping = False
        self._posted, self._decided, self._committed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._urgent = asyncio.Event()  # that what was decided is committed
        self._idle = False  # whether nothing is left to decide

    async def run(self) -> None:
        """Decide and commit until stopped."""
        async with asyncio.TaskGroup() as loops:
            decider = loops.create_task(lasting(self._decide, may_end=True), name="decider")
            committer = loops.create_task(lasting(self._commit, may_end=True), name="committer")
            loops.create_task(lasting(self._tick, may_end=True), name="ticker")
            watching = partial(watch_loop, lambda: self._clock.now().mono, self._observer.was_late)
            watchdog = loops.create_task(lasting(watching), name="loop watchdog")
            loops.create_task(self._end_with_committer(committer, decider, watchdog))

    @staticmethod
    async def _end_with_committer(committer: "asyncio.Task[None]", *others: "asyncio.Task[None]") -> None:
        """Only the committer knows when all is durable; until then the decider stays, as more may be posted."""
        await asyncio.wait([committer])
        for other in others:
            other.cancel()

    def stop(self) -> None:
        """End both loops once everything that was posted is durable."""
        self._stopping = True
        self.look()

    def look(self) -> None:
        """Wake whoever has something to do now."""
        if self._cycle.inbox or self._stopping:
            self._posted.set()
        if self._cycle.batch.jobs:
            self._call_for_commit()
        if self._cycle.refusing:  # nobody waits for a commit then, but for a command that is decided nevertheless
            self._committed.set()

    def _call_for_commit(self) -> None:
        self._decided.set()
        if self._stopping or not self._cycle.can_wait():
            self._urgent.set()

    async def _tick(self) -> None:
        while not self._stopping:
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
                self._call_for_commit()
                await self._committed.wait()
            self._observer.decided(len(self._cycle.inbox))
            begun = self._clock.now().mono
            briefly = self._short_calls.keep_coming
            if self._portions is not None:
                self._portions.choose(few=briefly)
            more = self._cycle.decide(briefly=briefly)
            if not more or self._cycle.is_due():
                self._call_for_commit()
            seconds = self._clock.now().mono - begun
            if more or self._cycle.inbox:  # else others have their turns while it waits
                await self._yield_turns(seconds)
            await self._short_calls.pass_by(seconds)

    async def _yield_turns(self, seconds: float) -> None:
        """Yield to messages and commits. A call needs several turns of the loop: a step that took so many *seconds* is
        followed by more of them than a short one, or a call would wait for as many steps.
        """
        for _ in range(1 + min(TURNS, int(seconds / TURN))):
            await asyncio.sleep(0)

    async def _next_cause(self) -> None:
        """Wait until deciding may do something: for a command, or for a commit that children wait for, or a full disk.

        After any other commit there is nothing to decide, and nothing to commit, which an idle system needn't find out.
        """
        world, was_refusing = self._cycle.world, bool(self._cycle.refusing)
        while True:
            if self._stopping:
                self._call_for_commit()
            await self._next_post()
            if self._cycle.inbox or world.unopened or was_refusing:
                return

    async def _next_post(self) -> None:
        self._posted.clear()
        self._idle = True
        self._urgent.set()
        try:
            await self._posted.wait()
        finally:
            self._idle = False

    async def _let_answers_out(self) -> None:
        """Children can wait for those who wait for an answer, unless something else comes in."""
        if not self._cycle.inbox:
            await self._next_post()
        if not self._cycle.inbox:
            await asyncio.sleep(ANSWERING)

    async def _commit(self) -> None:
        while True:
            await self._decided.wait()
            await self._gather()
            self._decided.clear()
            batch = self._cycle.seal()
            if batch is None:
                if self._stopping and self._cycle.is_done():
                    return
                continue
            self._crash_point("before_commit")
            begun = self._clock.now().mono
            committed = await self._until_there_is_space(batch)
            self._observer.committed(batch.fx, self._clock.now().mono - begun)
            self._crash_point("after_commit")
            with_work = self._cycle.act(committed)
            if batch.begun:
                self._observer.dispatched(with_work, self._clock.now().mono - batch.begun)
            self._crash_point("after_act")
            if with_work and batch.answers:
                await asyncio.sleep(0)  # the work goes out before those run who were waiting for their answers
            self._cycle.answer(committed)
            self._crash_point("after_answer")
            if self._cycle.deleting or self._stopping:
                self._call_for_commit()
            self._committed.set()
            self._posted.set()
            self.look()

    async def _gather(self) -> None:
        """Put off a commit that can wait while more is being decided: a batch of many nodes costs less for each.

        Once nothing is left to decide waiting would only leave the time unused in which it could be made.
        """
        self._urgent.clear()
        if not self._stopping and not self._idle and self._cycle.can_wait():
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHERING):
                    await self._urgent.wait()

    async def _until_there_is_space(self, batch: Batch) -> Committed:
        """Commit a batch; as long as the disk is full, refuse new work and try again."""
        while True:
            try:
                return await self._store.commit(batch.rows, [job for job, _ in batch.jobs], batch.deleting)
            except DiskFull as error:
                if self._stopping:
                    raise
                if not self._cycle.full_disk.found(str(error)):
                    await asyncio.sleep(FULL_DISK_PAUSE)
