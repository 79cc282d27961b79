"""What an operator says while it runs: messages go to stderr, progress to the shared page, series to the agent."""

import sys
import time
from collections.abc import Mapping

from accio.domain.series import Series
from accio_agent.protocol import frames
from accio_agent.protocol.frames import Kind
from accio_agent.protocol.page import WorkerPage
from accio_agent.protocol.reports import series_frame
from accio_agent.worker.job import Job

EVERY_S = 0.5


class JobSinks:
    """The sinks of one attempt. Series are told at most twice a second, and only if the agent has taken the last ones:
    the node never waits for it.
    """

    def __init__(self, job: Job, page: WorkerPage) -> None:
        self._job = job
        self._page = page
        self._changed: dict[str, None] = {}
        self._told = time.monotonic()

    def log(self, text: str) -> None:
        sys.stderr.write(text + "\n")

    def progress(self, fraction: float) -> None:
        self._page.progress(fraction)

    def measured(self, name: str, series: Mapping[str, Series]) -> None:
        self._changed[name] = None
        now = time.monotonic()
        if now - self._told < EVERY_S:
            return
        self._told = now
        for each in list(self._changed):
            content = series_frame(self._job.attempt, each, series[each])
            if not self._job.offer(frames.framed(Kind.SERIES, content)):
                return
            del self._changed[each]
