"""The reports of one session whose content is being looked for in the store, while its other messages are read.

A store may take long to answer: an object store that hangs takes a minute. Neither heartbeats nor the reports of
operators that name no content wait for it. Reports of one operator keep their order, as it says to which attempt a
grant passes on (`accio_agent/agent/core/grants.py`). A store that can't be read says nothing about what it holds: until
it can, nothing is judged, and the agent keeps its reports.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog

from accio.content.digest import Digest
from accio.content.errors import StoreAway, StoreUnusable
from accio_daemon.core.commands import Report
from accio_daemon.services.sessions.result_checks import ResultChecks

log = structlog.get_logger(__name__)

_PAUSES_S = (1.0, 2.0, 5.0, 10.0)
_TOGETHER = 1_000
"""Reports whose content is looked for in one go: the first isn't heard of before the last."""


class _Waiting(NamedTuple):
    report: Report
    operator: int
    content: list[Digest] | None  # None for one that names none, and waits for its turn only


class ContentLooks:
    """State: `_waiting` in the order of arrival, and how many reports of each operator wait or are looked at."""

    def __init__(
        self, checks: ResultChecks, pass_on: Callable[[list[Report]], None], *, pauses_s: Sequence[float] = _PAUSES_S
    ) -> None:
        """Judge by *checks*, then *pass_on*; wait *pauses_s* between looks in a store that can't be read."""
        self._checks = checks
        self._pass_on = pass_on
        self._pauses_s = pauses_s
        self._waiting: list[_Waiting] = []
        self._operators: Counter[int] = Counter()
        self._filled = asyncio.Event()

    def __repr__(self) -> str:
        """Show what waits."""
        return f"<ContentLooks {self._operators.total()} reports>"

    def keep(self, reports: list[Report], with_content: Sequence[tuple[Report, list[Digest]]]) -> list[Report]:
        """Keep those of the reports that name content, and what must not overtake them; return the others."""
        if not with_content and not self._operators:
            return reports
        content = {id(report): digests for report, digests in with_content}
        others = list[Report]()
        for report in reports:
            digests = content.get(id(report))
            operator = self._checks.operator_of(report)
            if operator is None or (digests is None and not self._operators[operator]):
                others.append(report)
            else:
                self._waiting.append(_Waiting(report, operator, digests))
                self._operators[operator] += 1
                self._filled.set()
        return others

    async def run(self) -> None:
        """Judge what is kept, and pass it on, until cancelled."""
        while True:
            await self._filled.wait()
            turn, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
            if not self._waiting:
                self._filled.clear()
            await self._look([(each.report, each.content) for each in turn if each.content is not None])
            self._pass_on([each.report for each in turn])
            self._operators -= Counter(each.operator for each in turn)

    async def _look(self, reports: Sequence[tuple[Report, list[Digest]]]) -> None:
        failed = 0
        while True:
            try:
                await self._checks.require_content(reports)
            except (StoreAway, StoreUnusable) as error:
                log.warning(
                    "results wait for the store, which can't be read", reports=len(reports), error=error.message
                )
                await asyncio.sleep(self._pauses_s[min(failed, len(self._pauses_s) - 1)])
                failed += 1
            else:
                return
