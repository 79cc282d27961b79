"""The engine's promises: persist, then act, then answer; whole jobs; who goes away, or a full disk, loses nothing."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from accio.errors import AlreadyExists, BadRequest, FailedPrecondition, NotFound, ResourceExhausted
from accio_daemon.core.commands import (
    AgentReports,
    Command,
    DeleteRun,
    DrainAgent,
    KillRun,
    RetryRun,
    SubmitRun,
    Submitted,
)
from accio_daemon.engine import commits
from accio_daemon.engine.cycle import Bounds
from tests import builders
from tests.fakes import FakeAgent
from tests.integration.engine.conftest import Bench, Benches

A = builders.graph({"A": []})
MANY = builders.graph({"A": []}, swept=("A",))


def success(agent: FakeAgent, node: str) -> AgentReports:
    """End a node well at its agent; return what the agent says."""
    return agent.telling(agent.end(builders.success(agent.next_seq, agent.attempt_of(node), {"data": '"x"'})))


async def test_persist_act_answer_in_this_order(benches: Benches) -> None:
    """Before the commit nobody sees anything; agents are told before the client is."""
    seen: list[tuple[str, int, int, bool]] = []
    looks: list[Callable[[str], None]] = []

    def crash_point(name: str) -> None:
        for look in looks:
            look(name)

    async with benches.running(crash_point=crash_point) as bench, asyncio.TaskGroup() as tasks:
        agent = await bench.join()
        command = await bench.submission(A)
        asked = tasks.create_task(bench.engine.ask(command))

        def look(name: str) -> None:
            ((stored,),) = bench.rows("SELECT count(*) FROM executions")
            seen.append((name, stored, len(agent.attempts), asked.done()))

        looks.append(look)
        await asked
    first = {name: rest for name, *rest in reversed(seen)}
    assert first["before_commit"] == [0, 0, False]
    assert first["after_commit"] == [1, 0, False]
    assert first["after_act"] == [1, 1, False]


async def test_after_a_commit_nothing_is_decided_for_nothing(benches: Benches, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report ends a run: it is decided, committed and told, and each decision after it has a command to decide."""
    commands: list[int] = []
    async with benches.running() as bench:
        agent = await bench.join()
        run = await bench.submit(A)
        await bench.engine.write(lambda connection: None)
        monkeypatch.setattr(bench.engine.observer, "decided", commands.append)
        bench.engine.post(success(agent, "A"))
        await bench.until(lambda: bench.rows("SELECT state FROM runs WHERE no = ?", run) == [(3,)])
        await bench.engine.write(lambda connection: None)
        assert commands
        assert 0 not in commands


async def test_a_caller_that_goes_away_changes_nothing(benches: Benches) -> None:
    """What was posted is carried out, and the next request isn't caught in its transaction."""
    async with benches.running() as bench:
        await bench.join()
        command = await bench.submission(A)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await bench.engine.ask(command)
        await bench.until(lambda: bench.rows("SELECT count(*) FROM runs") == [(1,)])
        await bench.submit(builders.graph({"B": []}))
        assert bench.rows("SELECT count(*) FROM runs") == [(2,)]


async def test_a_refusal_is_for_who_asked(benches: Benches) -> None:
    """A domain error of the core goes to its asker; others in the same batch don't notice."""
    async with benches.running() as bench:
        await bench.join()
        commands: list[Command[object]] = [DrainAgent(name="nobody", draining=True), await bench.submission(A)]
        answers = await asyncio.gather(*map(bench.engine.ask, commands), return_exceptions=True)
        assert isinstance(answers[0], NotFound)
        assert isinstance(answers[1], Submitted)
        assert answers[1].no == 1
        bench.engine.post(DrainAgent(name="nobody", draining=True))
        await bench.submit(builders.graph({"B": []}))


async def test_a_job_that_refuses_undoes_itself_alone(benches: Benches) -> None:
    """Jobs share a transaction, not a fate."""

    def bad(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO meta (name, value) VALUES ('bad', 1)")
        raise BadRequest("no")

    async with benches.running() as bench:
        good = bench.engine.write(lambda c: c.execute("INSERT INTO meta (name, value) VALUES ('good', 1)").rowcount)
        written, refused = await asyncio.gather(good, bench.engine.write(bad), return_exceptions=True)
        assert written == 1
        assert isinstance(refused, BadRequest)
        assert bench.rows("SELECT name FROM meta WHERE name IN ('good', 'bad')") == [("good",)]


async def test_everything_posted_is_on_disk_when_it_stops(benches: Benches) -> None:
    """Another engine finds what the first one was told last."""
    async with benches.running() as bench:
        agent = await bench.join()
        run = await bench.submit(A)
        bench.engine.post(success(agent, "A"))
    async with benches.running() as bench:
        assert bench.rows("SELECT state FROM runs WHERE no = ?", run) == [(3,)]
        assert bench.engine.world.runs == {}


async def test_a_full_disk_refuses_new_work_and_loses_nothing(
    benches: Benches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was decided waits for space, whoever asked for it is told so at once, and work goes on by itself."""
    monkeypatch.setattr(commits, "FULL_DISK_PAUSE", 0.01)
    async with benches.running() as bench:
        await bench.join()
        await bench.submit(builders.graph({"A": []}))
        killed = await bench.submit(builders.graph({"D": []}))
        command = await bench.submission(builders.graph({"B": []}), notes="n" * 200_000)
        ((pages,),) = await bench.database.writer.run_job(lambda c: c.execute("PRAGMA page_count").fetchall())
        await bench.database.writer.run_job(lambda c: c.execute(f"PRAGMA max_page_count = {pages + 2}").fetchall())
        with pytest.raises(ResourceExhausted, match="was taken, but can't be stored yet"):
            await bench.engine.ask(command)
        with pytest.raises(ResourceExhausted, match="nothing is lost"):
            await bench.engine.ask(await _prepared(bench))
        with pytest.raises(ResourceExhausted):
            await bench.engine.write(lambda connection: None)
        with pytest.raises(ResourceExhausted, match="was taken, but can't be stored yet"):
            await bench.engine.ask(KillRun(run=killed))
        assert bench.rows("SELECT count(*) FROM runs WHERE state <> 5") == [(2,)]
        await bench.database.writer.run_job(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchall())
        await bench.until(lambda: bench.rows("SELECT state FROM runs WHERE no = ?", killed) == [(5,)])
        assert bench.rows("SELECT count(*) FROM runs") == [(3,)]
        assert bench.engine.refusing == ""


async def test_an_agent_without_cpus_has_none_after_a_restart(benches: Benches) -> None:
    """What an agent offers is what it said, until it says something else."""
    async with benches.running() as bench:
        await bench.join(cpus=0)
    async with benches.running() as bench:
        (agent,) = bench.engine.cluster().agents
        assert str(agent.resources) == "0 CPUs"


async def _prepared(bench: Bench) -> Any:
    """Make a submission without writing anything (its workflow is never looked at)."""
    spec = builders.step()
    return SubmitRun(
        id=builders.run_id(99),
        definition=builders.definition(A),
        workflow_no=1,
        workflow=A,
        operators=(builders.announced(bench.engine.world, spec),),
        owner_name="Ada",
        owner_email="",
        seed=1,
    )


async def test_any_other_failed_commit_ends_the_engine(benches: Benches) -> None:
    """It stops rather than go on from a memory that the disk doesn't have."""

    async def without_a_table() -> None:
        async with benches.running() as bench:
            await bench.join()
            await bench.database.writer.run_job(lambda c: c.execute("DROP TABLE executions"))
            command = await bench.submission(A)
            await bench.engine.ask(command)

    with pytest.raises(ExceptionGroup) as raised:
        await without_a_table()
    assert raised.group_contains(sqlite3.OperationalError, match="executions")


async def test_a_database_that_vanishes_ends_an_idle_engine(benches: Benches) -> None:
    """Nobody has to write for it to be noticed."""

    async def without_a_file() -> None:
        async with benches.running() as bench:
            bench.database.path.rename(bench.database.path.with_name("elsewhere"))
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as raised:
        async with asyncio.timeout(60):
            await without_a_file()
    assert raised.group_contains(FailedPrecondition, match="was removed or replaced")


async def test_deleting_removes_rows_in_steps_and_over_restarts(
    benches: Benches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deleted run is gone at once for users; its rows go little by little, also after a restart."""
    monkeypatch.setattr("accio_daemon.storage.writing.writer.DELETED_AT_ONCE", 3)
    async with benches.running() as bench:
        agent = await bench.join(cpus=40)
        run = await bench.submit(MANY, sweep=builders.sweep_of(30))
        for index in range(30):
            bench.engine.post(success(agent, f"{index}/A"))
        assert await bench.engine.ask(DeleteRun(run=run))
        assert bench.rows("SELECT closed FROM runs WHERE no = ?", run) in ([], [(3,)])
    async with benches.running() as bench:
        await bench.until(lambda: bench.rows("SELECT count(*) FROM runs") == [(0,)])
        assert bench.rows("SELECT count(*) FROM instances") == [(0,)]
        assert bench.rows("SELECT count(*) FROM nodes") == [(0,)]
        assert bench.rows("SELECT count(*) FROM results") == [(30,)]


async def test_retries_and_deletions_meet_what_ends_meanwhile(benches: Benches) -> None:
    """Facts that changed between reading and deciding are read again, so that counters stay right."""
    async with benches.running() as bench:
        agent = await bench.join(cpus=40)
        run = await bench.submit(MANY, sweep=builders.sweep_of(40))
        reports = [success(agent, f"{index}/A") for index in range(20)]
        for number in range(20, 30):
            failed = builders.failure(agent.next_seq, agent.attempt_of(f"{number}/A"))
            reports.append(agent.telling(agent.end(failed)))
        async with asyncio.TaskGroup() as tasks:
            for number, report in enumerate(reports):
                bench.engine.post(report)
                tasks.create_task(bench.engine.ask(DeleteRun(run=run, index=number)))
                if number % 5 == 0:
                    tasks.create_task(bench.engine.ask(RetryRun(run=run)))
        counts = bench.rows("SELECT running, success, failed, killed, removed FROM runs WHERE no = ?", run)
        assert counts == [(10, 0, 0, 0, "[[0,29]]")]
        await bench.engine.ask(KillRun(run=run))
        assert bench.rows("SELECT count(*) FROM instances WHERE run_no = ?", run) == [(10,)]


async def test_a_run_that_is_gone_can_neither_be_retried_nor_deleted_from(benches: Benches) -> None:
    """Both say so."""
    async with benches.running() as bench:
        await bench.join()
        run = await bench.submit(A)
        await bench.engine.ask(DeleteRun(run=run))
        for command in (RetryRun(run=run), DeleteRun(run=run, index=0)):
            with pytest.raises(NotFound):
                await bench.engine.ask(command)


async def test_a_submission_is_answered_before_its_children_are_opened(benches: Benches) -> None:
    """A large sweep's first batch holds some children, so that workers begin; the others can wait for the answer."""
    opened: list[int] = []
    looks: list[Callable[[str], None]] = []

    def crash_point(name: str) -> None:
        for look in looks:
            look(name)

    async with benches.running(crash_point=crash_point) as bench:
        agent = await bench.join(cpus=1_000)
        command = await bench.submission(MANY, sweep=builders.sweep_of(1_000))

        def look(name: str) -> None:
            if name == "after_answer":
                opened.append(len(agent.attempts))

        looks.append(look)
        await bench.engine.ask(command)
        await bench.until(lambda: len(agent.attempts) == 1_000)
    answered = next(count for count in opened if count)
    assert answered == Bounds().opened_first


async def test_a_repeated_submission_is_answered_from_memory(benches: Benches) -> None:
    """A hundred at once under one key make one run; another request under it is refused."""
    async with benches.running() as bench:
        await bench.join()
        command = await bench.submission(A)
        same = [builders.keyed(command, ("Ada", "k", b"1"), number) for number in range(100)]
        answers = await asyncio.gather(*map(bench.engine.ask, same))
        assert len({answer.no for answer in answers}) == 1
        assert sum(answer.created for answer in answers) == 1
        with pytest.raises(AlreadyExists):
            await bench.engine.ask(builders.keyed(command, ("Ada", "k", b"2"), 101))


async def test_a_watch_wakes_for_what_is_committed(benches: Benches) -> None:
    """Changes coalesce; a watch of another run sleeps."""
    async with benches.running() as bench:
        agent = await bench.join(cpus=4)
        run, other = await bench.submit(A), await bench.submit(builders.graph({"B": []}))
        async with bench.engine.watch(run) as watch, bench.engine.watch(other) as idle:
            bench.engine.post(success(agent, "A"))
            await watch.changed()
            assert bench.rows("SELECT state FROM runs WHERE no = ?", run) == [(3,)]
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await idle.changed()


async def test_explanations_and_numbers_are_of_now(benches: Benches) -> None:
    """They come from memory, as advice."""
    async with benches.running() as bench:
        agent = await bench.join()
        run = await bench.submit(A)
        waits = await bench.submit(builders.graph({"B": []}))
        assert bench.engine.explain(waits, 0, 0) == "waits for room for 1 CPU on w1"
        view = bench.engine.cluster()
        assert (view.running_nodes, view.queued_nodes, view.active_runs) == (1, 1, 2)
        assert [(each.name, each.state, each.running) for each in view.agents] == [("w1", "connected", 1)]
        assert agent.session is not None
        bench.engine.lost(agent.session, "cable")
        await bench.engine.ask(KillRun(run=run))
        assert [each.state for each in bench.engine.cluster().agents] == ["disconnected"]


async def test_a_late_command_does_not_keep_it_from_ending(benches: Benches) -> None:
    """What is posted during the last commit, when nothing more was expected, is decided, and the engine ends."""
    steps: dict[str, Callable[[], None]] = {}

    def crash_point(name: str) -> None:
        if name in steps:
            steps.pop(name)()

    async with asyncio.timeout(50), benches.running(crash_point=crash_point) as bench:
        agent = await bench.join()
        steps["before_commit"] = bench.engine.stop
        steps["after_commit"] = lambda: bench.engine.post(DrainAgent(name=agent.name, draining=True))
        await bench.engine.ask(await bench.submission(A))
    assert steps == {}
    async with benches.running() as bench:
        drained = [agent.drained for agent in bench.engine.world.agents.values()]
        assert drained == [True]
