"""What operators measured at steps, by the attempts that did."""

from collections.abc import Iterable

import orjson

from accio.domain.series import Packed
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.sql import load

_SQL = load("series")


def read_series(snapshot: Snapshot, attempts: Iterable[int], name: str = "") -> dict[int, list[Packed]]:
    """Read the series of attempts, all of them or those of a name, by attempt."""
    wanted = {"attempts": orjson.dumps(list(attempts)).decode(), "name": name}
    found: dict[int, list[Packed]] = {}
    for attempt, its_name, total, points in snapshot.execute(_SQL["of_attempts"], wanted):
        found.setdefault(attempt, []).append(Packed(its_name, total, points))
    return found
