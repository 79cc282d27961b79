"""Reports whose content has to be looked for, and what they hold up meanwhile."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from accio.content.digest import Digest, digest_bytes
from accio.content.errors import StoreAway, StoreUnusable
from accio.content.store import FolderStore
from accio.domain.datatypes import parse_type
from accio.domain.failures import Failure
from accio.domain.operators import OperatorSpec, OutputPort
from accio.domain.states import Cause
from accio.errors import AccioError
from accio_daemon.core.commands import Report
from accio_daemon.core.terms import AttemptNo
from accio_daemon.services.sessions.content_looks import ContentLooks
from accio_daemon.services.sessions.result_checks import ResultChecks

LARGE = b"9" * 70_000
DIGEST = digest_bytes(LARGE)


class AwayStore(FolderStore):
    """A store that can't be read until it is said to be back."""

    away: AccioError | None = None
    looked = 0
    looked_thrice: threading.Event

    def has(self, digests: Iterable[Digest], *, use: bool = False) -> dict[Digest, int]:
        self.looked += 1
        if self.looked == 3:
            self.looked_thrice.set()
        if self.away is not None:
            raise self.away
        return super().has(digests, use=use)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AwayStore]:
    opened = AwayStore(tmp_path / "store")
    opened.looked_thrice = threading.Event()
    with opened:
        yield opened


def _spec(name: str) -> OperatorSpec:
    return OperatorSpec(
        name=name, digest="blake3:" + "0" * 64, outputs=(OutputPort(name="value", type=parse_type("string")),)
    )


SPECS = {AttemptNo(no): (no % 2, _spec("Odd" if no % 2 else "Even")) for no in range(1, 9)}


def _report(attempt: int, *, blob: bool = False, failure: Failure | None = None) -> Report:
    return Report(
        seq=attempt,
        attempt=AttemptNo(attempt),
        outputs=None if failure else {} if blob else {"value": '"short"'},
        blobs={"value": (DIGEST, len(LARGE))} if blob else None,
        failure=failure,
        metrics=(0, 0, 0, 0, 0, 0, ""),
        started_ms=1,
        ended_ms=2,
        log_bytes=0,
        contents=[],
    )


class Session:
    """The reports of a session, and which of them were passed on, in their order."""

    def __init__(self, store: FolderStore) -> None:
        self._checks = ResultChecks(SPECS.get, store)
        self.passed = list[int]()
        self.waiting_for: tuple[int, asyncio.Event] = (0, asyncio.Event())
        self.looks = ContentLooks(self._checks, self._pass_on, pauses_s=(0.0,))

    def _pass_on(self, reports: list[Report]) -> None:
        self.passed += [report.attempt for report in reports]
        number, reached = self.waiting_for
        if len(self.passed) >= number:
            reached.set()

    def receive(self, *reports: Report) -> None:
        self._pass_on(self.looks.keep(list(reports), self._checks.judge(reports)))

    async def passes(self, number: int) -> list[int]:
        """Wait until so many were passed on."""
        self.waiting_for = (number, reached := asyncio.Event())
        self._pass_on([])
        async with asyncio.timeout(60):
            await reached.wait()
        return self.passed


@asynccontextmanager
async def session(store: FolderStore) -> AsyncIterator[Session]:
    made = Session(store)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(made.looks.run())
        yield made
        running.cancel()


async def test_a_report_that_names_no_content_waits_for_none(store: AwayStore) -> None:
    """What has nothing to be looked for is passed on at once, though a look of another operator isn't over."""
    store.put(LARGE)
    async with session(store) as made:
        made.receive(_report(1, blob=True), _report(2))
        assert made.passed == [2]
        assert await made.passes(2) == [2, 1]
        made.receive(_report(3))
        assert made.passed == [2, 1, 3]


async def test_reports_of_one_operator_keep_their_order(store: AwayStore) -> None:
    """Nothing of an operator, failures neither, overtakes a report of it whose content is being looked for."""
    store.put(LARGE)
    failure = Failure(cause=Cause.EXCEPTION, message="boom")
    async with session(store) as made:
        made.receive(_report(1, blob=True), _report(3, failure=failure), _report(2, failure=failure), _report(5))
        assert made.passed == [2]
        assert await made.passes(4) == [2, 1, 3, 5]


@pytest.mark.parametrize("error", [StoreAway("it doesn't answer"), StoreUnusable("credentials")])
async def test_a_store_that_cannot_be_read_judges_nothing(store: AwayStore, error: AccioError) -> None:
    """While nobody can say what the store holds a success is neither taken nor failed; afterwards it is taken."""
    store.put(LARGE)
    store.away = error
    report = _report(1, blob=True)
    async with session(store) as made:
        made.receive(report)
        assert await asyncio.to_thread(store.looked_thrice.wait, 60)
        assert made.passed == []
        store.away = None
        await made.passes(1)
    assert report.failure is None
    assert report.blobs is not None
