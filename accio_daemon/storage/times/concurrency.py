"""How many executions there were at a time lately, from the results and attempts that were recorded since.

It costs as much whatever there was: of many, every so-and-so-many-th is looked at, and counts for those between. Ids of
results grow by one, so that those of a time are found by halves; ids of attempts have gaps, and the newest are counted.
"""

import sqlite3
from collections.abc import Iterable

from accio.late import dataclass
from accio_daemon.storage.sql import load

_SQL = load("concurrency")

PARTS = 30
"""Equal parts of the time, of each of which the mean is told."""
LOOKED_AT = 2_000
"""Rows of each table that are counted in, at most."""
ATTEMPTS = 20_000
"""The newest attempts, those of which are left out that ended before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concurrency:
    """The mean number of executions at a time in each part of a time, the oldest first; *sampled*: it is estimated."""

    means: tuple[float, ...]
    sampled: bool


def concurrency(connection: sqlite3.Connection, since_ms: int, until_ms: int, running: Iterable[int]) -> Concurrency:
    """Return how many there were between two moments, those included that go on, and began at the times *running*.

    Both moments are in milliseconds since 1970, the second one later than the first.
    """
    length = (until_ms - since_ms) / PARTS
    busy, later = [0.0] * PARTS, [0.0] * (PARTS + 1)

    def count(at_ms: int, weight: int) -> None:
        """Add an execution from a moment on, or with a negative weight take one away."""
        at = max(at_ms, since_ms) - since_ms
        part = int(at / length)
        if part < PARTS:
            busy[part] += weight * ((part + 1) * length - at)
            later[part + 1] += weight * length

    sampled = False
    for step, rows in (_results(connection, since_ms), _attempts(connection, since_ms)):
        sampled = sampled or step > 1
        for started, ended in rows:
            count(started, step)
            count(max(started, ended), -step)
    for started in running:
        count(started, 1)
    means, before = [], 0.0
    for part in range(PARTS):
        before += later[part]
        means.append(max(0.0, round((busy[part] + before) / length, 3)))
    return Concurrency(means=tuple(means), sampled=sampled)


def _results(connection: sqlite3.Connection, since_ms: int) -> tuple[int, Iterable[tuple[int, int]]]:
    """Return for how many each row stands, and when results that are younger than a moment began and ended."""
    (last,) = connection.execute(_SQL["last_result"]).fetchone()
    if last is None:
        return 1, ()
    low, high = 0, int(last) + 1  # the first of those wanted is among low … high; high: there is none
    while low < high:
        middle = (low + high) // 2
        found, at = connection.execute(_SQL["result_from"], {"id": middle}).fetchone()
        if at >= since_ms:
            high = middle
        else:
            low = found + 1
    if low > last:
        return 1, ()
    step = -(-(last - low + 1) // LOOKED_AT)
    return step, connection.execute(_SQL["some_results"], {"first": low, "last": last, "step": step})


def _attempts(connection: sqlite3.Connection, since_ms: int) -> tuple[int, Iterable[tuple[int, int]]]:
    """Return the same of attempts that gave no result."""
    wanted = {"limit": ATTEMPTS, "since": since_ms}
    (number,) = connection.execute(_SQL["attempts_since"], wanted).fetchone()
    step = max(1, -(-number // LOOKED_AT))
    return step, connection.execute(_SQL["some_attempts"], {**wanted, "step": step})
