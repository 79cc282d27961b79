"""Watches what workers are doing: time-outs, memory, stops, progress, long attempts that others wait behind.

It looks at the shared pages a few dozen times a second while something runs, and not at all otherwise.
"""

import asyncio
import math
import signal
import time
from typing import TYPE_CHECKING

import structlog

from accio.domain.states import Cause
from accio.v1 import agents_pb2
from accio_agent.agent.core.outcome import Outcome
from accio_agent.agent.workers import outcomes
from accio_agent.agent.workers.handles import Worker
from accio_agent.agent.workers.limits import MemoryGuard
from accio_agent.agent.workers.log_answers import LogAnswers

if TYPE_CHECKING:
    from accio_agent.agent.shell import Agent

log = structlog.get_logger("accio.agent")

TICK_S = 0.02
KILL_GRACE_S = 2.0
"""Between SIGTERM and SIGKILL."""

PATIENCE = 2
"""How often a worker is killed before its template is."""

LONG_NS = 10_000_000
"""An attempt that runs longer than this doesn't keep others waiting behind it."""

LIVE_TICKS = 10
PROGRESS_TICKS = 25
MEMORY_TICKS = 5


class Supervisor:
    """The watch over all workers of an agent."""

    def __init__(self, agent: "Agent", guard: MemoryGuard, answers: LogAnswers) -> None:
        self._agent = agent
        self._guard = guard
        self._answers = answers
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._ticks = 0
        self._dooms: dict[int, Outcome] = {}  # attempts that are to end so
        self._progress: dict[int, float] = {}  # what was sent

    def wake(self) -> None:
        """Something runs: look at it."""
        if self._timer is None:
            self._timer = self._loop.call_later(TICK_S, self._tick)

    def stop(self, no: int, outcome: Outcome) -> None:
        """End an attempt with this outcome."""
        if no not in self._dooms:
            self._dooms[no] = outcome
            self._agent.core.stop([no], outcome)
            if not self._agent.core.knows(no):
                del self._dooms[no]

    def hold(self, worker: Worker, no: int | None) -> None:
        """Ask a worker to hand back; if it runs the attempt *no*, kill it. No other attempt begins in between."""
        worker.hand_back()
        if no is not None:
            worker.doomed.add(no)
            self._kill_doomed(worker)
        self.wake()

    def end(self, worker: Worker) -> None:
        """Kill a worker at once, whatever it runs."""
        worker.kill(signal.SIGKILL)
        worker.kill_at = self._loop.time() + KILL_GRACE_S
        self.wake()

    def outcome_of_death(self, worker: Worker, attempt: int, started_ns: int, status: int | None) -> Outcome:
        """How the attempt ended that a worker executed when its process ended."""
        log_bytes = worker.capture.died(attempt or None)
        if worker.template.failure:
            return outcomes.not_started(worker.template.failure)
        doomed = self._dooms.pop(attempt, None) or (outcomes.garbled() if worker.garbled else None)
        outcome = doomed or outcomes.of_death(status, out_of_memory=self._guard.verdict(worker.lane))
        wall_us = max(0, time.monotonic_ns() - started_ns) // 1000 if attempt else 0
        outcomes.complete(outcome, wall_us=wall_us, log_bytes=log_bytes, tails=worker.capture.tails())
        if doomed is None and (attempt or status):
            log.info("worker lost", worker=worker.lane, attempt=attempt, reason=outcome.failure.message)
        return outcome

    def _tick(self) -> None:
        self._timer = None
        self._ticks += 1
        busy = False
        now_ns = time.monotonic_ns()
        for lane_no, attempts in self._agent.core.running():
            worker = self._agent.workers.get(lane_no)
            if worker is not None:
                busy = True
                self._watch(worker, attempts, now_ns)
        for worker in self._agent.workers.values():
            if worker.kill_at is not None:
                busy = True
                if self._loop.time() >= worker.kill_at:
                    self._kill_harder(worker)
        if self._ticks % PROGRESS_TICKS == 0:
            self._send_progress()
        self._dooms = (
            {no: doom for no, doom in self._dooms.items() if self._agent.core.knows(no)} if self._dooms else {}
        )
        waiting = self._answers.retry(self._agent.core.knows)
        if busy or waiting:
            self.wake()
        self._agent.settle_soon()

    def _watch(self, worker: Worker, attempts: list[int], now_ns: int) -> None:
        if worker.doomed:
            self._kill_doomed(worker)
        current, started_ns, _ = worker.page.current()
        if not current:
            worker.suspended = 0
            return
        elapsed = now_ns - started_ns
        work_class = worker.work_class
        if work_class is not None and work_class.timeout_ms and elapsed > work_class.timeout_ms * 1_000_000:
            self.stop(current, outcomes.timed_out(work_class.timeout_ms))
        if work_class is not None and work_class.memory and self._ticks % MEMORY_TICKS == 0:
            used = self._guard.used(worker.lane, worker.pid, work_class.memory)
            if used > work_class.memory:
                self.stop(current, outcomes.too_large(used, work_class.memory))
        if elapsed > LONG_NS:
            self._watch_long(worker, attempts, current)

    def _watch_long(self, worker: Worker, attempts: list[int], current: int) -> None:
        """What a worker that is busy for long keeps from others: results, attempts that wait behind, output."""
        worker.take_results()
        if len(attempts) > 1 and current in attempts:
            if worker.suspended == current:
                self._agent.core.reclaim(worker.lane, current)
            else:
                worker.suspended = current
                self._agent.core.suspend(worker.lane)
        if worker.capture.full or self._ticks % LIVE_TICKS == 0:
            worker.capture.settle_running(lambda: self._certain(worker))
            worker.read_streams()

    def _certain(self, worker: Worker) -> int:
        """The attempt that a worker runs, if everything that it ran before has been told; else 0."""
        worker.take_results()
        current = worker.page.current()[0]
        return current if current and self._agent.core.head(worker.lane) == current else 0

    def _kill_doomed(self, worker: Worker) -> None:
        current = worker.page.current()[0]
        if current in worker.doomed and worker.kill_at is None:
            doom = self._dooms.get(current)
            failure = doom.failure if doom else None
            at_once = failure is not None and failure.cause is Cause.OUT_OF_MEMORY
            self._agent.core.condemn(worker.lane)
            worker.kill(signal.SIGKILL if at_once else signal.SIGTERM)
            worker.kill_at = self._loop.time() + KILL_GRACE_S

    def _kill_harder(self, worker: Worker) -> None:
        """Kill a worker that is still there; if it survives that, its template doesn't answer and ends with it."""
        worker.kills += 1
        if worker.kills > PATIENCE:
            log.warning("a template doesn't answer", worker=worker.lane, pool=worker.template.pool)
            worker.template.destroy()
        else:
            worker.kill(signal.SIGKILL)
        worker.kill_at = self._loop.time() + KILL_GRACE_S

    def _send_progress(self) -> None:
        found: dict[int, float] = {}
        for lane_no, _ in self._agent.core.running():
            worker = self._agent.workers.get(lane_no)
            if worker is not None:
                current, _, fraction = worker.page.current()
                if current and not math.isnan(fraction):
                    found[current] = fraction
        news = {no: fraction for no, fraction in found.items() if self._progress.get(no) != fraction}
        self._progress = found
        if news:
            self._agent.tell(
                agents_pb2.AgentMessage(progress=agents_pb2.Progress(attempt=news.keys(), fraction=news.values()))
            )
