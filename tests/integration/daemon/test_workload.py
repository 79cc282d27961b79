"""What is queued and running, and when it will have ended, as a client is told."""

import sqlite3
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from accio.v1 import accio_pb2, runs_pb2, workload_pb2
from accio_daemon.core.accounts import HOUR_MS
from accio_daemon.services.calls import workload as calls
from accio_daemon.storage.times import lanes
from accio_daemon.storage.times.concurrency import PARTS
from tests.integration.daemon.harness import Serving, configured, serving
from tests.integration.daemon.scripted_agent import ScriptedAgent, joined, operator
from tests.integration.daemon.workflows import FAILING, PAIR


async def workload(daemon: Serving, run: str = "") -> workload_pb2.Workload:
    """Ask for the workload."""
    found: workload_pb2.Workload = await daemon.accio.GetWorkload(workload_pb2.GetWorkloadRequest(run=run))
    return found


async def test_the_workload_is_told_by_run_owner_and_demand(
    daemon: Serving, agent: ScriptedAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long nodes take is known from those that ended, also after a restart of the daemon."""
    await daemon.push(PAIR)
    await daemon.finished({"workflow": "pair", "params": {"x": 4}})
    agent.behaviour = None
    sweep = {"workflow": "pair", "name": "n", "params": {"x": {"from": 1, "to": 40, "step": 1}}}
    run = await daemon.submit(sweep)
    await agent.work.get()
    found = await workload(daemon)
    assert (found.agents, found.active_runs, found.resources.milli_cpus) == (1, 1, 4000)
    (mine,) = found.runs
    assert (mine.run, mine.name, mine.owner.name, mine.children) == (run.id, "n", "Ada", 40)
    assert mine.children_left <= 40
    assert mine.executions <= 80
    (owner,) = found.owners
    assert (owner.owner.name, owner.runs, owner.running) == ("Ada", 1, mine.running)
    (demand,) = found.demands
    assert (demand.operator, demand.slots, demand.took.measured, demand.took.earlier_version) == ("Double", 4, 2, False)
    assert 0 < demand.took.low_s < 0.0015 < demand.took.high_s
    assert mine.forecast.known
    assert 0 < mine.forecast.low_s < mine.forecast.high_s
    assert found.forecast == mine.forecast
    assert mine.created_ms == run.created_at_ms
    assert (found.recent.succeeded, found.recent.failed, found.recent.more) == (2, 0, False)
    monkeypatch.setattr(lanes, "COUNTED", 1)
    last = (await workload(daemon)).recent
    assert (last.succeeded, last.more) == (1, True)


async def test_what_failed_lately_is_counted(tmp_path: Path) -> None:
    """Executions that failed are told apart; what ended before the moment isn't counted."""
    async with serving(configured(tmp_path / "data")) as daemon, joined(daemon.agents):
        await daemon.push(FAILING)
        await daemon.finished({"workflow": "failing"})
        told = (await workload(daemon)).recent
        with closing(sqlite3.connect(tmp_path / "data" / "accio.db")) as database:
            ((ended_ms,),) = database.execute("SELECT max(ended_at) FROM attempts")  # by the agent's clock
            found = lanes.recent(database, ended_ms)
            assert (found.succeeded, found.failed) == (0, 1)
            later = lanes.recent(database, told.since_ms + 2 * HOUR_MS)
            assert (later.succeeded, later.failed, later.more) == (0, 0, False)


async def test_how_many_ran_at_a_time(daemon: Serving, agent: ScriptedAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the last hour, in equal parts, what goes on included; what was found a moment ago is told anew."""
    assert not any((await workload(daemon)).recent.concurrency)
    await daemon.push(PAIR)
    agent.behaviour = None
    await daemon.submit({"workflow": "pair"})
    await agent.work.get()
    assert not any((await workload(daemon)).recent.concurrency), "it is of before"
    monkeypatch.setattr(calls, "KEPT_S", 0.0)
    while not any((told := (await workload(daemon)).recent).concurrency):
        pass
    assert len(told.concurrency) == PARTS
    assert (any(told.concurrency[:-1]), told.concurrency_sampled) == (False, False)


async def test_nothing_is_known_of_an_operator_that_was_never_executed(daemon: Serving) -> None:
    """A forecast says so, and which agents would be needed if none is there."""
    async with joined(daemon.agents, behaviour=None) as agent:
        await daemon.push(PAIR)
        run = await daemon.submit({"workflow": "pair"})
        await agent.work.get()
        (mine,) = (await workload(daemon, run.id)).runs
        assert not mine.forecast.known
        assert mine.forecast.why == "nothing is known yet of how long Double takes"
    other = operator("Other", digest="0")
    async with joined(daemon.agents, "other", operators=[other]):
        (mine,) = (await workload(daemon, run.id)).runs
        while "no connected agent" not in mine.forecast.why:
            (mine,) = (await workload(daemon, run.id)).runs
        assert mine.forecast.never


async def test_a_dry_run_tells_when_it_would_have_ended(daemon: Serving, agent: ScriptedAgent) -> None:
    """What the memo holds takes no time; what has to be executed takes as long as such nodes took."""
    await daemon.push(PAIR)
    await daemon.finished({"workflow": "pair", "params": {"x": 4}})

    async def forecast(x: float) -> workload_pb2.Forecast:
        definition = orjson.dumps({"workflow": "pair", "params": {"x": x}})
        answer = await daemon.accio.DryRun(accio_pb2.SubmitRequest(definition=definition))
        found: workload_pb2.Forecast = answer.forecast
        return found

    known, new = await forecast(4), await forecast(5)
    assert (known.known, known.high_s) == (True, 0.0)
    assert new.known
    assert 0 < new.low_s < new.high_s < 1


async def test_a_nice_run_is_told_as_such_behind_all_others(daemon: Serving) -> None:
    """By its view, by the workload, and by a dry run, whose end lies behind what is there; the other's before it."""
    async with joined(daemon.agents) as agent:
        await daemon.push(PAIR)
        await daemon.finished({"workflow": "pair", "params": {"x": 4}})
        agent.behaviour = None
        sweep = {"workflow": "pair", "params": {"x": {"from": 100, "to": 300, "step": 1}}, "nice": True}
        nice = await daemon.submit(sweep)
        other = await daemon.submit({"workflow": "pair", "params": {"x": 5}})
        assert (nice.nice, other.nice) == (True, False)
        assert [(each.run, each.nice) for each in (await workload(daemon)).runs] == [(other.id, False), (nice.id, True)]

        async def dry_run(**more: bool) -> accio_pb2.DryRunResponse:
            definition = orjson.dumps({"workflow": "pair", "params": {"x": 6}} | more)
            answer: accio_pb2.DryRunResponse = await daemon.accio.DryRun(accio_pb2.SubmitRequest(definition=definition))
            return answer

        last, first = await dry_run(nice=True), await dry_run()
        assert (last.nice, first.nice) == (True, False)
        assert first.forecast.high_s < last.forecast.high_s


async def test_hidden_runs_are_counted_and_not_shown(tmp_path: Path) -> None:
    """Who doesn't see others' runs is told how busy the cluster is, and nothing about whose work that is."""
    async with serving(configured(tmp_path / "data", hide_runs=True)) as daemon, joined(daemon.agents, behaviour=None):
        request = accio_pb2.CreateTokenRequest(kind=accio_pb2.TOKEN_KIND_USER, owner="Eve <eve@x.org>")
        eve = (await daemon.accio.CreateToken(request)).secret
        await daemon.push(PAIR)
        run = await daemon.submit({"workflow": "pair"})
        assert run.state == runs_pb2.RUN_STATE_SCHEDULED
        call = daemon.channel.unary_unary(
            "/accio.v1.Accio/GetWorkload",
            request_serializer=workload_pb2.GetWorkloadRequest.SerializeToString,
            response_deserializer=workload_pb2.Workload.FromString,
        )
        found = await call(workload_pb2.GetWorkloadRequest(), metadata=(("authorization", f"Bearer {eve}"),))
        assert (found.active_runs, len(found.runs), len(found.owners), len(found.demands)) == (1, 0, 0, 1)
