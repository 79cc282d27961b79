"""What large reads send is encoded where it was read: the event loop has nothing to do for it but hand it on."""

import asyncio

import pytest
from google.protobuf.message import Message

from accio.v1 import accio_pb2
from accio_daemon.services.calls import columns, exporting
from accio_daemon.services.calls.columns import ColumnCalls
from accio_daemon.services.calls.exporting import ExportCalls
from accio_daemon.services.calls.rights import Rights
from accio_daemon.services.transport.auth import Tokens
from accio_daemon.storage.reading.apart import Apart, Job
from accio_daemon.storage.reading.apart_process import Plain
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.runs import runs_query
from accio_daemon.storage.runs.plans import Plans
from tests import builders
from tests.integration.engine.conftest import Benches


async def _sent(readers: Readers, kind: str, run: str) -> list[Message | bytes]:
    """Return what a call sends of a run."""
    sent: list[Message | bytes] = []

    async def send(chunk: Message | bytes) -> None:
        sent.append(chunk)

    rights = Rights(Tokens([]))
    if kind == "export":
        calls = ExportCalls(readers=readers, plans=Plans(), rights=rights)
        await calls.export(accio_pb2.ExportRequest(ids=[run], outputs=True), send)
    else:
        column_calls = ColumnCalls(readers=readers, plans=Plans(), rights=rights)
        await column_calls.columns(accio_pb2.ColumnsRequest(run=run), send)
    return sent


@pytest.mark.parametrize("kind", ["export", "columns"])
async def test_rows_are_sent_as_bytes(benches: Benches, kind: str) -> None:
    """All that grows with a run is bytes by the time that the loop has it; heads and ends are small messages."""
    async with benches.running() as bench, Readers.open(bench.database) as readers:
        await bench.join(cpus=2)
        no = await bench.submit(builders.graph({"A": []}))
        row = runs_query.get_run(bench.reader, no)
        assert row is not None
        sent = await _sent(readers, kind, str(row.id))
    if kind == "export":
        (chunk,) = sent
        assert isinstance(chunk, bytes)
        assert list(accio_pb2.ExportChunk.FromString(chunk).index) == [0]
    else:
        head, chunk, end = sent
        assert isinstance(chunk, bytes)
        assert len(accio_pb2.ColumnsChunk.FromString(chunk).states) == 1
        assert isinstance(head, accio_pb2.ColumnsChunk)
        assert isinstance(end, accio_pb2.ColumnsChunk)


class _Counting(Apart):
    """Counts what is answered apart."""

    answered = 0

    async def ask(self, job: Job, arguments: tuple[int | str, ...]) -> tuple[Plain, ...]:
        answer = await super().ask(job, arguments)
        self.answered += 1
        return answer


@pytest.mark.parametrize("kind", ["export", "columns"])
async def test_another_process_sends_the_same(benches: Benches, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read apart is, byte for byte, what the daemon reads itself."""
    for module in (columns, exporting):
        monkeypatch.setattr(module, "_FIRST_ROWS", 1)
        monkeypatch.setattr(module, "_ROWS", 2)
    monkeypatch.setattr(columns, "_FEW", 0)
    monkeypatch.setattr(columns, "_STATES", 2)
    async with benches.running() as bench:
        apart = _Counting(bench.database.path)
        async with Readers.open(bench.database, apart=apart) as readers, asyncio.timeout(90):
            agent = await bench.join(cpus=30)
            swept = builders.graph({"A": []}, swept=("A",))
            no = await bench.submit(swept, sweep=builders.sweep_of(30))
            await bench.until(lambda: len(agent.attempts) == 30)
            for attempt in [*agent.attempts][1:]:
                report = builders.success(agent.next_seq, attempt, {"data": f'"{attempt}"'})
                await bench.engine.ask(agent.telling(agent.end(report)))
            row = runs_query.get_run(bench.reader, no)
            assert row is not None
            here = await _sent(readers, kind, str(row.id))
            while not apart.answered:
                assert await _sent(readers, kind, str(row.id)) == here
            assert len(here) > 12
