"""Ends workers: a signal to the group, SIGKILL when its time is over, and in the end their template with them.

The core decides that an attempt ends (`AgentCore.stop`), and asks to hold its lane (`Effects.held`). A worker is killed
only while it executes such an attempt: what it has executed already is reported, and what it hasn't begun is handed
back. The signals are sent by the worker's template (`Template._kill`), which knows whether the process is still there.
"""

import signal
from collections.abc import Callable

import structlog

from accio.domain.states import Cause
from accio_agent.agent.core.decisions import AgentCore
from accio_agent.agent.workers.worker_handle import WorkerHandle

log = structlog.get_logger("accio.agent")

KILL_GRACE_S = 2.0
"""Between SIGTERM and SIGKILL."""

PATIENCE = 2
"""How often a worker is killed before its template is."""


class Kills:
    """Who must die, and how urgently. *now* is the event loop's clock."""

    def __init__(self, core: AgentCore, now: Callable[[], float]) -> None:
        self._core = core
        self._now = now

    def hold(self, worker: WorkerHandle, no: int | None) -> None:
        """Ask a worker to hand back; if it runs the attempt *no*, kill it. No other attempt begins in between."""
        worker.hand_back()
        if no is not None:
            worker.doomed.add(no)
            self.kill_doomed(worker)

    def kill_doomed(self, worker: WorkerHandle) -> None:
        """Kill a worker if what it runs now must not run on: with SIGTERM first, unless it needs too much memory."""
        current = worker.page.current()[0]
        if current in worker.doomed and worker.kill_at is None:
            doom = self._core.doom(current)
            at_once = doom is not None and doom.failure.cause is Cause.OUT_OF_MEMORY
            self._core.condemn(worker.lane)
            self._signal(worker, signal.SIGKILL if at_once else signal.SIGTERM)

    def kill(self, worker: WorkerHandle) -> None:
        """Kill a worker at once, whatever it runs."""
        self._core.condemn(worker.lane)
        self._signal(worker, signal.SIGKILL)

    def press(self, worker: WorkerHandle) -> bool:
        """Kill a worker that should be gone by now; False if it isn't to die.

        If it survives even that, its template doesn't answer, and ends with it.
        """
        if worker.kill_at is None:
            return False
        if self._now() >= worker.kill_at:
            worker.kills += 1
            if worker.kills > PATIENCE:
                log.warning("a template doesn't answer", worker=worker.lane, pool=worker.template.pool)
                worker.template.destroy()
                worker.kill_at = self._now() + KILL_GRACE_S
            else:
                self._signal(worker, signal.SIGKILL)
        return True

    def _signal(self, worker: WorkerHandle, number: int) -> None:
        worker.template.kill(worker.lane, number)
        worker.kill_at = self._now() + KILL_GRACE_S
