"""What one caller asks for takes no turns of the event loop from others: what can be long is made in a thread."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from accio.v1 import accio_pb2, runs_pb2
from accio_daemon.engine.engine import Engine
from accio_daemon.services.calls import lists, runs
from accio_daemon.services.calls.node_views import NodeViews
from accio_daemon.services.messages.nodes import node_message
from accio_daemon.services.messages.runs import run_message
from accio_daemon.storage.reading.readers import Readers
from tests.integration.daemon.harness import Serving
from tests.integration.daemon.scripted_agent import ScriptedAgent, joined
from tests.integration.daemon.workflows import PAIR

SWEEP: dict[str, Any] = {"workflow": "pair", "params": {"x": {"from": 1, "to": 20, "step": 1}}}


def noting(make: Callable[..., Any], on_loop: list[bool]) -> Callable[..., Any]:
    """Make what *make* does, and note for each whether that took a turn of the event loop."""

    def made(*arguments: Any, **named: Any) -> Any:
        on_loop.append(threading.current_thread() is threading.main_thread())
        return make(*arguments, **named)

    return made


async def test_pages_are_written_in_a_thread(
    daemon: Serving, agent: ScriptedAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runs of a page, filtered, sorted or plain, and the children of one are written where they are read."""
    del agent
    await daemon.push(PAIR)
    run = await daemon.finished(SWEEP)
    on_loop: list[bool] = []
    monkeypatch.setattr(lists, "run_message", noting(run_message, on_loop))
    for request, count in (
        (accio_pb2.ListRequest(), 1),
        (accio_pb2.ListRequest(where="name~x or not name~x"), 1),
        (accio_pb2.ListRequest(sort="created"), 1),
        (accio_pb2.ListRequest(parent=run.id), 20),
        (accio_pb2.ListRequest(parent=run.id, where="x>0"), 20),
        (accio_pb2.ListRequest(parent=run.id, sort="-took"), 20),
    ):
        assert len((await daemon.accio.List(request)).runs) == count, request
    assert len(on_loop) == 63
    assert not any(on_loop)


async def test_nodes_are_written_in_a_thread(
    daemon: Serving, agent: ScriptedAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nodes of a run, of which there may be 100,000, are written where they are read, unless they are few."""
    del agent
    await daemon.push(PAIR)
    on_loop: list[bool] = []
    monkeypatch.setattr(runs, "node_message", noting(node_message, on_loop))
    run = await daemon.finished({"workflow": "pair"})
    nodes = (await daemon.get(run.id, nodes=True)).nodes
    assert [(node.name, node.progress) for node in nodes] == [("First", 1.0), ("Second", 1.0)]
    assert on_loop == [True, True]
    on_loop.clear()
    graph = [{"op": "Double", "name": f"n{number}", "inputs": {"x": float(number)}} for number in range(30)]
    await daemon.push({"id": "many", "graph": graph})
    many = await daemon.finished({"workflow": "many"})
    assert len((await daemon.get(many.id, nodes=True)).nodes) == 30
    assert on_loop == [False] * 30


async def test_a_short_list_waits_for_no_thread(
    daemon: Serving, agent: ScriptedAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few runs are read on the event loop, so that neither others' reads nor a machine that is short of processors
    keep who asks for them waiting; beside a run that is long to read they are read in a thread.
    """
    del agent
    await daemon.push(PAIR)
    run = await daemon.finished({"workflow": "pair"})
    few = accio_pb2.ListRequest(limit=10)
    in_thread: list[bool] = []
    read = Readers._read

    async def noted(self: Readers, *arguments: Any) -> Any:
        in_thread.append(True)
        return await read(self, *arguments)

    monkeypatch.setattr(Readers, "_read", noted)
    assert [each.id for each in (await daemon.accio.List(few)).runs] == [run.id]
    assert (await daemon.get(run.id)).run.id == run.id
    assert not in_thread
    values = [float(number) for number in range(9_000)]
    swept = await daemon.submit({"workflow": "pair", "params": {"x": {"values": values}}})
    in_thread.clear()
    assert [each.id for each in (await daemon.accio.List(few)).runs] == [swept.id, run.id]
    assert in_thread


async def test_others_have_turns_while_nodes_are_explained(daemon: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the event loop knows why nodes wait: of many it looks up a few at a time."""
    graph = [{"op": "Double", "name": f"n{number}", "inputs": {"x": float(number)}} for number in range(500)]
    async with asyncio.TaskGroup() as tasks:
        async with joined(daemon.agents):  # its operators are known from now on, and it is gone
            await daemon.push({"id": "many", "graph": graph})
        run = await daemon.submit({"workflow": "many"})
        turns, during = 0, 0
        complete = NodeViews.complete

        async def measured(self: NodeViews, found: Any, nodes: Any, messages: Any) -> None:
            nonlocal during
            before = turns
            await complete(self, found, nodes, messages)
            during = turns - before

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        monkeypatch.setattr(NodeViews, "complete", measured)
        other = tasks.create_task(others())
        answer = await daemon.get(run.id, nodes=True)
        other.cancel()
    assert all(node.state == runs_pb2.NODE_STATE_QUEUED and node.reason for node in answer.nodes)
    assert len(answer.nodes) == 500
    assert during >= 10


async def test_others_have_turns_while_it_is_told_why_nodes_wait(
    daemon: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question about each node of a run is answered a few nodes at a time, too."""
    graph = [{"op": "Double", "name": f"n{number}", "inputs": {"x": float(number)}} for number in range(500)]
    turns, asked_in = 0, set()
    explain = Engine.explain

    def noted(self: Engine, *place: Any) -> str:
        asked_in.add(turns)
        return explain(self, *place)

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        async with joined(daemon.agents):  # its operators are known from now on, and it is gone
            await daemon.push({"id": "many", "graph": graph})
        run = await daemon.submit({"workflow": "many"})
        monkeypatch.setattr(Engine, "explain", noted)
        other = tasks.create_task(others())
        answers = (await daemon.accio.Why(accio_pb2.WhyRequest(run=run.id))).answers
        other.cancel()
    assert len(answers) == 500
    assert all(answer.reason for answer in answers)
    assert len(asked_in) >= 10
