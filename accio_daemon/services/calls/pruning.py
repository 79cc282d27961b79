"""Ends trials of studies early that measure worse than others at the same step, by successive halving.

What running nodes measure comes from their agents, and is in memory alone; what ended ones measured, from the database.
Each trial is compared once at each rung, when it is first seen there; what was decided is a command, and so durable.
"""

import asyncio
from collections.abc import Callable, Iterable

from accio.domain.halving import Halving
from accio.domain.series import Packed, unpack
from accio_daemon.core.commands import PruneTrial
from accio_daemon.core.pruning import Measuring
from accio_daemon.core.terms import RunNo
from accio_daemon.engine.ports import EnginePort
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.rows.studies import read_measured

_PACE_S = 1.0

Rungs = dict[int, float]
"""What a child had at each rung that it has reached, by the rung's step."""


class Pruner:
    """Looks at what the trials of studies measure, now and then."""

    def __init__(self, readers: Readers, live: Callable[[int], Iterable[Packed]], pace_s: float = _PACE_S) -> None:
        """Read ended series with *readers*; *live* returns the series of a running attempt."""
        self._readers = readers
        self._live = live
        self._pace_s = pace_s
        self._studies: dict[RunNo, Field] = {}

    async def run(self, engine: EnginePort) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(self._pace_s)
            await self.look(engine)

    async def look(self, engine: EnginePort) -> None:
        """Look once, and end what is behind."""
        found = engine.measuring()
        self._studies = {each.run: self._studies.get(each.run) or Field(each.halving) for each in found}
        for each in found:
            field = self._studies[each.run]
            name, known = each.halving.name, list(field.ended)
            ended = await self._readers.read_long(
                lambda snapshot: list(read_measured(snapshot, each.run, each.node, name, known))  # noqa: B023  # it is awaited in this turn
            )
            for child, points in ended:
                field.end(child, points)
            for trial, why in field.behind(each, self._live):
                engine.post(PruneTrial(run=each.run, trial=trial, why=why))


class Field:
    """What the children of one study had at each rung."""

    def __init__(self, halving: Halving) -> None:
        """Know nothing yet."""
        self._halving = halving
        self._rungs: dict[int, Rungs] = {}
        self.ended: set[int] = set()  # children whose series won't change any more

    def end(self, child: int, points: bytes) -> None:
        """Note what a child measured that has ended: it isn't compared any more, but others are with it."""
        self.ended.add(child)
        self._rungs.setdefault(child, {}).update(self._halving.reached(unpack(points)))

    def behind(self, study: Measuring, live: Callable[[int], Iterable[Packed]]) -> list[tuple[int, str]]:
        """Return the trials that are to be ended, and why."""
        new: list[tuple[int, int]] = []
        for child, attempt in study.attempts.items():
            points = next((unpack(each.points) for each in live(attempt) if each.name == self._halving.name), [])
            before = self._rungs.setdefault(child, {})
            for rung, value in self._halving.reached(points).items():
                if rung not in before:
                    before[rung] = value
                    new.append((rung, child))
        found: dict[int, str] = {}
        for rung, child in sorted(new):
            trial = child // study.repeat
            own = study.objective.loss(self._rungs[child][rung])
            peers = [
                study.objective.loss(rungs[rung])
                for other, rungs in self._rungs.items()
                if rung in rungs and other != child
            ]
            if trial not in found and not self._halving.goes_on(own, peers):
                found[trial] = (
                    f"{self._halving.metric} is {self._rungs[child][rung]:.6g} at step {rung}, not among the best 1/"
                    f"{self._halving.factor} of {len(peers) + 1} trials there"
                )
        return list(found.items())
