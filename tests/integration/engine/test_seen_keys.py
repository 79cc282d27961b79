"""No key that is there is taken for a new one, whatever is added, moved and read meanwhile; those that are new are
looked for by nobody.
"""

import random
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from accio_daemon.core.effects import Effects
from accio_daemon.core.world import Settings
from accio_daemon.engine.restart import restart
from accio_daemon.storage import levels, memo
from accio_daemon.storage.file.database import FILE_NAME, Database, prepare
from accio_daemon.storage.jobs import Transaction
from accio_daemon.storage.writing import seen_keys
from accio_daemon.storage.writing.rendering import Batch, render
from accio_daemon.storage.writing.seen_keys import SeenKeys
from accio_daemon.storage.writing.store import SqliteStore, StoredWorld
from accio_daemon.storage.writing.transactions import carry_out
from tests.fakes import FakeClock
from tests.integration.engine.memo_rows import key_of, result_of

BITS = 1 << 12


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Open a new database whose levels are small, so that keys move all the time."""
    with closing(prepare(tmp_path / FILE_NAME, synchronous="OFF")) as connection:
        levels.State((4, 16, 64), 3).store(connection)
        yield connection


def _rows(*numbers: int) -> Batch:
    """Return a batch of results by their numbers."""
    fx = Effects()
    fx.results.extend(result_of(number, key_of(number)) for number in numbers)
    return render(fx, {})


def _add(database: sqlite3.Connection, rows: Batch, *seen: SeenKeys) -> None:
    for each in seen:
        each.add(rows.keys)
    carry_out(database, rows, (), None)


def _learn_all(seen: SeenKeys) -> int:
    """Read to the end; return how many portions it took."""
    portions = 0
    while not seen.is_whole:
        seen.learn()
        portions += 1
    return portions


@pytest.mark.parametrize("seed", range(40))
def test_no_key_that_is_there_is_taken_for_a_new_one(database: sqlite3.Connection, seed: int) -> None:
    """Keys are added, and move, between any two portions that are read, and before and after all were."""
    luck = random.Random(seed)  # noqa: S311 - a story
    number = 0
    for _ in range(luck.randrange(60)):
        count = luck.randrange(1, 6)
        _add(database, _rows(*range(number, number + count)))
        number += count
    seen = SeenKeys(database, bits=BITS, portion=luck.randrange(1, 9))
    for step in range(150):
        if luck.randrange(2):
            seen.learn()
        if step < 40 and luck.randrange(3):
            count = luck.randrange(1, 4)
            _add(database, _rows(*range(number, number + count)), seen)
            number += count
        assert {*map(key_of, range(number))} <= {*seen.among([key_of(each) for each in range(number + 50)])}
    _learn_all(seen)
    assert {*map(key_of, range(number))} <= {*seen.among([key_of(each) for each in range(number + 50)])}


def test_keys_of_earlier_versions_are_known(database: sqlite3.Connection) -> None:
    """Those that stand in the index that there was before levels, and the lowest and highest that there can be."""
    keys = [b"\x80" + bytes(31), b"\x7f" + b"\xff" * 31, *map(key_of, range(20))]
    _add(database, _rows(*range(100, 100 + len(keys))))
    for number, key in enumerate(keys, 100):
        values = (key, levels.key64(key), number)
        database.execute("UPDATE results SET key = ?, key64 = ?, kept = NULL WHERE id = ?", values)
    for table in ("memo_new", "memo_0", "memo_1", "memo_2", "memo_3"):
        database.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
    seen = SeenKeys(database, portion=3)
    assert _learn_all(seen) > len(keys) / 3
    assert seen.among(keys) == keys
    assert levels.find(database, keys).keys() == {*keys}


@pytest.mark.parametrize("key", [b"\x80" + bytes(31), b"\x7f" + b"\xff" * 31])
def test_the_lowest_and_the_highest_key_are_read_in_each_level(database: sqlite3.Connection, key: bytes) -> None:
    """Wherever reading begins and ends."""
    for table in ("memo_new", "memo_0", "memo_1", "memo_2", "memo_3"):
        database.execute(f"INSERT INTO {table} (key64, result) VALUES (?, 7)", (levels.key64(key),))  # noqa: S608
        seen = SeenKeys(database, portion=1)
        _learn_all(seen)
        assert seen.among([key, key_of(1)]) == [key], table
        database.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours


def test_bits_grow_with_keys(database: sqlite3.Connection) -> None:
    """Where they get crowded it reads everything anew, with more of them; so most new keys are told from others."""
    seen = SeenKeys(database, bits=1 << 8, portion=64)
    was_whole, began_anew = False, 0
    for number in range(0, 1_000, 5):
        _add(database, _rows(*range(number, number + 5)), seen)
        began_anew += was_whole and not seen.is_whole
        was_whole = seen.is_whole
        seen.learn()
    _learn_all(seen)
    assert began_anew > 1
    assert {*seen.among([key_of(number) for number in range(1_000)])} == {key_of(number) for number in range(1_000)}
    assert len(seen.among([key_of(number) for number in range(1_000, 2_000)])) < 1_000 / 4


def test_what_is_being_added_while_it_begins_anew_is_known(database: sqlite3.Connection) -> None:
    """A transaction that is on its way can't be read yet, and what it adds may have moved on once it could be."""
    seen = SeenKeys(database, bits=1 << 8, portion=1_000)
    _add(database, _rows(*range(100)))
    rows = _rows(1_000)
    seen.add(rows.keys)
    seen.learn()  # all, and begins anew meanwhile
    _learn_all(seen)
    carry_out(database, rows, (), None)
    assert seen.among([key_of(1_000)]) == [key_of(1_000)]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Open a store on a new database."""
    database = await Database.open(tmp_path / FILE_NAME, synchronous="OFF")
    await database.writer.run_job(
        lambda connection: restart(StoredWorld(connection), settings=Settings(), now=FakeClock().now())
    )
    opened = SqliteStore(database)
    yield opened
    opened.close()
    await database.close()


async def test_new_keys_are_looked_for_by_nobody(store: SqliteStore) -> None:
    """Once a tick has read what there is; those that were added are found, and what is forgotten isn't."""
    asked: list[str] = []
    store._memo.connection.set_trace_callback(asked.append)
    assert store.results([key_of(1)]) == {}
    assert asked, "until then nobody knows"
    store.refuse_if_gone()
    asked.clear()
    assert store.results([key_of(number) for number in range(100)]) == {}
    assert asked == []
    await store.commit(_rows(5), (), None)
    found = store.results([key_of(number) for number in range(100)])
    assert {key: result.id for key, result in found.items()} == {key_of(5): 5}

    def forget(connection: Transaction) -> None:
        memo.forget(connection, [5])

    await store.commit(_rows(6), (forget,), None)
    assert store.results([key_of(5), key_of(6)]).keys() == {key_of(6)}


def test_a_damaged_index_ends_no_daemon(database: sqlite3.Connection, tmp_path: Path) -> None:
    """What can't be read is left alone, once and for all: each key is looked for, and who looks there is told."""
    _add(database, _rows(*range(400)))
    (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'memo_2'").fetchone()
    (size,) = database.execute("PRAGMA page_size").fetchone()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (tmp_path / FILE_NAME).open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as fresh:
        seen = SeenKeys(fresh)
        for _ in range(3):
            seen.learn()
        assert not seen.is_whole
        assert seen.among([key_of(1_000)]) == [key_of(1_000)]
        with pytest.raises(sqlite3.DatabaseError):
            levels.find(fresh, [key_of(1_000)])


def test_it_takes_no_more_than_it_says(database: sqlite3.Connection) -> None:
    """With as many bits as there may be it doesn't begin anew any more, however many keys there are."""
    seen = SeenKeys(database, bits=seen_keys.LARGEST)
    _learn_all(seen)
    seen._count = seen_keys.LARGEST
    seen.add([(levels.key64(key_of(1)), 1)])
    assert seen.is_whole
    assert seen.among([key_of(1), key_of(2)]) == [key_of(1)]
