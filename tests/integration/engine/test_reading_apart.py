"""Large reads in a process of their own: their answers, their errors, and what becomes of a process that fails."""

import asyncio
import errno
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from accio.errors import NotFound
from accio_daemon.storage.exports.export import TooMuch
from accio_daemon.storage.file.database import Database
from accio_daemon.storage.reading.apart import Apart
from accio_daemon.storage.reading.readers import STEPS_HERE, LongRead, Readers
from tests.acceptance.processes import moment
from tests.integration.engine import apart_jobs

HERE = os.getpid()
PATIENCE_S = 90


@pytest.fixture
async def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A database, and an environment in which another process finds the tests' modules."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    made = await Database.open(tmp_path / "accio.db", synchronous="OFF")
    yield made
    await made.close()


async def until_apart(read: LongRead[tuple[int, ...]], *arguments: int) -> tuple[int, ...]:
    """Ask for steps until another process answers one."""
    async with asyncio.timeout(PATIENCE_S):
        while (answer := await read.step(*arguments))[0] == HERE:
            pass
    return answer


async def test_few_steps_need_no_process(database: Database) -> None:
    """The first steps are read here, and no process is started for them."""
    apart = Apart(database.path)
    async with Readers.open(database, apart=apart) as readers:
        for number in range(3):
            read = readers.long_read(apart_jobs.whose, tuple)
            answers = [await read.step(number) for _ in range(STEPS_HERE)]
            assert answers == [(HERE, number + 1)] * STEPS_HERE
        assert apart.pid is None


async def test_further_steps_are_read_apart(database: Database) -> None:
    """Another process reads them once it is there, at a lower priority, and sees what is committed meanwhile."""
    async with Readers.open(database) as readers:
        read = readers.long_read(apart_jobs.version, tuple)
        pid, before = await until_apart(read)
        assert psutil.Process(pid).nice() > psutil.Process(HERE).nice() or psutil.Process(pid).nice() == 19
        await database.writer.run_job(lambda connection: connection.execute(f"PRAGMA user_version = {before + 1}"))
        assert await read.step() == (pid, before + 1)
        await database.writer.run_job(lambda connection: connection.execute(f"PRAGMA user_version = {before}"))
        others = [readers.long_read(partial(apart_jobs.whose, number=number), tuple) for number in range(3)]
        for number, other in enumerate(others):
            assert await until_apart(other) == (pid, number + 1)
    assert not psutil.pid_exists(pid)


async def test_more_jobs_than_it_keeps_are_answered(database: Database) -> None:
    """A job that the process has forgotten is sent to it again."""
    async with Readers.open(database) as readers:
        reads = [readers.long_read(partial(apart_jobs.whose, number=number), tuple) for number in range(100)]
        for _ in range(2):
            for number, read in enumerate(reads):
                assert (await until_apart(read))[1] == number + 1


async def test_its_errors_are_those_of_the_daemon(database: Database) -> None:
    """What is meant for who asked comes as it is; after a bug the daemon reads itself, and has the bug itself."""
    async with Readers.open(database) as readers:
        read = readers.long_read(apart_jobs.refuses, tuple)
        async with asyncio.timeout(PATIENCE_S):
            while (pid := (await read.step(""))[0]) == HERE:
                pass
        with pytest.raises(NotFound, match="there is no such run"):
            await read.step("missing")
        with pytest.raises(TooMuch):
            await read.step("much")
        with pytest.raises(ZeroDivisionError):
            await read.step("bug")
        assert await read.step("") == (pid,)
        assert await until_apart(readers.long_read(apart_jobs.whose, tuple), 7) == (pid, 8)


async def test_it_can_but_read(database: Database) -> None:
    """What writes by mistake changes nothing."""
    async with Readers.open(database) as readers:
        read = readers.long_read(apart_jobs.version, tuple)
        _, before = await until_apart(read)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await readers.long_read(apart_jobs.writes, tuple).step()
        writing = readers.long_read(apart_jobs.writes, tuple)
        for _ in range(STEPS_HERE + 1):
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                await writing.step()
        assert (await read.step())[1] == before


async def test_what_cant_be_sent_is_read_here(database: Database) -> None:
    """A job that can't be pickled is answered all the same."""
    async with Readers.open(database) as readers:
        pid, _ = await until_apart(readers.long_read(apart_jobs.whose, tuple), 1)
        read = readers.long_read(lambda snapshot: apart_jobs.whose(snapshot, 1), tuple)
        assert [await read.step() for _ in range(STEPS_HERE + 2)] == [(HERE, 2)] * (STEPS_HERE + 2)
        assert await until_apart(readers.long_read(apart_jobs.whose, tuple), 1) == (pid, 2)


async def test_one_that_dies_is_done_without(database: Database) -> None:
    """After a kill the daemon reads itself, at once and for a while."""
    apart = Apart(database.path)
    async with Readers.open(database, apart=apart) as readers:
        read = readers.long_read(apart_jobs.whose, tuple)
        pid, _ = await until_apart(read, 1)
        os.kill(pid, signal.SIGKILL)
        assert [await read.step(1) for _ in range(3)] == [(HERE, 2)] * 3
        assert (apart.pid, psutil.pid_exists(pid)) == (None, False)


async def test_none_can_be_started(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no descriptors for another process, the daemon reads itself."""
    tried = asyncio.Event()
    loop = asyncio.get_running_loop()

    def refuse() -> None:
        loop.call_soon_threadsafe(tried.set)
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("socket.socketpair", refuse)
    async with Readers.open(database) as readers, asyncio.timeout(PATIENCE_S):
        read = readers.long_read(apart_jobs.whose, tuple)
        while not tried.is_set():
            assert await read.step(1) == (HERE, 2)
        assert await read.step(1) == (HERE, 2)


async def test_one_that_hangs_is_ended(database: Database) -> None:
    """One that answers nothing is killed, and the daemon reads itself."""
    apart = Apart(database.path, patience_s=5.0)
    async with Readers.open(database, apart=apart) as readers:
        read = readers.long_read(apart_jobs.whose, tuple)
        pid, _ = await until_apart(read, 1)
        os.kill(pid, signal.SIGSTOP)
        async with asyncio.timeout(PATIENCE_S):
            assert await read.step(1) == (HERE, 2)
            assert await read.step(1) == (HERE, 2)
        assert not psutil.pid_exists(pid)


async def test_it_ends_when_nobody_asks(database: Database) -> None:
    """An idle process is ended, and the next large read has another one."""
    async with Readers.open(database, apart=Apart(database.path, idle_s=2.0)) as readers:
        pid, _ = await until_apart(readers.long_read(apart_jobs.whose, tuple), 1)
        async with asyncio.timeout(PATIENCE_S):
            while psutil.pid_exists(pid):
                await moment()
        another, _ = await until_apart(readers.long_read(apart_jobs.whose, tuple), 1)
        assert another != pid


async def test_who_gives_up_leaves_it_to_others(database: Database) -> None:
    """A step whose caller has gone disturbs none of those that follow."""
    async with Readers.open(database) as readers:
        read = readers.long_read(apart_jobs.whose, tuple)
        pid, _ = await until_apart(read, 1)
        for number in range(20):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await read.step(-1)
            assert await read.step(number) == (pid, number + 1)
