"""How long nodes of an operator took lately: what forecasts are made from."""

import sqlite3
from collections.abc import Iterable
from statistics import median

from accio_daemon.storage.sql import load

REMEMBERED = 64
"""The latest executions of an operator that count."""

_SQL = load("durations")


def recent(connection: sqlite3.Connection, operators: Iterable[int]) -> dict[int, tuple[list[float], bool]]:
    """Return the seconds of the latest executions of these operator versions that succeeded.

    Of a version that has none, those of the latest other version of the operator that has some, and True. Versions of
    which nothing is known are left out.
    """
    found: dict[int, tuple[list[float], bool]] = {}
    for number in operators:
        for version in (number, *_others(connection, number)):
            if seconds := _of(connection, version):
                found[number] = seconds, version != number
                break
    return found


def median_of(connection: sqlite3.Connection, operator: str) -> float:
    """Return the median of the seconds of the latest executions of an operator that succeeded; 0 without any."""
    numbers = [no for (no,) in connection.execute(_SQL["newest_version"], {"name": operator})]
    return next((median(seconds) for seconds, _ in recent(connection, numbers).values()), 0.0)


def _others(connection: sqlite3.Connection, number: int) -> Iterable[int]:
    return (no for (no,) in connection.execute(_SQL["other_versions"], {"no": number}))


def _of(connection: sqlite3.Connection, number: int) -> list[float]:
    rows = connection.execute(_SQL["recent"], {"no": number, "limit": REMEMBERED})
    return [wall_us / 1e6 for (wall_us,) in rows]
