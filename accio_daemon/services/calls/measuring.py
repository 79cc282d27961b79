"""Reads what the repetitions of points gave, for sweeps that are repeated until precise."""

import asyncio

from accio_daemon.core.commands import PointMeasured
from accio_daemon.core.effects import MeasureRequest
from accio_daemon.engine.ports import EnginePort
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.rows.rounds import measure_point

_AT_ONCE = 100  # points that one look at the database reads


class Measurer:
    """Receives requests of the engine, and carries out together those that have arrived."""

    def __init__(self, readers: Readers) -> None:
        """Read values with *readers*."""
        self._readers = readers
        self._requests: asyncio.Queue[MeasureRequest] = asyncio.Queue()

    def ask(self, request: MeasureRequest) -> None:
        """Note a request; its answer is posted to the engine."""
        self._requests.put_nowait(request)

    async def run(self, engine: EnginePort) -> None:
        """Carry requests out until cancelled."""
        while True:
            requests = [await self._requests.get()]
            while len(requests) < _AT_ONCE and not self._requests.empty():
                requests.append(self._requests.get_nowait())
            for answer in await self._readers.read_long(lambda snapshot: _measured(snapshot, requests)):  # noqa: B023  # it is awaited in this turn
                engine.post(answer)


def _measured(snapshot: Snapshot, requests: list[MeasureRequest]) -> list[PointMeasured]:
    return [PointMeasured(run=each.run, point=each.point, measured=measure_point(snapshot, each)) for each in requests]
