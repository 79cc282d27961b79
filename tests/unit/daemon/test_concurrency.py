"""How many executions there were at a time, from what was recorded of them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from random import Random

import pytest

from accio_daemon.storage.times import concurrency as subject
from accio_daemon.storage.times.concurrency import PARTS, concurrency

SINCE = 1_000_000
PART = 2_000
UNTIL = SINCE + PARTS * PART


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as opened:
        opened.execute(
            "CREATE TABLE results (id INTEGER PRIMARY KEY, started_at INTEGER, ended_at INTEGER, recorded_at INTEGER)"
        )
        opened.execute("CREATE TABLE attempts (id INTEGER PRIMARY KEY, started_at INTEGER, ended_at INTEGER)")
        yield opened


def succeed(database: sqlite3.Connection, *spans: tuple[int, int]) -> None:
    """Record executions, from and until so many milliseconds after the first moment."""
    for start, end in spans:
        place = (SINCE + start, SINCE + end, SINCE + end)
        database.execute("INSERT INTO results (started_at, ended_at, recorded_at) VALUES (?, ?, ?)", place)


def means(database: sqlite3.Connection, *running: int) -> tuple[float, ...]:
    return concurrency(database, SINCE, UNTIL, [SINCE + each for each in running]).means


def test_nothing_ran(database: sqlite3.Connection) -> None:
    """Every part has a number, all of them zero; neither does what ended before count."""
    assert means(database) == (0.0,) * PARTS
    succeed(database, (-5_000, -1), (-9, -3))
    assert means(database) == (0.0,) * PARTS


def test_executions_count_as_long_as_they_last(database: sqlite3.Connection) -> None:
    """A part's mean is what they lasted within it; before and after nothing counts, and failures count as well."""
    succeed(database, (-700, PART // 2), (0, PART), (PART // 4, 2 * PART))
    database.execute("INSERT INTO attempts (started_at, ended_at) VALUES (?, ?)", (SINCE, SINCE + 3 * PART))
    assert means(database)[:4] == (0.5 + 1 + 0.75 + 1, 1 + 1, 1, 0)


def test_what_runs_lasts_until_now(database: sqlite3.Connection) -> None:
    """What goes on counts to the end, from its beginning or the first moment; a clock that is ahead does no harm."""
    assert means(database, -PART, (PARTS - 1) * PART)[-2:] == (1, 2)
    assert means(database, PARTS * PART, 10**9) == (0.0,) * PARTS
    succeed(database, (10 * PART, 9 * PART))  # by two clocks
    assert means(database) == (0.0,) * PARTS


def test_it_agrees_with_counting(database: sqlite3.Connection) -> None:
    """Random executions, looked at every few milliseconds, give the same means."""
    random = Random(5)  # noqa: S311 - any spans will do
    begins = [random.randrange(-9, PARTS * PART) for _ in range(99)]
    spans = [(start, start + random.randrange(9 * PART)) for start in begins]
    spans.sort(key=lambda span: span[1])
    succeed(database, *spans)
    counted = [
        sum(start <= at < end for at in range(part * PART, (part + 1) * PART, 10) for start, end in spans) / (PART / 10)
        for part in range(PARTS)
    ]
    assert means(database) == pytest.approx(counted, abs=0.3)


def test_of_many_some_stand_for_the_others(database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there were, a bounded number is looked at, and what comes out is about the same; it says so."""
    succeed(database, *((at, at + 50) for at in range(-20_000, PARTS * PART, 10)))
    monkeypatch.setattr(subject, "LOOKED_AT", 10_000)
    exact = concurrency(database, SINCE, UNTIL, [])
    monkeypatch.setattr(subject, "LOOKED_AT", 600)
    step, rows = subject._results(database, SINCE)
    assert (step, len(list(rows))) == (11, 546)
    found = concurrency(database, SINCE, UNTIL, [])
    assert (exact.sampled, found.sampled) == (False, True)
    assert found.means == pytest.approx(exact.means, rel=0.1)
    assert found.means[3] == pytest.approx(5, rel=0.1)


def test_of_many_failures_some_stand_for_the_others(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attempts are looked at the same way, whatever gaps their ids have: after a restart these begin far above."""
    for at in range(0, PARTS * PART, 20):
        place = (at * 7 + (at > PARTS * PART / 2) * 2**40, SINCE + at, SINCE + at + 60)
        database.execute("INSERT INTO attempts (id, started_at, ended_at) VALUES (?, ?, ?)", place)
    assert means(database)[3] == pytest.approx(3, rel=0.01)
    monkeypatch.setattr(subject, "LOOKED_AT", 500)
    found = concurrency(database, SINCE, UNTIL, [])
    assert found.sampled
    assert found.means[3] == pytest.approx(3, rel=0.15)
    assert found.means[-3] == pytest.approx(3, rel=0.15)
