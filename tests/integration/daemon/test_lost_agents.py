"""What is told of nodes that stay with an agent which is lost."""

import asyncio
from pathlib import Path

from accio.v1 import accio_pb2
from tests.integration.daemon.harness import Serving, configured, serving
from tests.integration.daemon.scripted_agent import DOUBLE, joined
from tests.integration.daemon.workflows import PAIR

AGENT = "far"


async def updates(daemon: Serving, run: str, into: "asyncio.Queue[accio_pb2.RunUpdate]") -> None:
    """Watch a run."""
    async for update in daemon.accio.Watch(accio_pb2.WatchRequest(id=run)):
        into.put_nowait(update)


async def test_nodes_that_stay_with_a_lost_agent_are_told(tmp_path: Path) -> None:
    """Watchers, `why` and the node itself say that a running node is where nobody sees it, until its agent is back."""
    async with serving(configured(tmp_path, lease="1s")) as daemon, asyncio.TaskGroup() as tasks:
        seen: asyncio.Queue[accio_pb2.RunUpdate] = asyncio.Queue()
        async with joined(daemon.agents, AGENT, (DOUBLE,), behaviour=None) as agent:
            await daemon.push(PAIR)
            run = await daemon.submit({"workflow": "pair"})
            assert agent.operator_of(await agent.work.get()) == "Double"
            watching = tasks.create_task(updates(daemon, run.id, seen))
        while not (update := await seen.get()).away:
            pass
        assert [(each.agent, each.nodes) for each in update.away] == [(AGENT, 1)]
        assert update.away[0].reason
        answer = (await daemon.accio.Why(accio_pb2.WhyRequest(run=run.id, node="First"))).answers[0]
        node = (await daemon.get(run.id, nodes=True)).nodes[0]
        assert answer.answer == "executed"
        for reason in (answer.reason, node.reason):
            assert f"may go on at {AGENT}, which is lost" in reason
        async with joined(daemon.agents, AGENT, (DOUBLE,)):
            while not watching.done():
                await asyncio.wait((watching,))
        last = [seen.get_nowait() for _ in range(seen.qsize())][-1]
        assert not last.away


async def test_watchers_hear_why_nothing_goes_on(tmp_path: Path) -> None:
    """A run whose operator nobody offers any more says so, until somebody does."""
    async with serving(configured(tmp_path, lease="1s")) as daemon, asyncio.TaskGroup() as tasks:
        seen: asyncio.Queue[accio_pb2.RunUpdate] = asyncio.Queue()
        async with joined(daemon.agents, AGENT, (DOUBLE,)):
            await daemon.push(PAIR)
        while (await daemon.accio.ListAgents(accio_pb2.ListAgentsRequest())).agents[0].state != "lost":
            pass
        run = await daemon.submit({"workflow": "pair"})
        watching = tasks.create_task(updates(daemon, run.id, seen))
        while not (update := await seen.get()).stuck:
            pass
        assert "no connected agent offers the pinned version of Double" in update.stuck
        assert "start one that does (--operators)" in update.stuck
        async with joined(daemon.agents, AGENT, (DOUBLE,)):
            while not watching.done():
                await asyncio.wait((watching,))
        assert not [seen.get_nowait() for _ in range(seen.qsize())][-1].stuck
