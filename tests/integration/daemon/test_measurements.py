"""What operators measure at steps, from agents to whoever asks: live, kept, and gone with what it belongs to."""

import asyncio
import sqlite3
from contextlib import closing

from accio.domain.series import Point, pack
from accio.v1 import accio_pb2, runs_pb2
from tests.integration.daemon.harness import Serving
from tests.integration.daemon.scripted_agent import ScriptedAgent, joined
from tests.integration.daemon.workflows import FAILING, PAIR

POINTS = [Point(1, 0.5, 0.1), Point(2, 0.25, 0.2)]


def series(points: list[Point], name: str = "loss") -> runs_pb2.Series:
    """Write a series."""
    return runs_pb2.Series(name=name, total=len(points), points=pack(points))


async def measured(daemon: Serving, run: str, **asked: str) -> list[tuple[str, str, int, bool, str, int]]:
    """Ask for the series of a run: run, node, attempt, whether it runs, name, points."""
    found = []
    async for chunk in daemon.accio.Measure(accio_pb2.MeasureRequest(ids=[run], **asked)):
        for each in chunk.series:
            assert len(each.series.points) == 24 * each.series.total
            found.append((each.run, each.node, each.attempt, each.running, each.series.name, each.series.total))
    return found


async def heard(agent: ScriptedAgent) -> None:
    """Wait until the daemon has read what the agent sent before."""
    await agent.send(heartbeat={"seq": 1})
    while (await agent.received.get()).WhichOneof("kind") != "heartbeat":
        pass


async def test_series_can_be_read_while_a_node_runs_and_afterwards(daemon: Serving) -> None:
    """The latest of what an agent told counts; then what the report says; a cached node has those of its source."""
    async with joined(daemon.agents, behaviour=None) as agent:
        await daemon.push(PAIR)
        run = await daemon.submit({"workflow": "pair", "params": {"x": 3}})
        work = await agent.work.get()
        for count in (1, 2):
            await agent.send(series={"series": [{"attempt": work.attempt, "series": series(POINTS[:count])}]})
        await heard(agent)
        assert await measured(daemon, run.id) == [(run.id, "First", 1, True, "loss", 2)]
        node = await daemon.accio.GetNode(accio_pb2.GetNodeRequest(run=run.id, node="First"))
        assert [(each.running, each.series.total) for each in node.measured] == [(True, 2)]
        report = agent.report(work)
        report.series.extend([series(POINTS), series(POINTS[:1], "accuracy")])
        await agent.send(reports={"reports": [report]})
        second = await agent.work.get()
        await agent.send(reports={"reports": [agent.report(second)]})
        await asyncio.wait_for(agent.acked.get(), 90)
        expected = [(run.id, "First", 1, False, "accuracy", 1), (run.id, "First", 1, False, "loss", 2)]
        assert await measured(daemon, run.id) == expected
        assert await measured(daemon, run.id, name="loss", node="First") == expected[1:]
        again = await daemon.finished({"workflow": "pair", "params": {"x": 3}})
        assert await measured(daemon, again.id, name="loss") == [(again.id, "First", 1, False, "loss", 2)]


async def test_series_go_with_the_run_whose_attempts_measured_them(daemon: Serving) -> None:
    """Failed attempts have series, too; nothing is left of them once the run is deleted."""
    async with joined(daemon.agents, behaviour=None) as agent:
        await daemon.push(FAILING)
        run = await daemon.submit({"workflow": "failing"})
        work = await agent.work.get()
        report = agent.report(work, runs_pb2.Failure(cause="exception", message="boom"))
        report.series.append(series(POINTS))
        await agent.send(reports={"reports": [report]})
        await asyncio.wait_for(agent.acked.get(), 90)
        assert await measured(daemon, run.id) == [(run.id, "Fail", 1, False, "loss", 2)]
        await daemon.accio.Delete(accio_pb2.RunsRequest(ids=[run.id]))
        with closing(sqlite3.connect(daemon.config.database)) as connection:
            while connection.execute("SELECT count(*) FROM series").fetchone()[0]:
                await daemon.accio.GetClusterState(accio_pb2.GetClusterStateRequest())
            assert connection.execute("SELECT count(*) FROM attempts").fetchone()[0] == 0
