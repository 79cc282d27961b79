"""Retries with other demands, from the call to what agents are sent."""

import grpc

from accio.v1 import accio_pb2, runs_pb2
from tests.integration.daemon.harness import Serving, refused
from tests.integration.daemon.scripted_agent import joined, operator
from tests.integration.daemon.workflows import FAILING

GIB = 1 << 30

FAILS_BY_X = {
    "id": "failing",
    "params": [{"name": "x", "kind": "double"}],
    "graph": [{"op": "Fail", "inputs": {"x": {"param": "x"}}}],
}


async def test_an_agent_is_told_what_a_retried_node_demands(daemon: Serving) -> None:
    """The next attempt comes with the new demand, which the node's description and the run's history show."""
    fail = operator("Fail", digest="c", timeout_ms=60_000)
    fail.resources.memory = GIB // 4
    double = operator("Double")
    async with joined(daemon.agents, operators=[double, fail], behaviour=None) as agent:
        await daemon.push(FAILING)
        run = await daemon.submit({"workflow": "failing"})
        first = await agent.work.get()
        assert agent.class_of(first).resources.memory == GIB // 4
        failure = runs_pb2.Failure(cause="out of memory", message="it needed more")
        await agent.send(reports={"reports": [agent.report(first, failure)]})
        while (await daemon.get(run.id)).run.state != runs_pb2.RUN_STATE_FAILED:
            pass
        request = accio_pb2.RetryRequest(ids=[run.id], memory="2x", cpus="1.5", timeout="3x")
        (outcome,) = (await daemon.accio.Retry(request)).runs
        assert (outcome.changed, outcome.error) == (True, "")
        second = await agent.work.get()
        found = agent.class_of(second)
        assert (found.resources.memory, found.resources.milli_cpus, found.timeout_ms) == (GIB // 2, 1500, 180_000)
        node = await daemon.accio.GetNode(accio_pb2.GetNodeRequest(run=run.id, node="Fail"))
        assert (node.demand.memory, node.demand.milli_cpus, node.timeout_ms) == (GIB // 2, 1500, 180_000)
        assert node.demand_changed == "256.0 MiB to 512.0 MiB of memory, 1 to 1.5 CPUs, 60 s to 180 s until it is ended"
        events = (await daemon.accio.Events(accio_pb2.EventsRequest(run=run.id))).events
        assert any("with other demands: Fail from 256.0 MiB to 512.0 MiB" in event.detail for event in events)


async def test_what_is_no_demand_is_refused_for_all_runs(daemon: Serving) -> None:
    """Nothing is retried if the amount can't be read; a request that no agent can meet says so in the outcome."""
    async with refused(grpc.StatusCode.INVALID_ARGUMENT, "memory: expected a size"):
        await daemon.accio.Retry(accio_pb2.RetryRequest(ids=["x"], memory="lots"))
    async with joined(daemon.agents):
        await daemon.push(FAILING)
        run = await daemon.finished({"workflow": "failing"})
        (outcome,) = (await daemon.accio.Retry(accio_pb2.RetryRequest(ids=[run.id], cpus="64"))).runs
        assert "could never be executed" in outcome.error
        (outcome,) = (await daemon.accio.Retry(accio_pb2.RetryRequest(ids=[run.id], memory="2x"))).runs
        assert "no memory limit" in outcome.error
        (outcome,) = (await daemon.accio.Retry(accio_pb2.RetryRequest(ids=[run.id], cpus="64", force=True))).runs
        assert outcome.changed


async def test_a_failure_keeps_the_version_that_failed(daemon: Serving) -> None:
    """A retry of one child moves the whole run on; what failed before still says what code it failed by."""
    sweep = {"workflow": "failing", "params": {"x": {"values": [1, 2]}}}
    earlier, later = operator("Fail", digest="c"), operator("Fail", digest="f")
    async with joined(daemon.agents, operators=[earlier]):
        await daemon.push(FAILS_BY_X)
        parent = (await daemon.finished(sweep)).id
    request = accio_pb2.RetryRequest(ids=[f"{parent}.0"], latest_operators=True)
    async with joined(daemon.agents, operators=[later], behaviour=lambda *_: {"value": "1.0"}):
        (outcome,) = (await daemon.accio.Retry(request)).runs
        assert (outcome.changed, outcome.error) == (True, "")
        while (await daemon.get(f"{parent}.0")).run.state != runs_pb2.RUN_STATE_SUCCESS:
            pass
    first = await daemon.accio.GetNode(accio_pb2.GetNodeRequest(run=f"{parent}.0", node="Fail"))
    second = await daemon.accio.GetNode(accio_pb2.GetNodeRequest(run=f"{parent}.1", node="Fail"))
    assert (first.operator_digest, first.pinned_digest) == (later.digest, later.digest)
    assert (second.operator_digest, second.pinned_digest) == (earlier.digest, later.digest)


async def test_a_failure_by_another_s_execution_keeps_the_version_that_failed(daemon: Serving) -> None:
    """A child that failed by the execution of an equal one has no attempts, and says what code it failed by."""
    sweep = {"workflow": "failing", "params": {"x": 1}, "repeat": 2}
    earlier, later = operator("Fail", digest="c"), operator("Fail", digest="f")
    async with joined(daemon.agents, operators=[earlier]):
        await daemon.push(FAILS_BY_X)
        parent = (await daemon.finished(sweep)).id
    request = accio_pb2.RetryRequest(ids=[f"{parent}.0"], latest_operators=True)
    async with joined(daemon.agents, operators=[later], behaviour=lambda *_: {"value": "1.0"}):
        (outcome,) = (await daemon.accio.Retry(request)).runs
        assert (outcome.changed, outcome.error) == (True, "")
    other = await daemon.accio.GetNode(accio_pb2.GetNodeRequest(run=f"{parent}.1", node="Fail"))
    assert not other.attempts
    assert (other.operator_digest, other.pinned_digest) == (earlier.digest, later.digest)
