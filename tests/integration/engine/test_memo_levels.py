"""The memo's index in levels: whatever moves, each key is found, the newest result of it first, and nothing grows."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import orjson
import pytest

from accio.content.digest import from_raw
from accio_daemon.core.effects import Effects
from accio_daemon.storage import levels, memo
from accio_daemon.storage.file.database import FILE_NAME, prepare
from accio_daemon.storage.jobs import Transaction
from accio_daemon.storage.upkeep import checks
from accio_daemon.storage.writing.rendering import render
from accio_daemon.storage.writing.transactions import carry_out
from tests.integration.engine.memo_rows import key_of, result_of

NEW = 3
BOUNDS = (4, 16, 64)
TABLES = ("memo_new", *(f"memo_{level}" for level in range(len(BOUNDS) + 1)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a database that isn't there yet."""
    return tmp_path / FILE_NAME


@pytest.fixture
def database(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a new database whose levels are small."""
    with closing(prepare(path, synchronous="OFF")) as connection:
        levels.State(BOUNDS, NEW).store(connection)
        yield connection


def _store(connection: sqlite3.Connection, *results: tuple[int, bytes | None]) -> None:
    fx = Effects()
    fx.results.extend(result_of(id, key) for id, key in results)
    carry_out(connection, render(fx, {}), (), None)


def _store_as_before(connection: sqlite3.Connection, id: int, key: bytes) -> None:
    """Store a result as versions did that had one index of keys."""
    _store(connection, (id, None))
    values = {"id": id, "key": key, "key64": levels.key64(key)}
    connection.execute("UPDATE results SET key = :key, key64 = :key64, kept = NULL WHERE id = :id", values)


def _sizes(connection: sqlite3.Connection) -> list[int]:
    return [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES]  # noqa: S608 - ours


def _told(connection: sqlite3.Connection) -> list[int]:
    state = levels.State.of(connection)
    return [state.new, *state.sizes]


def _found(connection: sqlite3.Connection, *keys: bytes) -> dict[bytes, int]:
    return {key: result.id for key, result in levels.find(connection, keys).items()}


def test_every_key_is_found_in_whichever_level_it_is(database: sqlite3.Connection) -> None:
    """A few keys at a time: all keys so far are found, no level holds more than its bound, and no entry is lost."""
    keys = {key_of(number): number for number in range(1, 301)}
    known: dict[bytes, int] = {}
    used: set[str] = set()
    for start in range(0, len(keys), 2):
        added = list(keys.items())[start : start + 2]
        _store(database, *((id, key) for key, id in added))
        known |= dict(added)
        assert _found(database, *keys) == known
        sizes = _sizes(database)
        assert sum(sizes) == len(known)
        assert sizes[0] <= NEW, "the new ones go on together"
        assert all(size < 2 * bound for size, bound in zip(sizes[1:], BOUNDS, strict=False)), sizes
        assert _told(database) == sizes[:-1]
        used.update(table for table, size in zip(TABLES, sizes, strict=True) if size)
    assert used == {*TABLES}, "all were used"
    assert list(checks.find_problems(database)) == []


@pytest.mark.parametrize("count", [1, 2, 3, 16, 17, 512, 513, 700])
def test_any_number_of_keys_is_looked_for_at_a_time(database: sqlite3.Connection, count: int) -> None:
    """Statements are for few numbers of keys: what fills them up finds nothing, and each result is read once."""
    keys = {key_of(number): number for number in range(1, count + 1)}
    strangers = [key_of(10_000 + number) for number in range(count)]
    _store(database, *((id, key) for key, id in keys.items()))
    assert _found(database, *keys) == keys
    assert _found(database, *strangers) == {}
    with_strangers = [key for pair in zip(keys, strangers, strict=True) for key in pair]
    assert _found(database, *with_strangers) == keys


def test_the_newest_result_of_a_key_is_taken(database: sqlite3.Connection) -> None:
    """Results of one key, far apart in time and so in different levels: hits take the last one."""
    key = key_of(0)
    for round_ in range(12):
        first = 1 + round_ * 30
        _store(database, (first, key), *((first + place, key_of(first + place)) for place in range(1, 30)))
        assert _found(database, key) == {key: first}
    assert sorted(levels.results_of(database, key)) == [1 + round_ * 30 for round_ in range(12)]


def test_the_whole_key_decides(database: sqlite3.Connection) -> None:
    """Keys that begin alike are different keys, whichever level they are in."""
    twins = [key_of(0)[:8] + bytes([number]) * 24 for number in range(20)]
    _store(database, *enumerate(twins, 1))
    assert _found(database, *twins, key_of(0)) == {key: id for id, key in enumerate(twins, 1)}


def test_what_is_undone_leaves_the_levels_as_they_were(database: sqlite3.Connection) -> None:
    """A transaction that fails after keys were moved changes neither keys, nor sizes, nor places of pieces."""
    _store(database, *((id, key_of(id)) for id in range(1, 200)))
    state = levels.State.of(database)
    before = _sizes(database), state.sizes, state.after
    database.execute("BEGIN IMMEDIATE")
    levels.add(database, [(levels.key64(key_of(id)), id) for id in range(200, 260)])
    assert _sizes(database) != before[0]
    database.execute("ROLLBACK")
    state = levels.State.of(database)
    assert (_sizes(database), state.sizes, state.after) == before


@pytest.mark.parametrize("asked", TABLES[1:])
def test_keys_that_move_while_they_are_looked_for_are_found(
    path: Path, database: sqlite3.Connection, asked: str
) -> None:
    """A reader without a snapshot finds every key, though many move on between two of the levels that it asks."""
    _store(database, *((id, key_of(id)) for id in range(1, 200)))
    keys = [key_of(id) for id in range(1, 200)]
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        seen: list[str] = []

        def move(statement: str) -> None:
            if asked in statement:
                _store(database, *((id, key_of(id)) for id in range(200, 300)))
                seen.append(statement)

        reader.set_trace_callback(move)
        assert _found(reader, *keys) == {key_of(id): id for id in range(1, 200)}
    assert len(seen) == 1


def test_what_is_forgotten_is_no_hit_until_it_is_remembered(database: sqlite3.Connection) -> None:
    """Forgotten results are found neither by key nor by operator; an older one of the same key is taken instead."""
    _store(database, (1, key_of(0)), *((id, key_of(id)) for id in range(2, 100)), (100, key_of(0)))
    assert memo.forget(Transaction(database), [100, 50]) == 2
    assert memo.forget(Transaction(database), [100, 50]) == 0, "they were forgotten"
    assert _found(database, key_of(0), key_of(50)) == {key_of(0): 1}
    assert memo.results_of(database, key=from_raw(key_of(0)), operator="") == [1]
    memo.delete(Transaction(database), gone=[], kept=[100])
    assert _found(database, key_of(0), key_of(50)) == {key_of(0): 100}


def test_what_is_deleted_leaves_no_entry(database: sqlite3.Connection) -> None:
    """Deleted results leave every level, and the levels know how many they hold."""
    _store(database, *((id, key_of(id)) for id in range(1, 200)), (200, None))
    gone = list(range(1, 201, 3))
    memo.delete(Transaction(database), gone=gone, kept=[])
    left = {key_of(id): id for id in range(1, 200) if id not in gone}
    assert _found(database, *map(key_of, range(1, 200))) == left
    assert sum(_sizes(database)) == len(left)
    assert _told(database) == _sizes(database)[:-1]
    assert list(checks.find_problems(database)) == []


def test_results_from_before_are_hits(database: sqlite3.Connection) -> None:
    """Results of a database from before there were levels are found, forgotten, remembered and deleted like others."""
    for id in (1, 2, 3):
        _store_as_before(database, id, key_of(id))
    _store(database, *((id, key_of(id)) for id in range(4, 20)))
    assert _found(database, *map(key_of, range(1, 20))) == {key_of(id): id for id in range(1, 20)}
    memo.forget(Transaction(database), [1, 2])
    assert _found(database, key_of(1), key_of(2), key_of(3)) == {key_of(3): 3}
    memo.delete(Transaction(database), gone=[1], kept=[2])
    assert _found(database, key_of(1), key_of(2), key_of(3)) == {key_of(2): 2, key_of(3): 3}
    assert levels.results_of(database, key_of(2)) == [2]
    assert list(checks.find_problems(database)) == []


def test_a_database_without_new_keys_is_checked_and_gone_on_with(path: Path) -> None:
    """A database of a version that had none is checked before it is migrated; then its keys move on as others come."""
    with closing(prepare(path, synchronous="OFF")) as connection:
        levels.State(BOUNDS, 0).store(connection)
        _store(connection, *((id, key_of(id)) for id in range(1, 40)))
        state = levels.State.of(connection)
        text = orjson.dumps([state.bounds, state.sizes, state.after]).decode()
        connection.execute("UPDATE meta SET value = ? WHERE name = 'memo_levels'", (text,))
        connection.execute("DROP TABLE memo_new")
        connection.execute("PRAGMA user_version = 25")
        assert levels.find_problems(connection) == []
    with closing(prepare(path, synchronous="OFF")) as connection:
        for first in range(40, 700, 50):
            _store(connection, *((id, key_of(id)) for id in range(first, first + 50)))
        assert _found(connection, *map(key_of, range(1, 700))) == {key_of(id): id for id in range(1, 700)}
        assert _told(connection) == _sizes(connection)[:-1]
        assert 0 < _told(connection)[0] <= levels.BOUND_OF_NEW
        assert list(checks.find_problems(connection)) == []


def test_a_refreshed_result_from_before_gives_way(database: sqlite3.Connection) -> None:
    """A result that was computed again is the one that hits take, not the one from before there were levels."""
    _store_as_before(database, 1, key_of(1))
    _store(database, (2, key_of(1)))
    assert _found(database, key_of(1)) == {key_of(1): 2}


@pytest.mark.parametrize("table", ["memo_new", "memo_0"])
def test_a_lost_entry_is_found_by_a_check(database: sqlite3.Connection, table: str) -> None:
    """An index that has fewer keys than results have is told by `accio daemon check`."""
    for ids in (range(1, 8), range(8, 10)):
        _store(database, *((id, key_of(id)) for id in ids))
    database.execute(f"DELETE FROM {table} WHERE result = (SELECT max(result) FROM {table})")  # noqa: S608 - ours
    assert list(checks.find_problems(database)) == ["database: the memo's index has 8 keys, the results have 9"]


def test_the_bounds_rise_so_that_pieces_share_pages() -> None:
    """Each level is several times as large as the one before."""
    assert all(below >= 8 * above for above, below in pairwise(levels.BOUNDS))
