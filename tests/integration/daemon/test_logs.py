"""What nodes printed, as it is told and followed."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from accio.v1 import accio_pb2, agents_pb2, runs_pb2
from accio_daemon.services.calls import logs
from accio_daemon.services.calls.sweep_logs import SweepLook
from accio_daemon.storage.nodes.nodes_query import read_nodes
from tests.integration.daemon.harness import Serving
from tests.integration.daemon.scripted_agent import ScriptedAgent, compute, joined
from tests.integration.daemon.workflows import FAILING, PAIR


class Numbers(dict[int, bytes]):
    """Logs in which each attempt prints its number."""

    def get(self, attempt: int, default: Any = None) -> Any:
        return b"%d\n" % attempt


async def test_the_logs_of_a_whole_sweep_can_be_followed(daemon: Serving) -> None:
    """What children print is told as they begin, each line once, also after a retry, until the sweep has ended."""
    followed: list[tuple[str, bytes]] = []

    def lines(chunk: accio_pb2.LogChunk) -> list[tuple[str, bytes]]:
        return [(chunk.run, line.data) for line in chunk.lines]

    async with joined(daemon.agents, behaviour=None, cpus=2) as agent:
        agent.logs = Numbers()
        await daemon.push(PAIR)
        run = await daemon.submit({"workflow": "pair", "params": {"x": {"values": [1, 2, 3]}}})
        begun = [await agent.work.get(), await agent.work.get()]
        stream = daemon.accio.Logs(accio_pb2.LogsRequest(run=run.id, follow=True))
        while len(followed) < 2:  # while both go on
            followed += lines(await stream.read())
        failed = agent.report(begun.pop(0), runs_pb2.Failure(cause="exception", message="boom"))
        await agent.send(reports=agents_pb2.Reports(reports=[failed]))
        begun.append(await agent.work.get())
        (outcome,) = (await daemon.accio.Retry(accio_pb2.RetryRequest(ids=[f"{run.id}.0"]))).runs
        assert outcome.changed
        agent.behaviour = compute
        await agent.send(reports=agents_pb2.Reports(reports=[agent.report(work) for work in begun]))
        while (chunk := await stream.read()) is not grpc.aio.EOF:
            followed += lines(chunk)
        whole = [chunk async for chunk in daemon.accio.Logs(accio_pb2.LogsRequest(run=run.id))]
        assert sorted(followed) == sorted(line for chunk in whole for line in lines(chunk))
        assert [chunk.run for chunk in whole] == sorted(chunk.run for chunk in whole)


async def test_what_a_retried_child_prints_between_two_looks_is_told(
    daemon: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that had ended badly at one look, and was retried and has ended well at the next, has printed more."""
    next_look = asyncio.Event()

    async def when_told(*_: object, **__: object) -> None:
        await next_look.wait()
        next_look.clear()

    monkeypatch.setattr(logs.LogCalls, "_until_next", when_told)
    told: list[tuple[str, int]] = []

    async def read(stream: Any, lines: int) -> None:
        while len(told) < lines and (chunk := await stream.read()) is not grpc.aio.EOF:
            told.extend((chunk.run.rpartition(".")[2], chunk.attempt) for _ in chunk.lines)

    async with joined(daemon.agents, behaviour=None, cpus=2) as agent:
        agent.logs = Numbers()
        await daemon.push(PAIR)
        run = await daemon.submit({"workflow": "pair", "params": {"x": {"values": [1, 2, 3]}}})
        begun = [await agent.work.get(), await agent.work.get()]
        stream = daemon.accio.Logs(accio_pb2.LogsRequest(run=run.id, follow=True))
        await read(stream, 2)
        failed = agent.report(begun.pop(0), runs_pb2.Failure(cause="exception", message="boom"))
        await agent.send(reports=agents_pb2.Reports(reports=[failed]))
        begun.append(await agent.work.get())
        next_look.set()
        await read(stream, 3)  # that of the third child: the first one had failed at this look
        await daemon.accio.Retry(accio_pb2.RetryRequest(ids=[f"{run.id}.0"]))
        agent.behaviour = compute
        await agent.send(reports=agents_pb2.Reports(reports=[agent.report(work) for work in begun]))
        async for _ in daemon.accio.Watch(accio_pb2.WatchRequest(id=run.id)):
            continue
        next_look.set()
        await read(stream, 100)
    assert len(told) == len(set(told))
    assert len([attempt for child, attempt in told if child == "0"]) == 3, "twice the first node, and the second one"


@pytest.mark.parametrize("swept", [False, True])
async def test_who_follows_logs_looks_at_a_pace(
    daemon: Serving, monkeypatch: pytest.MonkeyPatch, *, swept: bool
) -> None:
    """However often something about a run is committed: looks at many nodes each time would keep others from the
    processors. Its end is told at once, and no line is left out.
    """
    looks: list[str] = []

    def noted(look: Callable[..., Any]) -> Callable[..., Any]:
        def looked(*arguments: Any) -> Any:
            looks.append(look.__name__)
            return look(*arguments)

        return looked

    monkeypatch.setattr(logs, "_PACE_S", 3600.0)
    monkeypatch.setattr(logs, "_SLOWEST_S", 3600.0)
    monkeypatch.setattr(logs, "read_nodes", noted(read_nodes))
    monkeypatch.setattr(SweepLook, "look", noted(SweepLook.look))
    graph = [{"op": "Double", "name": f"n{number}", "inputs": {"x": float(number)}} for number in range(8)]
    async with joined(daemon.agents, behaviour=None, cpus=1) as agent:
        agent.logs = Numbers()
        await daemon.push(PAIR)
        await daemon.push({"id": "many", "graph": graph})
        sweep = {"workflow": "pair", "params": {"x": {"values": [1, 3, 5, 7]}}}
        run = await daemon.submit(sweep if swept else {"workflow": "many"})
        stream = daemon.accio.Logs(accio_pb2.LogsRequest(run=run.id, follow=True))
        await stream.wait_for_connection()
        for _ in range(8):
            await agent.send(reports=agents_pb2.Reports(reports=[agent.report(await agent.work.get())]))
            await agent.acked.get()
        told: list[bytes] = []
        while (chunk := await stream.read()) is not grpc.aio.EOF:
            told += [line.data for line in chunk.lines]
    assert len(told) == len(set(told)) == 8
    assert len(looks) <= 3


async def test_the_logs_of_many_children_come_in_their_order(daemon: Serving) -> None:
    """Children are read while agents are asked for those before them: each line once, in the order of the sweep."""
    async with joined(daemon.agents, behaviour=compute, cpus=2) as agent:
        agent.logs = Numbers()
        await daemon.push(PAIR)
        run = await daemon.finished({"workflow": "pair", "params": {"x": {"from": 1, "to": 700, "step": 1}}})
        told = [chunk async for chunk in daemon.accio.Logs(accio_pb2.LogsRequest(run=run.id, node="Second"))]
    assert [chunk.run for chunk in told] == [f"{run.id}.{index}" for index in range(700)]
    assert len({line.data for chunk in told for line in chunk.lines}) == 700


async def test_logs_come_from_the_agent_or_from_what_is_left(daemon: Serving) -> None:
    """A connected agent gives the whole log; without it the end that a failure keeps is shown with a remark."""
    request = accio_pb2.LogsRequest
    async with joined(daemon.agents) as agent:
        await daemon.push(FAILING)
        run = await daemon.finished({"workflow": "failing"})
        node = await daemon.accio.GetNode(accio_pb2.GetNodeRequest(run=run.id, node="Fail"))
        agent.logs[node.attempts[0].id] = b"all of it\n"
        (whole,) = [chunk async for chunk in daemon.accio.Logs(request(run=run.id))]
        assert (whole.node, [line.data for line in whole.lines]) == ("Fail", [b"all of it\n"])
    (left,) = [chunk async for chunk in daemon.accio.Logs(request(run=run.id, node="Fail"))]
    assert [line.data for line in left.lines] == [b"last words\n"]
    assert "isn't connected" in left.note


async def test_a_log_that_tells_nothing_ends(daemon: Serving) -> None:
    """An agent that answers with no line and a further offset each time isn't asked for ever."""
    async with joined(daemon.agents) as agent:
        await daemon.push(FAILING)
        run = await daemon.finished({"workflow": "failing"})
        agent.endless = True
        chunks = [chunk async for chunk in daemon.accio.Logs(accio_pb2.LogsRequest(run=run.id, node="Fail"))]
        assert [line for chunk in chunks for line in chunk.lines] == []


@pytest.mark.parametrize("follow", [False, True])
async def test_the_log_of_a_cached_node_is_its_origins(daemon: Serving, agent: ScriptedAgent, follow: bool) -> None:
    """A cached node shows what the execution printed that its result comes from, and says so."""
    assert agent.behaviour is compute
    await daemon.push(PAIR)
    first = await daemon.finished({"workflow": "pair"})
    node = await daemon.accio.GetNode(accio_pb2.GetNodeRequest(run=first.id, node="First"))
    agent.logs[node.attempts[0].id] = b"printed\n"
    second = await daemon.finished({"workflow": "pair"})
    request = accio_pb2.LogsRequest(run=second.id, node="First", follow=follow)
    (chunk,) = [chunk async for chunk in daemon.accio.Logs(request)]
    assert [line.data for line in chunk.lines] == [b"printed\n"]
    assert f"{first.id}/First" in chunk.note
