"""Look-ups that hold a state of the database see what is committed, as those do that hold none."""

import asyncio
import random
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from accio_daemon.core.effects import Effects
from accio_daemon.core.world import Settings
from accio_daemon.engine.restart import restart
from accio_daemon.storage import levels, memo
from accio_daemon.storage.file.database import Database
from accio_daemon.storage.jobs import Transaction, WriteJob, open_reader
from accio_daemon.storage.writing import held_memo, store
from accio_daemon.storage.writing.at_once import IN_A_ROW, AtOnce
from accio_daemon.storage.writing.rendering import Batch, render
from accio_daemon.storage.writing.store import SqliteStore, StoredWorld
from accio_daemon.storage.writing.transactions import DiskFull
from tests.fakes import FakeClock
from tests.integration.engine.memo_rows import key_of, result_of

FEW = held_memo.WORTH_HOLDING  # for which a state is held, and which may be committed at once
MANY = 40  # which aren't committed at once


class Place:
    """A daemon's database with its store, and a connection that holds nothing."""

    def __init__(self, database: Database, opened: SqliteStore, fresh: sqlite3.Connection) -> None:
        self.database = database
        self.store = opened
        self.fresh = fresh
        self.ids = 0

    def results(self, keys: Sequence[bytes | None], content: bytes | None = None) -> Batch:
        """Make a batch of new results of these keys."""
        fx = Effects()
        for key in keys:
            self.ids += 1
            fx.results.append(result_of(self.ids, key, content))
        return render(fx, {})

    async def commit(self, rows: Batch, *jobs: WriteJob[Any]) -> None:
        """Commit."""
        await self.store.commit(rows, jobs, None)

    def check(self, keys: Sequence[bytes]) -> None:
        """Look keys up both ways."""
        assert _ids(self.store.results(keys)) == _ids(levels.find(self.fresh, keys))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Open a new database."""
    database = await Database.open(tmp_path / "accio.db", synchronous="OFF")

    def start(connection: sqlite3.Connection) -> None:
        restart(StoredWorld(connection), settings=Settings(), now=FakeClock().now())
        levels.State((4, 16, 64), 3).store(connection)

    await database.writer.run_job(start)
    opened = SqliteStore(database, AtOnce(lambda: 0.0))  # whatever may be is carried out at once
    with closing(open_reader(database.path)) as fresh:
        yield Place(database, opened, fresh)
    opened.close()
    await database.close()


def _keys(first: int, count: int = MANY) -> list[bytes]:
    return [key_of(number) for number in range(first, first + count)]


def _ids(found: dict[bytes, Any]) -> dict[bytes, int]:
    return {key: result.id for key, result in found.items()}


def _is_held(place: Place) -> bool:
    return place.store._memo.connection.in_transaction


async def _hold(place: Place) -> None:
    """Have a state held."""
    await place.commit(place.results(_keys(0)))
    place.check(_keys(0))
    assert _is_held(place)


@pytest.mark.parametrize("seed", range(12))
async def test_every_look_up_sees_what_is_committed(place: Place, seed: int) -> None:
    """Whatever is committed, forgotten, remembered, deleted or missing, and however many commits hold one state."""
    luck = random.Random(seed)  # noqa: S311 - a story
    kinds, held = 0, 0
    for _ in range(150):
        keys = [luck.choice([key_of(luck.randrange(400)), None]) for _ in range(luck.choice([1, FEW, MANY, MANY]))]
        content = luck.choice([None, None, luck.randbytes(1) * 32])
        rows = place.results(keys, content)
        ids = [luck.randint(1, place.ids) for _ in range(3)]
        kind = luck.randrange(10)
        if kind == 0:
            await place.commit(rows, partial(memo.forget, results=ids))
        elif kind == 1:
            await place.commit(rows, partial(memo.delete, gone=ids[:1], kept=ids[1:]))
        elif kind == 2:
            rows.missing = [luck.randbytes(1) * 32]
            await place.commit(rows)
        else:
            await place.commit(rows)
        kinds |= 1 << min(kind, 3)
        for _ in range(luck.randrange(3)):
            place.check([key_of(luck.randrange(500)) for _ in range(luck.randrange(1, 40))])
            held += _is_held(place)
    assert kinds == 0b1111
    assert held > 10, "states were held"
    place.check(_keys(0, 500))


async def test_a_result_is_found_as_soon_as_it_is_committed(place: Place) -> None:
    """A state is held over a commit, and not once a key is looked for that was committed since."""
    await _hold(place)
    await place.commit(place.results(_keys(100)))
    assert place.store.results(_keys(200)) == {}
    assert _is_held(place)
    assert place.store.results([key_of(100)]).keys() == {key_of(100)}
    await place.commit(place.results(_keys(0)))
    place.check(_keys(0, 300))


async def test_what_is_forgotten_meanwhile_is_no_hit(place: Place) -> None:
    """A job of the writer ends the state before it begins: no hit of what was forgotten comes after it."""
    await _hold(place)

    def forget(connection: Transaction) -> None:
        assert not _is_held(place)
        memo.forget(connection, range(1, place.ids + 1))

    await place.commit(place.results([None]), forget)
    assert place.store.results(_keys(0)) == {}


async def test_a_state_isnt_held_anew_while_a_commit_is_on_its_way(place: Place) -> None:
    """What is looked up while the writer's thread commits sees the state before or after it, and holds neither."""
    await _hold(place)
    begun, go_on = threading.Event(), threading.Event()

    def wait(_: Transaction) -> None:
        begun.set()
        assert go_on.wait(60)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(place.commit(place.results(_keys(100)), wait))
        assert await asyncio.to_thread(begun.wait, 60)
        assert place.store.results(_keys(100)) == {}
        assert not _is_held(place)
        go_on.set()
    place.check(_keys(0, 200))


async def test_a_commit_that_fails_ends_the_state(place: Place) -> None:
    """A disk that is full: nothing was committed, and what is tried again is found."""
    await _hold(place)
    rows = place.results(_keys(100, 2_000))
    await place.database.writer.run_job(lambda c: c.execute("PRAGMA max_page_count = 1").fetchall())  # what it has
    with pytest.raises(DiskFull):
        await place.commit(rows)
    assert not _is_held(place)
    place.check(_keys(0, 300))
    await place.database.writer.run_job(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchall())
    await place.commit(rows)
    place.check(_keys(0, 300))


async def test_small_commits_hold_nothing(place: Place) -> None:
    """On a system that has little to do each look-up stands alone."""
    for first in range(0, 100, 2):
        await place.commit(place.results(_keys(first, FEW - 1)))
        place.check(_keys(first))
        assert not _is_held(place)


async def test_a_state_that_nobody_looks_at_is_let_go(place: Place) -> None:
    """Once load is over nothing is held, so that others may put the log into the database."""
    await _hold(place)
    place.store.refuse_if_gone()
    assert _is_held(place), "it was looked at since the look before"
    place.store.refuse_if_gone()
    assert not _is_held(place)
    with closing(sqlite3.connect(place.database.path)) as other:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


@pytest.mark.parametrize("count", [FEW, MANY])
@pytest.mark.parametrize("again", [0, 1])
async def test_the_log_is_written_over_though_states_are_held(
    place: Place, monkeypatch: pytest.MonkeyPatch, count: int, again: int
) -> None:
    """Between two states a commit takes the log into the database, and the next one begins it anew: also where small
    commits are carried out at once in between, and where look-ups ask for what has just been committed.
    """
    monkeypatch.setattr(store, "CHECKPOINT_PAGES", 100)
    monkeypatch.setattr(store, "IDLE_CHECKPOINT_PAGES", 100)
    log, held, sizes = place.database.path.with_name("accio.db-wal"), 0, list[int]()
    for first in range(0, 4 * IN_A_ROW * count, count):
        await place.commit(place.results(_keys(first, count)))
        place.store.results([*_keys(first, again), *_keys(first + count, 1)])
        held += _is_held(place)
        sizes.append(log.stat().st_size)
    assert held > (3 * IN_A_ROW if count == MANY else 0)
    assert sizes[-1] < 1.5 * sizes[len(sizes) // 2], "it is as long as it was: it doesn't grow with each commit"
