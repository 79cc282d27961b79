"""Reading: long jobs wait for each other, short ones for none of them."""

import asyncio
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from accio.errors import Internal, ResourceExhausted
from accio_daemon.short_calls import ShortCalls
from accio_daemon.storage.courtesy import Courtesy, letting_pass
from accio_daemon.storage.file.database import Database
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.reading.readers import BYTES_AT_HAND, CONNECTIONS, NODES_AT_HAND, NODES_SHORTLY, Readers

Begin = Callable[[Readers, Callable[[Snapshot], Any]], Coroutine[Any, Any, Any]]
"""Has a job read."""


async def _beside_long_ones(path: Path, begin: Begin, looks: Sequence[Begin]) -> None:
    """Begin as many waiting jobs as take all connections twice: *looks* are answered, and one of the jobs runs."""
    database = await Database.open(path, synchronous="OFF")
    gate = threading.Event()
    begun: list[int] = []

    def long(number: int, _: Snapshot) -> None:
        begun.append(number)
        gate.wait()

    try:
        async with asyncio.timeout(90), Readers.open(database) as readers, asyncio.TaskGroup() as tasks:
            for number in range(2 * CONNECTIONS):
                tasks.create_task(begin(readers, partial(long, number)))
            for look in looks:
                found = await look(readers, lambda connection: connection.execute("SELECT 7").fetchone())
                assert found == (7,)
            assert len(begun) <= 1
            gate.set()
        assert begun == list(range(2 * CONNECTIONS))
    finally:
        gate.set()
        await database.close()


async def test_long_reads_leave_connections_to_short_ones(tmp_path: Path) -> None:
    """However many exports read, a look-up needn't wait for them; of long jobs one runs at a time."""
    await _beside_long_ones(tmp_path / "accio.db", Readers.read_long, [Readers.read])


async def test_reads_of_many_nodes_leave_connections_to_short_ones(tmp_path: Path) -> None:
    """However many ask for a run of so many nodes, a look-up needn't wait for them; few nodes need no connection."""

    def of(nodes: int) -> Begin:
        return lambda readers, job: readers.read_of(nodes, job)

    looks = [of(nodes) for nodes in (NODES_AT_HAND, NODES_AT_HAND + 1, NODES_SHORTLY)]
    await _beside_long_ones(tmp_path / "accio.db", of(NODES_SHORTLY + 1), looks)


async def test_what_is_found_is_read_in_the_same_look(tmp_path: Path) -> None:
    """What costs little is found once; what costs more is found anew where it is read, as it may have changed."""
    found: list[int] = []

    def find(connection: sqlite3.Connection) -> int:
        found.append(connection.execute("SELECT 7").fetchone()[0])
        return len(found)

    database = await Database.open(tmp_path / "accio.db", synchronous="OFF")
    try:
        async with Readers.open(database) as readers:
            for nodes, times in ((NODES_AT_HAND, 1), (NODES_AT_HAND + 1, 2), (NODES_SHORTLY + 1, 2)):
                found.clear()
                assert await readers.read_found(find, partial(max, nodes), lambda _, which: which) == times
    finally:
        await database.close()


async def test_a_read_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """A read is interrupted when its budget is over, though its caller waits on, and its connection serves others."""
    database = await Database.open(tmp_path / "accio.db", synchronous="OFF")
    try:
        async with asyncio.timeout(60), Readers.open(database) as readers:
            for _ in range(2 * CONNECTIONS):
                with pytest.raises(ResourceExhausted, match="was given up: say more"):
                    await readers.read(lambda connection: connection.execute(_ENDLESS).fetchone(), budget_s=0.01)
            assert await readers.read(lambda connection: connection.execute("SELECT 7").fetchone()) == (7,)
    finally:
        await database.close()


async def test_searches_leave_connections_to_others(tmp_path: Path) -> None:
    """However many search, and export besides, a look-up needn't wait for them."""
    database = await Database.open(tmp_path / "accio.db", synchronous="OFF")
    gate = threading.Event()
    begun: list[str] = []

    def slow(kind: str) -> None:
        begun.append(kind)
        gate.wait()

    try:
        async with asyncio.timeout(90), Readers.open(database) as readers, asyncio.TaskGroup() as tasks:
            for _ in range(CONNECTIONS):
                tasks.create_task(readers.search(lambda _: slow("search")))
                tasks.create_task(readers.read_long(lambda _: slow("long")))
            found = await readers.read(lambda connection: connection.execute("SELECT 7").fetchone())
            assert found == (7,)
            assert len(begun) <= CONNECTIONS - 1
            gate.set()
        assert sorted(begun) == ["long"] * CONNECTIONS + ["search"] * CONNECTIONS
    finally:
        gate.set()
        await database.close()


@pytest.mark.parametrize("statement", ["SELECT 7", "SELECT value FROM json_each('[1, 2]')"])
async def test_what_is_at_hand_is_read_on_the_loop(statement: str, tmp_path: Path) -> None:
    """It waits for no connection, and for no thread."""
    database = await Database.open(tmp_path / "accio.db", synchronous="OFF")
    try:
        async with asyncio.timeout(90), Readers.open(database, connections=0) as readers:
            thread, rows = await readers.read_at_hand(
                lambda connection: (threading.get_ident(), connection.execute(statement).fetchall())
            )
            assert thread == threading.get_ident()
            assert rows
    finally:
        await database.close()


_ENDING = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5001) SELECT count(*) FROM n"


@pytest.mark.parametrize(
    ("few", "many"),
    [
        ("SELECT count(*) FROM json_each('[1, 2]')", _ENDING),
        ("SELECT length(hex(zeroblob(100)))", f"SELECT length(hex(zeroblob({BYTES_AT_HAND})))"),
    ],
    ids=["steps", "bytes"],
)
async def test_what_takes_longer_is_read_in_a_thread(few: str, many: str, tmp_path: Path) -> None:
    """What needs many steps of SQLite, or a long value, is begun anew in a thread, and gives the same there; what
    follows is bounded as before.
    """
    database = await Database.open(tmp_path / "accio.db", synchronous="OFF")
    threads: list[int] = []
    try:
        async with asyncio.timeout(90), Readers.open(database) as readers:

            def job(connection: Snapshot, statement: str) -> int:
                threads.append(threading.get_ident())
                (found,) = connection.execute(statement).fetchone()
                return int(found)

            for statement, found in ((few, {2, 200}), (many, {5_001, 2 * BYTES_AT_HAND}), (few, {2, 200})):
                assert await readers.read_at_hand(partial(job, statement=statement)) in found
            assert readers.glance(partial(job, statement=many)) in {5_001, 2 * BYTES_AT_HAND}
        own = threading.get_ident()
        assert [thread == own for thread in threads] == [True, True, False, True, True]
    finally:
        await database.close()


async def test_looks_that_are_given_up_leave_no_snapshot_open(tmp_path: Path) -> None:
    """However often: SQLite counts the steps of a statement from its first use on, those that end a snapshot, too."""
    database = await Database.open(tmp_path / "accio.db", synchronous="OFF")
    try:
        async with asyncio.timeout(90), Readers.open(database) as readers:
            for _ in range(300):
                with suppress(sqlite3.OperationalError):
                    readers._look(lambda connection: connection.execute(_ENDING).fetchone())
                assert not readers._own.in_transaction
            assert readers.glance(lambda connection: connection.execute("SELECT 7").fetchone()) == (7,)
    finally:
        await database.close()


async def test_a_snapshot_that_was_left_open_is_ended(tmp_path: Path) -> None:
    """An interruption may end what was to end a snapshot; the next job sees the newest state all the same."""
    database = await Database.open(tmp_path / "accio.db", synchronous="OFF")
    try:
        async with asyncio.timeout(90), Readers.open(database) as readers:
            readers._own.execute("BEGIN")
            assert readers.glance(lambda connection: connection.execute("SELECT 7").fetchone()) == (7,)
            assert not readers._own.in_transaction
    finally:
        await database.close()


async def test_what_a_look_finds_wrong_is_told(tmp_path: Path) -> None:
    """Any other error of a look isn't hidden behind a second one."""
    database = await Database.open(tmp_path / "accio.db", synchronous="OFF")
    try:
        async with asyncio.timeout(90), Readers.open(database, connections=0) as readers:
            with pytest.raises(sqlite3.OperationalError, match="no such table"):
                await readers.read_at_hand(lambda connection: connection.execute("SELECT 1 FROM missing"))
    finally:
        await database.close()


async def test_a_reader_has_all_its_files_from_the_beginning(tmp_path: Path) -> None:
    """Whatever callers take of the descriptors later, none is missing for a read."""
    database = await Database.open(tmp_path / "accio.db", synchronous="OFF")
    try:
        before = _open_files()
        reader = database.reader()
        opened = _open_files() - before
        assert sorted(Path(each).name for each in opened.elements()) == ["accio.db", "accio.db-wal"]
        reader.execute("SELECT count(*) FROM runs").fetchone()
        assert _open_files() - before == opened
        reader.close()
    finally:
        await database.close()


def _open_files() -> Counter[str]:
    """Which files of databases this process has open, and how often."""
    names = []
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            names.append(str(each.readlink()))
    return Counter(name for name in names if "accio.db" in name)


async def test_damage_is_told_as_what_it_is(tmp_path: Path) -> None:
    """A read that finds pages which SQLite never wrote says what is damaged, and what to do."""
    file = tmp_path / "accio.db"
    database = await Database.open(file, synchronous="OFF")
    try:
        await database.writer.run_job(lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)"))
        with file.open("r+b") as pages:
            pages.seek(4096)
            pages.write(b"\xff" * (file.stat().st_size - 4096))
        async with Readers.open(database) as readers:
            with pytest.raises(Internal, match=r"can't read its database.*accio daemon check"):
                await readers.read(lambda connection: connection.execute("SELECT * FROM runs").fetchall())
    finally:
        await database.close()


async def test_a_log_that_was_cut_is_told_as_what_it_is(tmp_path: Path) -> None:
    """SQLite ends the transaction of a read that finds its log cut; that there is none to end hides nothing."""
    file = tmp_path / "accio.db"
    database = await Database.open(file, synchronous="OFF")
    try:
        async with Readers.open(database) as readers:
            readers.glance(lambda connection: connection.execute("SELECT * FROM tags").fetchall())
            await database.writer.run_job(lambda connection: connection.execute("INSERT INTO tags VALUES ('a', 1)"))
            file.with_name("accio.db-wal").write_bytes(b"")
            with pytest.raises(Internal, match=r"can't read its database.*accio daemon check"):
                readers.glance(lambda connection: connection.execute("SELECT * FROM tags").fetchall())
    finally:
        await database.close()


_ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


async def test_who_gives_up_ends_his_read_and_gives_a_free_connection_back(tmp_path: Path) -> None:
    """A read that would never end is interrupted with its caller, and every connection serves others afterwards."""
    database = await Database.open(tmp_path / "accio.db", synchronous="OFF")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(60), Readers.open(database) as readers:
            for _ in range(2 * CONNECTIONS):
                begun = asyncio.Event()

                def endless(connection: sqlite3.Connection, begun: asyncio.Event = begun) -> None:
                    loop.call_soon_threadsafe(begun.set)
                    connection.execute(_ENDLESS).fetchone()

                reading = loop.create_task(readers.read(endless))
                await begun.wait()
                reading.cancel()
                await asyncio.wait((reading,))
                assert reading.cancelled()
            for _ in range(2 * CONNECTIONS):
                assert await readers.read(lambda connection: connection.execute("SELECT 7").fetchone()) == (7,)
    finally:
        await database.close()


class _Patient(Courtesy):
    """Its clock stands still but while somebody rests, for two seconds."""

    def __init__(self, calls: ShortCalls | None = None) -> None:
        self.now = 0.0
        self.rests = 0
        super().__init__(lambda: self.now, calls)

    def wait(self) -> None:
        self.rests += 1
        self.now += 2


def test_who_computes_rests_while_a_short_job_is_under_way() -> None:
    """It rests before its next row, and then works for as long as it has rested."""
    courtesy = _Patient()
    with courtesy.shown():
        rows = letting_pass(range(100))
        assert next(rows) == 0
        assert courtesy.rests == 0  # nobody wants to pass
        with courtesy.expected():
            assert [next(rows) for _ in range(50)] == list(range(1, 51))
            assert courtesy.rests == 1
            courtesy.now += 2
            next(rows)
            assert courtesy.rests == 2
        courtesy.now += 2
        assert list(rows) == list(range(52, 100))
    assert courtesy.rests == 2


@pytest.mark.parametrize("kind", ["search", "read_long"])
async def test_long_jobs_let_short_ones_pass(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches and long reads rest while a look-up is under way, and not when it is over."""
    database = await Database.open(tmp_path / "accio.db", synchronous="OFF")
    begun, over, rested = threading.Event(), threading.Event(), threading.Event()
    monkeypatch.setattr(Courtesy, "wait", lambda _: rested.set())

    def short(_: object) -> bool:
        begun.set()
        return over.wait(30)

    try:
        async with asyncio.timeout(60), Readers.open(database) as readers, asyncio.TaskGroup() as tasks:
            look_up = tasks.create_task(readers.read(short))
            await asyncio.to_thread(begun.wait)
            assert await getattr(readers, kind)(lambda _: list(letting_pass(range(3)))) == [0, 1, 2]
            assert rested.is_set()
            over.set()
            assert await look_up
            rested.clear()
            await getattr(readers, kind)(lambda _: list(letting_pass(range(3))))
            await readers.read(lambda _: list(letting_pass(range(3))))
            assert not rested.is_set()
    finally:
        await database.close()


async def test_short_reads_are_told_of(tmp_path: Path) -> None:
    """As long as one is under way, what keeps the loop lets it pass; long ones and searches don't count."""
    database = await Database.open(tmp_path / "accio.db", synchronous="OFF")
    try:
        async with asyncio.timeout(60), Readers.open(database) as readers:
            there = readers.short_calls
            there._clock = lambda: 0.0  # on a busy machine a short read isn't over soon
            assert await readers.read(lambda _: there.are_there)
            assert not await readers.read_long(lambda _: there.are_there)
            assert not await readers.search(lambda _: there.are_there)
            assert not there.are_there
    finally:
        await database.close()


def test_who_computes_rests_while_a_call_is_announced() -> None:
    """The event loop, too, wants the interpreter for a call: until it has the request."""
    calls = ShortCalls(lambda: 0.0)
    courtesy = _Patient(calls)
    with courtesy.shown():
        rows = letting_pass(range(100))
        next(rows)
        assert courtesy.rests == 0
        calls.announce()
        next(rows)
        assert courtesy.rests == 1


def test_a_rest_ends_once_the_request_of_a_call_has_come() -> None:
    """Who rests hears of it, in his thread."""
    calls = ShortCalls(lambda: 0.0)
    courtesy = Courtesy(calls=calls)
    calls.announce()
    resting = threading.Thread(target=courtesy.wait)
    resting.start()
    calls.begin()
    resting.join(90)
    assert not resting.is_alive()
    assert not courtesy.is_asked


@pytest.mark.parametrize("kind", ["search", "read_long"])
async def test_long_jobs_let_announced_calls_pass(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches and long reads rest as soon as gRPC has announced a call, whose request hasn't come."""
    database = await Database.open(tmp_path / "accio.db", synchronous="OFF")
    rested = threading.Event()
    monkeypatch.setattr(Courtesy, "wait", lambda _: rested.set())
    try:
        async with asyncio.timeout(60), Readers.open(database) as readers:
            monkeypatch.setattr(readers.short_calls, "_clock", lambda: 0.0)
            readers.short_calls.announce()
            await getattr(readers, kind)(lambda _: list(letting_pass(range(3))))
            assert rested.is_set()
            rested.clear()
            readers.short_calls.begin()
            await getattr(readers, kind)(lambda _: list(letting_pass(range(3))))
            assert not rested.is_set()
    finally:
        await database.close()
