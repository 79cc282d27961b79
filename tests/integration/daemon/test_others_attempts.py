"""What an agent says of attempts and questions that aren't its own has no effect on those whose they are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from accio.v1 import accio_pb2, agents_pb2
from tests.integration.daemon.harness import Serving
from tests.integration.daemon.scripted_agent import ScriptedAgent, joined
from tests.integration.daemon.test_measurements import POINTS, heard, measured, series
from tests.integration.daemon.workflows import PAIR


@asynccontextmanager
async def two_agents(daemon: Serving) -> AsyncIterator[tuple[ScriptedAgent, ScriptedAgent, str, int]]:
    """An agent that runs a node, another one that was given nothing, the run, and the attempt."""
    async with joined(daemon.agents, "own", behaviour=None) as own:
        await daemon.push(PAIR)
        run = await daemon.submit({"workflow": "pair", "params": {"x": 3}})
        work = await asyncio.wait_for(own.work.get(), 90)
        async with joined(daemon.agents, "stranger", behaviour=None) as stranger:
            yield own, stranger, run.id, work.attempt


async def progress_of(daemon: Serving, run: str) -> float:
    """Return what is shown of the node's progress."""
    (node, *_) = (await daemon.accio.Get(accio_pb2.GetRequest(id=run, nodes=True))).nodes
    return float(node.progress)


async def test_only_its_agent_says_how_far_an_attempt_is(daemon: Serving) -> None:
    """Another agent neither sets the progress of an attempt, nor takes it away by a report of that attempt."""
    async with two_agents(daemon) as (own, stranger, run, attempt):
        await stranger.send(progress=agents_pb2.Progress(attempt=[attempt], fraction=[0.75]))
        await heard(stranger)
        assert await progress_of(daemon, run) == 0.0
        await own.send(progress=agents_pb2.Progress(attempt=[attempt], fraction=[0.25]))
        await heard(own)
        false = agents_pb2.Report(seq=1, attempt=attempt, success=True, outputs={"value": "999.0"})
        await stranger.send(reports=agents_pb2.Reports(reports=[false]))
        assert await asyncio.wait_for(stranger.acked.get(), 90) == 1
        assert await progress_of(daemon, run) == 0.25


async def test_only_its_agent_measures_an_attempt(daemon: Serving) -> None:
    """Series of another agent aren't kept: by what is measured trials of studies are ended."""
    async with two_agents(daemon) as (own, stranger, run, attempt):
        await own.send(series={"series": [{"attempt": attempt, "series": series(POINTS[:1])}]})
        await heard(own)
        false = [series(POINTS), series(POINTS, "other")]
        await stranger.send(series={"series": [{"attempt": attempt, "series": each} for each in false]})
        await heard(stranger)
        assert await measured(daemon, run) == [(run, "First", 1, True, "loss", 1)]


async def test_attempts_that_never_were_take_nobodys_room(daemon: Serving) -> None:
    """However many attempts an agent invents: nothing is kept of them, and the progress of others is shown."""
    async with two_agents(daemon) as (own, stranger, run, attempt):
        for start in range(0, 200_000, 50_000):
            invented = range(10**9 + start, 10**9 + start + 50_000)
            await stranger.send(progress=agents_pb2.Progress(attempt=invented, fraction=[0.5] * len(invented)))
        await heard(stranger)
        await own.send(progress=agents_pb2.Progress(attempt=[attempt], fraction=[0.25]))
        await heard(own)
        assert await progress_of(daemon, run) == 0.25
