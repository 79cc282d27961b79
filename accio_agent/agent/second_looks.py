"""Compares the content of files that an execution may have read otherwise than they were announced.

The file system tells workers only that a file was touched: a hard link, other rights, a backup that is put back do
that, too. What was read as it was announced counts. Where it isn't known what was read, but the files are as announced,
the execution is repeated; else it has failed.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from accio.v1 import agents_pb2
from accio_agent.agent.core.decisions import AgentCore
from accio_agent.agent.core.outcome import Outcome
from accio_agent.agent.link import messages
from accio_agent.agent.offer import Offers
from accio_agent.agent.offering import Offering
from accio_agent.agent.workers.worker_handle import WorkerHandle
from accio_agent.protocol.doubts import Doubt, Signature, signature_of, stale

log = structlog.get_logger("accio.agent")


class SecondLooks:
    """Looks again, in threads, and tells the core what is to become of the attempts."""

    def __init__(
        self,
        core: AgentCore,
        operators: Offers,
        offering: Offering,
        *,
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
        settle_soon: Callable[[], None],
    ) -> None:
        self._core = core
        self._operators = operators
        self._offering = offering
        self._spawn = spawn
        self._settle_soon = settle_soon
        self._known: dict[int, set[Signature]] = {}  # how files were that held what was announced, by operator

    def begin(self, worker: WorkerHandle, attempt: int, report: bytes, end: Callable[[], None]) -> None:
        """Look at what an attempt may have read, whose worker's *report* is there; *end* is called if it counts."""
        doubts = worker.doubts.pop(attempt, [])
        assert worker.work_class is not None, "it has executed something"
        place = worker.work_class.operator
        self._spawn(self._judge(place, attempt, doubts, report, end), f"second look {attempt}")

    async def _judge(
        self, place: int, attempt: int, doubts: Sequence[Doubt], report: bytes, end: Callable[[], None]
    ) -> None:
        offered = self._operators[place]
        if place not in self._operators.current:  # it is another one now; nothing is known of what it was made of
            self._core.give_back(attempt)
        elif all(doubt.seen in self._known.get(place, ()) for doubt in doubts):
            end()
        elif await asyncio.to_thread(self._are_as_announced, place, doubts):
            if place in self._operators.current:
                log.info("files were touched, and hold what they held", of=offered.spec.name, files=_named(doubts))
                self._offering.begin_anew(offered.references)
            if await asyncio.to_thread(_are_still_as_read, doubts):
                self._known.setdefault(place, set()).update(doubt.seen for doubt in doubts if doubt.seen)
                end()
            else:
                self._core.give_back(attempt)
        else:
            ended = agents_pb2.Report.FromString(report)
            failure = stale(offered.spec.name, doubts[0].path)
            self._core.ended(attempt, messages.not_delivered(ended, Outcome(failure=failure)))
        self._settle_soon()

    def _are_as_announced(self, place: int, doubts: Sequence[Doubt]) -> bool:
        try:
            return self._operators.are_read_as_announced(place, [doubt.path for doubt in doubts])
        except Exception:
            log.warning("can't compare what operators read", files=_named(doubts), exc_info=True)
            return False


def _are_still_as_read(doubts: Sequence[Doubt]) -> bool:
    """Return whether nobody has touched files since they were read, as is known."""
    return all(doubt.seen is not None and signature_of(doubt.path) == doubt.seen for doubt in doubts)


def _named(doubts: Sequence[Doubt]) -> list[str]:
    return sorted({doubt.path for doubt in doubts})[:3]
