"""A full disk: what frees space is done with space that was set aside, all else waits or is refused."""

import asyncio
from pathlib import Path

import pytest

from accio.errors import ResourceExhausted
from accio_daemon.core.commands import DeleteRun, KillRun, Tick
from accio_daemon.engine.full_disk import FullDisk, Reserve
from accio_daemon.storage.file.database import Database
from tests import builders
from tests.integration.engine.conftest import Benches


class Allowance(Reserve):
    """Pages that the database may have once space was given up; the test says when there is space again."""

    def __init__(self) -> None:
        """Set pages aside."""
        self.database: Database | None = None
        self.there = True
        self.given_up = 0

    def take(self) -> bool:
        """Return whether there is space."""
        return self.there

    def give_up(self) -> bool:
        """Allow the database a few pages more."""
        assert self.database is not None
        self.there = False
        self.given_up += 1
        self.restrict(200)
        return True

    def is_given_up(self) -> bool:
        """Return whether the database has its pages more."""
        return not self.there

    def restrict(self, more: int) -> None:
        """Allow the database to grow by so many pages at most; nothing uses its connection meanwhile."""
        assert self.database is not None
        connection = self.database.writer._conn
        ((pages,),) = connection.execute("PRAGMA page_count").fetchall()
        connection.execute(f"PRAGMA max_page_count = {pages + more}").fetchall()


async def test_what_frees_space_goes_on(benches: Benches) -> None:
    """Kills and deletions are stored while the disk is full; reports and submissions wait, or are refused."""
    reserve = Allowance()
    async with asyncio.timeout(30), benches.running(disk=FullDisk(reserve)) as bench:
        engine, reserve.database = bench.engine, bench.database
        agent = await bench.join()
        running = await bench.submit(builders.graph({"A": []}))
        queued = await bench.submit(builders.graph({"B": []}))
        large = await bench.submission(builders.graph({"C": []}), notes="n" * 200_000)
        later = await bench.submission(builders.graph({"D": []}))
        reserve.restrict(2)
        submitted = await engine.ask(large)  # it was decided before the disk was found full
        assert (reserve.given_up, "kill, delete and gc work meanwhile" in engine.refusing) == (1, True)
        with pytest.raises(ResourceExhausted):
            await engine.ask(later)
        agent.end(builders.success(1, agent.attempt_of("A"), {"data": '"a"'}))
        engine.post(agent.telling())
        assert await engine.ask(KillRun(run=queued))
        assert await engine.ask(DeleteRun(run=submitted.no))
        await engine.write(lambda connection: None, frees=True)
        with pytest.raises(ResourceExhausted):
            await engine.write(lambda connection: None)
        states = dict(bench.rows("SELECT no, state FROM runs WHERE closed <> 3"))
        assert (states[running], states[queued], submitted.no in states) == (2, 5, False)
        assert agent.outbox
        assert agent.attempts == {}
        reserve.there = True
        await bench.until(lambda: not engine.refusing and not agent.outbox)
        assert bench.rows("SELECT state FROM runs WHERE no = ?", running) == [(3,)]
        assert (await engine.ask(later)).created
    assert reserve.given_up == 1


async def test_an_engine_on_a_full_disk_can_be_stopped(benches: Benches) -> None:
    """What waits for space was acknowledged to nobody: it doesn't keep the daemon from ending."""
    reserve = Allowance()
    async with asyncio.timeout(30), benches.running(disk=FullDisk(reserve)) as bench:
        reserve.database = bench.database
        agent = await bench.join()
        run = await bench.submit(builders.graph({"A": []}))
        large = await bench.submission(builders.graph({"C": []}), notes="n" * 200_000)
        reserve.restrict(2)
        await bench.engine.ask(large)
        agent.end(builders.success(1, agent.attempt_of("A"), {"data": '"a"'}))
        bench.engine.post(agent.telling())
        assert bench.engine.refusing
    async with benches.running() as bench:
        assert bench.rows("SELECT state FROM runs WHERE no = ?", run) == [(2,)]


def test_space_is_set_aside_and_given_up(tmp_path: Path) -> None:
    """It is a file of that size, which a second taking leaves as it is, and which giving up empties."""
    reserve = Reserve(tmp_path, size=100_000)
    assert not reserve.give_up()
    for _ in range(2):
        assert reserve.take()
        assert [each.stat().st_size for each in tmp_path.iterdir()] == [100_000]
    assert reserve.give_up()
    assert [each.stat().st_size for each in tmp_path.iterdir()] == [0]
    assert not reserve.give_up()


def test_the_next_life_knows_that_the_disk_is_full_still(tmp_path: Path) -> None:
    """A daemon that starts without the space that an earlier life gave up refuses new work until it is there."""
    Reserve(tmp_path, size=100_000).take()
    FullDisk(Reserve(tmp_path)).found("no space")
    for _ in range(2):
        again = FullDisk(Reserve(tmp_path, size=1 << 60))
        assert "kill, delete and gc work meanwhile" in again.refusing
        again.written()
        again.look_again()
        assert again.refusing
        assert not again.admits(Tick())
    assert not FullDisk(Reserve(tmp_path, size=100_000)).refusing
    assert not FullDisk(Reserve(tmp_path, size=1 << 60)).refusing


def test_a_disk_with_less_space_sets_nothing_aside(tmp_path: Path) -> None:
    """No part of it is left over."""
    reserve = Reserve(tmp_path, size=1 << 60)
    assert not reserve.take()
    assert list(tmp_path.iterdir()) == []
