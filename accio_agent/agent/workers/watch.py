"""Watches what workers are doing: time-outs, memory, progress, long attempts that others wait behind.

It looks at the shared pages a few dozen times a second while something runs, and not at all otherwise. What it finds
goes to the core, which decides.
"""

import asyncio
import math
import time
from collections.abc import Callable, Mapping

from accio_agent.agent.core.decisions import AgentCore
from accio_agent.agent.workers import outcomes
from accio_agent.agent.workers.fleet import Fleet
from accio_agent.agent.workers.kills import Kills
from accio_agent.agent.workers.worker_handle import WorkerHandle

TICK_S = 0.02

LONG_NS = 10_000_000
"""An attempt that runs longer than this doesn't keep others waiting behind it."""

LIVE_TICKS = 10
PROGRESS_TICKS = 25
MEMORY_TICKS = 5


class Watch:
    """The watch over all workers of an agent."""

    def __init__(
        self,
        core: AgentCore,
        fleet: Fleet,
        kills: Kills,
        *,
        report_progress: Callable[[Mapping[int, float]], None],
        looked: Callable[[], bool],
    ) -> None:
        """*looked* is called after each look, and returns whether there must be another though nothing runs;
        *report_progress* gets, a few times a second, what has changed of the progress of attempts, also if nothing has.
        """
        self._core = core
        self._fleet = fleet
        self._kills = kills
        self._report_progress = report_progress
        self._looked = looked
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._ticks = 0
        self._progress: dict[int, float] = {}  # what was sent

    def wake(self) -> None:
        """Look at what runs, from now on until nothing does."""
        if self._timer is None:
            self._timer = self._loop.call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._ticks += 1
        busy = False
        now_ns = time.monotonic_ns()
        workers = self._fleet.workers
        for lane_no, attempts in self._core.running():
            worker = workers.get(lane_no)
            if worker is not None:
                busy = True
                self._look(worker, attempts, now_ns)
        for worker in workers.values():
            busy |= self._kills.press(worker)
        if self._ticks % PROGRESS_TICKS == 0:
            self._look_at_progress()
        if self._looked() or busy:
            self.wake()

    def _look(self, worker: WorkerHandle, attempts: list[int], now_ns: int) -> None:
        if worker.doomed:
            self._kills.kill_doomed(worker)
        current, started_ns, _ = worker.page.current()
        if not current:
            worker.suspended = 0
            return
        elapsed = now_ns - started_ns
        work_class = worker.work_class
        if work_class is not None and work_class.timeout_ms and elapsed > work_class.timeout_ms * 1_000_000:
            self._core.stop([current], outcomes.timed_out(work_class.timeout_ms))
        if work_class is not None and work_class.memory and self._ticks % MEMORY_TICKS == 0:
            used = self._fleet.guard.used(worker.lane, worker.pid, work_class.memory)
            if used > work_class.memory:
                self._core.stop([current], outcomes.too_large(used, work_class.memory))
        if elapsed > LONG_NS:
            self._look_at_long(worker, attempts, current)

    def _look_at_long(self, worker: WorkerHandle, attempts: list[int], current: int) -> None:
        """Collect what a worker that is busy for long keeps from others: results, attempts that wait behind, output."""
        worker.take_results()
        if len(attempts) > 1 and current in attempts:
            if worker.suspended == current:
                self._core.reclaim(worker.lane, current)
            else:
                worker.suspended = current
                self._core.suspend(worker.lane)
        if worker.capture.full or self._ticks % LIVE_TICKS == 0:
            worker.capture.settle_running(lambda: self._certain(worker))
            worker.read_streams()

    def _certain(self, worker: WorkerHandle) -> int:
        """Return the attempt that a worker runs, if everything that it ran before has been told; else 0."""
        worker.take_results()
        current = worker.page.current()[0]
        return current if current and self._core.head(worker.lane) == current else 0

    def _look_at_progress(self) -> None:
        found: dict[int, float] = {}
        for lane_no, _ in self._core.running():
            worker = self._fleet.workers.get(lane_no)
            if worker is not None:
                current, _, fraction = worker.page.current()
                if current and not math.isnan(fraction):
                    found[current] = fraction
        news = {no: fraction for no, fraction in found.items() if self._progress.get(no) != fraction}
        self._progress = found
        self._report_progress(news)
