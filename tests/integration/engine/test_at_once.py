"""Small transactions are carried out on the event loop itself, where nobody else has to wait for that."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from accio_daemon.core.effects import Effects, EventRow
from accio_daemon.core.terms import RunNo
from accio_daemon.core.world import Settings
from accio_daemon.engine.restart import restart
from accio_daemon.short_calls import SEVERAL, SEVERAL_IN_S, ShortCalls
from accio_daemon.storage.file.database import CHECKPOINT_PAGES, IDLE_CHECKPOINT_PAGES, Database
from accio_daemon.storage.writing.at_once import IN_A_ROW, QUICK_S, AtOnce
from accio_daemon.storage.writing.rendering import render
from accio_daemon.storage.writing.store import SqliteStore, StoredWorld
from tests import builders
from tests.fakes import FakeClock
from tests.integration.engine.conftest import Benches


class Seconds:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def pass_in(self, pace: AtOnce, seconds: float, *, at_once: bool) -> None:
        """Record a transaction that takes so many seconds."""
        begun, self.now = self.now, self.now + seconds
        pace.ended(begun, at_once=at_once)


@asynccontextmanager
async def _store(path: Path, at_once: AtOnce) -> AsyncIterator[tuple[SqliteStore, Database]]:
    database = await Database.open(path / "accio.db", synchronous="OFF")
    store = None
    try:
        await database.writer.run_job(lambda c: restart(StoredWorld(c), settings=Settings(), now=FakeClock().now()))
        store = SqliteStore(database, at_once)
        yield store, database
    finally:
        if store is not None:
            store.close()
        await database.close()


def _counted(number: int) -> Effects:
    fx = Effects()
    fx.sequence = number
    return fx


def _is_at_once(store: SqliteStore, fx: Effects) -> bool:
    """Begin a commit; whether it is done without a turn of the event loop. One that isn't is given up."""
    coroutine = store.commit(render(fx, {}), (), None)
    try:
        coroutine.send(None)
    except StopIteration:
        return True
    coroutine.close()
    return False


def test_nothing_is_carried_out_at_once_on_a_disk_of_which_nothing_is_known() -> None:
    """The first transaction tells how long one takes."""
    assert not AtOnce(Seconds()).allows()


def test_calls_keep_transactions_off_the_loop() -> None:
    """A sync holds the loop: whoever waits for nothing but a turn of it goes first."""
    clock = Seconds()
    calls = ShortCalls(clock)
    pace = AtOnce(clock, calls)
    clock.pass_in(pace, QUICK_S / 2, at_once=False)
    clock.now += QUICK_S
    with calls.reading():
        assert not pace.allows()
    assert pace.allows()


def test_calls_of_several_keep_transactions_off_the_loop() -> None:
    """A disk that is slow for once would hold all of them up; who alone submits one after the other isn't held up."""
    clock = Seconds()
    calls = ShortCalls(clock)
    pace = AtOnce(clock, calls)
    clock.pass_in(pace, QUICK_S / 2, at_once=False)
    clock.now += QUICK_S
    for _ in range(SEVERAL):
        calls.begin("one")
    assert pace.allows()
    calls.begin("other")
    assert not pace.allows()
    clock.now += SEVERAL_IN_S
    assert pace.allows()


def test_a_slow_disk_keeps_transactions_off_the_loop() -> None:
    """After a transaction that took longer than a step of deciding may, the next ones go to the thread."""
    clock = Seconds()
    pace = AtOnce(clock)
    clock.pass_in(pace, QUICK_S, at_once=False)
    clock.now += 1
    assert pace.allows()
    clock.pass_in(pace, 1.1 * QUICK_S, at_once=True)
    clock.now += 1
    assert not pace.allows()
    clock.pass_in(pace, QUICK_S / 2, at_once=False)
    clock.now += 1
    assert pace.allows()


def test_transactions_have_half_of_the_loops_time_at_most() -> None:
    """Who comes at once behind another one goes to the thread."""
    clock = Seconds()
    pace = AtOnce(clock)
    clock.pass_in(pace, 0.004, at_once=True)
    clock.now += 0.003
    assert not pace.allows()
    clock.now += 0.002
    assert pace.allows()


def test_some_transactions_of_many_go_to_the_thread() -> None:
    """None of those on the loop takes the log into the database, so that one of the others has to."""
    clock = Seconds()
    pace = AtOnce(clock)
    clock.pass_in(pace, 0.001, at_once=False)
    for _ in range(IN_A_ROW):
        clock.now += 1
        assert pace.allows()
        clock.pass_in(pace, 0.001, at_once=True)
    clock.now += 1
    assert not pace.allows()
    clock.pass_in(pace, 0.001, at_once=False)
    clock.now += 1
    assert pace.allows()


async def test_a_small_batch_is_durable_without_a_turn_of_the_loop(tmp_path: Path) -> None:
    """It is read back on another connection; only the thread makes checkpoints, and sooner behind it."""
    clock = Seconds()
    async with _store(tmp_path, AtOnce(clock)) as (store, database):
        reader = database.reader()

        async def pages() -> int:
            (found,) = await database.writer.run_job(lambda c: c.execute("PRAGMA wal_autocheckpoint").fetchone())
            return int(found)

        await store.commit(render(_counted(5), {}), (), None)
        assert await pages() == CHECKPOINT_PAGES
        clock.now += 1
        assert _is_at_once(store, _counted(6))
        assert await pages() == 0
        (plain,) = reader.execute("SELECT value FROM meta WHERE name = 'sequence'").fetchall()
        assert plain == (6,)
        await store.commit(render(_counted(7), {}), (lambda transaction: None,), None)
        assert await pages() == IDLE_CHECKPOINT_PAGES
        await store.commit(render(_counted(8), {}), (lambda transaction: None,), None)
        assert await pages() == CHECKPOINT_PAGES
        reader.close()


async def test_a_busy_writer_is_waited_for(tmp_path: Path) -> None:
    """While the writer's thread has a job, a small batch waits for its turn there."""
    clock = Seconds()
    gate = threading.Event()
    async with asyncio.timeout(60), _store(tmp_path, AtOnce(clock)) as (store, database), asyncio.TaskGroup() as tasks:
        await store.commit(render(_counted(5), {}), (), None)
        clock.now += 1
        holding = tasks.create_task(database.writer.run_job(lambda connection: gate.wait()))
        await asyncio.sleep(0)
        assert not database.writer.is_free
        waiting = tasks.create_task(store.commit(render(_counted(6), {}), (), None))
        await asyncio.sleep(0)
        assert not waiting.done()
        gate.set()
        await waiting
        assert await holding
        assert database.writer.is_free


async def test_what_takes_longer_goes_to_the_thread(tmp_path: Path) -> None:
    """Rare rows, and long texts, are none that the loop should wait for."""
    clock = Seconds()
    event = Effects(events=[EventRow(RunNo(1), None, None, None, "kind", "", 0)])
    heavy = _counted(7)
    heavy.weigh(1_000_000)
    async with _store(tmp_path, AtOnce(clock)) as (store, _):
        await store.commit(render(_counted(5), {}), (), None)
        clock.now += 1
        assert not render(event, {}).is_small()
        assert not render(heavy, {}).is_small()
        assert _is_at_once(store, _counted(6))


@pytest.mark.parametrize(("children", "small"), [(1, True), (3, False)])
async def test_single_runs_are_small_and_sweeps_are_not(benches: Benches, children: int, *, small: bool) -> None:
    """A sweep writes a row for each of its parameters' values."""
    async with benches.running() as bench:
        await bench.join()
        workflow = builders.graph({"A": []})
        command = await bench.submission(workflow, sweep=builders.sweep_of(children))
        run = await bench.engine.ask(command)
        fx = Effects(submitted=[(bench.engine.world.runs[run.no], command)])
        assert render(fx, {}).is_small() is small
