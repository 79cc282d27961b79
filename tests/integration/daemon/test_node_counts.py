"""The rpc CountNodes: the nodes of a sweep's graph by state, over its children."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median_low
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accio.domain.access import Viewer
from accio.domain.people import Person
from accio.domain.states import NODE_TERMINAL, NodeState, RunState
from accio.domain.sweeps import Sweep
from accio.v1 import accio_pb2, runs_pb2
from accio_daemon.storage.codes import NODE_STATES
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.nodes.node_counts import count_by_node, stretches
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.runs.runs_query import find
from tests.builders import graph
from tests.integration.daemon.harness import Serving, refused
from tests.integration.daemon.scripted_agent import Outputs, ScriptedAgent, compute, joined
from tests.integration.daemon.test_children import database, parents, store
from tests.integration.daemon.workflows import PAIR

GATHERING: dict[str, Any] = {
    "id": "gathering",
    "params": [{"name": "x", "kind": "double"}],
    "graph": [
        {"op": "Double", "inputs": {"x": {"param": "x"}}},
        {"op": "Total", "inputs": {"xs": {"gather": "Double/value"}}},
    ],
}


def brittle(name: str, inputs: dict[str, Any], seed: int | None) -> Outputs | runs_pb2.Failure:
    """Double, but for 6."""
    return runs_pb2.Failure(cause="exception", message="boom") if inputs["x"] == 6 else compute(name, inputs, seed)


def states_of(answer: runs_pb2.NodeCounts) -> dict[str, dict[str, int]]:
    """Return the counts of each node by state."""
    return {node.node: {each.state: each.count for each in node.states} for node in answer.nodes}


async def counted(daemon: Serving, run: str) -> tuple[dict[str, dict[str, int]], runs_pb2.NodeCounts]:
    """Return the states of each node of a sweep that has ended; what it says of its nodes is their sum."""
    answer: runs_pb2.NodeCounts = await daemon.accio.CountNodes(accio_pb2.CountNodesRequest(run=run))
    found = states_of(answer)
    whole = (await daemon.get(run)).run
    assert sum(map(Counter, found.values()), Counter[str]()) == {e.state: e.count for e in whole.nodes_by_state}
    return found, answer


async def test_states_over_children(daemon: Serving) -> None:
    """Each node is counted by state, with those from the memo; a child that was deleted isn't counted any more."""
    async with joined(daemon.agents, behaviour=brittle):
        await daemon.push(PAIR)
        await daemon.finished({"workflow": "pair", "params": {"x": 1}})
        run = (await daemon.finished({"workflow": "pair", "params": {"x": {"values": [1, 2, 3, 6]}}})).id
    found, answer = await counted(daemon, run)
    assert found == {"First": {"success": 3, "failed": 1}, "Second": {"success": 2, "failed": 1, "cancelled": 1}}
    assert [(node.operator, node.cached) for node in answer.nodes] == [("Double", 2), ("Double", 1)]
    assert (answer.run, answer.counted, answer.children) == (run, 4, 4)
    await daemon.accio.Delete(accio_pb2.RunsRequest(ids=[f"{run}.0"]))
    found, answer = await counted(daemon, run)
    assert found["First"] == {"success": 2, "failed": 1}
    assert (answer.counted, answer.children) == (3, 3)


async def test_how_long_nodes_take(daemon: Serving) -> None:
    """Each node has the median of its executions in this sweep, without failures and what comes from the memo."""
    async with joined(daemon.agents, behaviour=brittle):
        await daemon.push(PAIR)
        await daemon.finished({"workflow": "pair", "params": {"x": 1}})
        run = (await daemon.finished({"workflow": "pair", "params": {"x": {"values": [1, 2, 3, 6]}}})).id
        again = (await daemon.finished({"workflow": "pair", "params": {"x": {"values": [1, 2]}}})).id
    connection = sqlite3.connect(f"file:{daemon.config.database}?mode=ro", uri=True)
    try:
        row = find(connection, run, Viewer(me=Person(name="anybody"))).run
        walls = dict[int, list[int]]()
        for node, wall in connection.execute(
            "SELECT n.node, json_extract(s.metrics, '$[0]') FROM nodes n JOIN results s ON s.id = n.result"
            " WHERE n.run_no = ? AND n.cached = 0",
            (row.no,),
        ):
            walls.setdefault(node, []).append(wall)
    finally:
        connection.close()
    _, answer = await counted(daemon, run)
    assert [(each.median_us, each.measured) for each in answer.nodes] == [
        (median_low(walls[no]), len(walls[no])) for no in range(2)
    ]
    _, answer = await counted(daemon, again)
    assert [each.measured for each in answer.nodes] == [0, 0]


async def test_what_runs_and_what_was_never_reached(daemon: Serving) -> None:
    """While it goes on, nodes run or wait; of children that a kill never reached, roots are killed."""
    async with joined(daemon.agents, behaviour=None, cpus=2) as agent:
        await daemon.push(PAIR)
        run = (await daemon.submit({"workflow": "pair", "params": {"x": {"from": 1, "to": 20_000, "step": 1}}})).id
        for _ in range(2):
            await agent.work.get()
        found = states_of(await daemon.accio.CountNodes(accio_pb2.CountNodesRequest(run=run)))
        assert found["First"].get("running", 0) >= 2
        assert sum(found["First"].values()) == 20_000
        assert found["Second"] == {"waiting": 20_000}
        await daemon.accio.Kill(accio_pb2.RunsRequest(ids=[run]))
        async for _ in daemon.accio.Watch(accio_pb2.WatchRequest(id=run)):
            pass
    found, _ = await counted(daemon, run)
    assert found == {"First": {"killed": 20_000}, "Second": {"cancelled": 20_000}}


async def test_nodes_of_the_sweep_itself_are_not_counted(daemon: Serving, agent: ScriptedAgent) -> None:
    """What gathers is no node of the children, and a run without children is refused."""
    await daemon.push(GATHERING)
    run = (await daemon.finished({"workflow": "gathering", "params": {"x": {"values": [1, 2, 3]}}})).id
    answer = await daemon.accio.CountNodes(accio_pb2.CountNodesRequest(run=run))
    assert [(node.node, [each.count for each in node.states]) for node in answer.nodes] == [("Double", [3])]
    async with refused(grpc.StatusCode.INVALID_ARGUMENT, f"{run}.1 has no children"):
        await daemon.accio.CountNodes(accio_pb2.CountNodesRequest(run=f"{run}.1"))


async def test_of_a_large_sweep_some_children_are_counted(daemon: Serving, agent: ScriptedAgent) -> None:
    """Beyond a bound, children are counted that lie evenly over the sweep: what is counted is said, and is right."""
    await daemon.push(PAIR)
    run = (await daemon.finished({"workflow": "pair", "params": {"x": {"from": 1, "to": 100, "step": 1}}})).id
    await daemon.accio.Delete(accio_pb2.RunsRequest(ids=[f"{run}.5"]))
    connection = sqlite3.connect(f"file:{daemon.config.database}?mode=ro", uri=True)
    try:
        row = find(connection, run, Viewer(me=Person(name="anybody"))).run
        workflow = Plans().workflow(Snapshot(connection), row)
        for most, children in ((200, 99), (199, 79), (40, 19)):
            found = count_by_node(connection, row, workflow, most)
            assert found.children == children
            assert [+Counter(states) for states in found.states] == [{NodeState.SUCCESS: children}] * 2
    finally:
        connection.close()


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database with one workflow."""
    with database(tmp_path / "accio.db") as found:
        yield found


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(parent=parents(), data=st.data(), most=st.sampled_from([1, 60, 10_000]))
def test_counts_are_those_of_the_children(
    connection: sqlite3.Connection,
    parent: tuple[Sweep, dict[int, RunState], list[tuple[int, int]], int, int],
    data: st.DataObject,
    most: int,
) -> None:
    """For any rows, deletions and ways to be closed, what is counted is what each of these children has."""
    sweep, states, removed, closed, cursor = parent
    ends = {index: [data.draw(st.sampled_from(sorted(_ENDS))) for _ in range(2)] for index in states}
    workflow = graph({"First": [], "Second": ["First"]})
    row = store(connection, sweep, states=states, removed=removed, closed=closed, cursor=cursor)
    connection.execute("DELETE FROM nodes")
    connection.executemany(
        "INSERT INTO nodes (run_no, idx, node, state, cached, sequence, ended_at) VALUES (1, ?, ?, ?, ?, 1, 1)",
        [
            (index, no, NODE_STATES[state], state is NodeState.SUCCESS)
            for index, found in ends.items()
            for no, state in enumerate(found)
            if state in NODE_TERMINAL
        ],
    )
    found = count_by_node(connection, replace(row, nodes=2), workflow, most)
    indices = [index for stretch in stretches(sweep.size, 2, most) for index in stretch if row.has(index)]
    unreached = [NodeState.KILLED if closed == 1 else NodeState.CANCELLED, NodeState.CANCELLED]
    implied = unreached if closed else [NodeState.WAITING] * 2
    expected = [Counter(ends.get(index, implied)[no] for index in indices) for no in range(2)]
    assert [+Counter(states) for states in found.states] == expected
    assert found.cached == tuple(each[NodeState.SUCCESS] for each in expected)
    assert found.children == len(indices)


_ENDS = (NodeState.SUCCESS, NodeState.FAILED, NodeState.CANCELLED, NodeState.WAITING)


@pytest.mark.parametrize(
    ("children", "nodes", "most"), [(1, 1, 1), (100, 2, 200), (100, 2, 199), (10_000_000, 3, 10**6), (30, 10**6, 10**6)]
)
def test_stretches_lie_evenly(children: int, nodes: int, most: int) -> None:
    """Stretches are in order, apart, within the sweep, and hold about as many nodes as they may."""
    found = stretches(children, nodes, most)
    assert found[0].start == 0
    assert all(one.stop <= other.start for one, other in pairwise(found))
    assert found[-1].stop <= children
    assert sum(map(len, found)) * nodes <= max(most, 20 * nodes)
