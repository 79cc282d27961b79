"""The rpc GetTimeline: what agents executed last, and what they execute."""

from pathlib import Path

import pytest

from accio.v1 import accio_pb2, accio_pb2_grpc, agents_pb2, workload_pb2
from tests.integration.daemon.harness import Serving, Stub, configured, serving
from tests.integration.daemon.scripted_agent import joined
from tests.integration.daemon.test_rights import as_ada, submitted, tokens_of
from tests.integration.daemon.workflows import PAIR

YEAR_MS = 365 * 86_400_000


async def test_what_ended_and_what_goes_on(daemon: Serving) -> None:
    """Executions have agent, run, node and times; those that ended last are told, and whether there were more."""
    async with joined(daemon.agents):
        await daemon.push(PAIR)
        run = await daemon.finished({"workflow": "pair"})
        told = await daemon.accio.GetTimeline(workload_pb2.GetTimelineRequest())
        assert [(bar.agent, bar.state, bar.run, bar.node) for bar in told.bars] == [
            ("agent", "success", run.id, node.name) for node in (await daemon.get(run.id, nodes=True)).nodes
        ]
        assert all(bar.started_at_ms and bar.ended_at_ms and bar.operator for bar in told.bars)
        assert not told.earlier
        newest = await daemon.accio.GetTimeline(workload_pb2.GetTimelineRequest(limit=1))
        assert (len(newest.bars), newest.earlier) == (1, True)
        await daemon.accio.Delete(accio_pb2.RunsRequest(ids=[run.id]))
        told = await daemon.accio.GetTimeline(workload_pb2.GetTimelineRequest())
        assert all((bar.run, bar.node) == ("", "") for bar in told.bars), "a deleted run has no name"


@pytest.mark.parametrize("off_ms", [-YEAR_MS, YEAR_MS])
async def test_an_agent_whose_clock_is_off_stands_where_it_was(daemon: Serving, off_ms: int) -> None:
    """What an agent a year ahead, or behind, has executed lies within its run, by the daemon's clock."""
    async with joined(daemon.agents, behaviour=None) as agent:
        await daemon.push({**PAIR, "graph": PAIR["graph"][:1]})
        run = await daemon.submit({"workflow": "pair"})
        report = agent.report(await agent.work.get(), {"value": "6.0"})
        report.started_at_ms = run.created_at_ms + off_ms
        report.ended_at_ms = report.started_at_ms + 1
        await agent.send(reports=agents_pb2.Reports(reports=[report]))
        await agent.acked.get()
        ended = (await daemon.get(run.id)).run
        (bar,) = (await daemon.accio.GetTimeline(workload_pb2.GetTimelineRequest())).bars
        assert ended.created_at_ms <= bar.started_at_ms <= bar.ended_at_ms <= ended.ended_at_ms


async def test_a_run_has_a_timeline_of_its_own(daemon: Serving) -> None:
    """Of a sweep those of its children, of a child its own, without what was taken from the memo."""
    async with joined(daemon.agents):
        await daemon.push(PAIR)
        sweep = await daemon.finished({"workflow": "pair", "repeat": 2})
        other = await daemon.finished({"workflow": "pair"})
        everything = await daemon.accio.GetTimeline(workload_pb2.GetTimelineRequest())
        for asked in (sweep.id, f"{sweep.id}.1", other.id):
            told = await daemon.accio.GetTimeline(workload_pb2.GetTimelineRequest(run=asked))
            mine = [bar for bar in everything.bars if bar.run == asked or bar.run.startswith(f"{asked}.")]
            assert list(told.bars) == mine
            assert not told.earlier
        assert len((await daemon.accio.GetTimeline(workload_pb2.GetTimelineRequest(run=sweep.id))).bars) > 1
        few = await daemon.accio.GetTimeline(workload_pb2.GetTimelineRequest(run=sweep.id, limit=1))
        assert (len(few.bars), few.earlier) == (1, True)


async def test_others_runs_are_lanes_without_names(tmp_path: Path) -> None:
    """With --hide-runs a timeline tells of others' executions only where they are, and when."""
    async with serving(configured(tmp_path / "data", hide_runs=True)) as daemon, joined(daemon.agents, behaviour=None):
        tokens = await tokens_of(daemon)
        run = await submitted(daemon, tokens["ada"], await as_ada(daemon, tokens["ada"])("w"))
        for who, seen in (("ada", run), ("eve", "")):
            accio = Stub(accio_pb2_grpc.AccioStub(daemon.channel), tokens[who])
            told = await accio.GetTimeline(workload_pb2.GetTimelineRequest())
            while not told.bars:
                told = await accio.GetTimeline(workload_pb2.GetTimelineRequest())
            assert {(bar.agent, bar.state, bar.run, bar.ended_at_ms) for bar in told.bars} == {
                ("agent", "running", seen, 0)
            }
