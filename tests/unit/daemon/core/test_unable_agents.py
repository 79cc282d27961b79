"""Agents whose disk is full: their nodes go elsewhere, and after some of them they get no new ones."""

from accio.domain.states import Cause
from accio_daemon.core.commands import DrainAgent
from accio_daemon.core.terms import AttemptNo
from accio_daemon.core.unable_agents import ENOUGH
from tests import builders
from tests.fakes import FakeAgent
from tests.simulator.cluster import Cluster

MANY = builders.graph({"A": []}, swept=("A",))


def _one_of(agent: FakeAgent) -> AttemptNo:
    """Return what the agent executes."""
    return next(attempt for attempt, held in agent.attempts.items() if held.granted)


def _has_no_space(cluster: Cluster, agent: FakeAgent) -> None:
    """End what the agent executes for want of space."""
    attempt = _one_of(agent)
    report = builders.failure(agent.next_seq, attempt, Cause.STAGING, "no space is left")
    report.disk_full = True
    cluster.ask(agent.telling(agent.end(report)))


def test_what_a_full_disk_fails_goes_elsewhere(cluster: Cluster) -> None:
    """The node is executed by an agent that hasn't failed it, and costs neither retry nor loss."""
    full = cluster.join("w1")
    run = cluster.submit(builders.graph({"A": []}))
    other = cluster.join("w2")
    _has_no_space(cluster, full)
    assert (full.running(), len(other.running())) == ([], 1)
    cluster.succeed("A")
    assert cluster.state(run) == "success"


def test_what_no_disk_has_space_for_fails_with_the_reason(cluster: Cluster) -> None:
    """It has been at each agent once; the cause is staging, and everybody who failed it is named."""
    agents = [cluster.join("w1"), cluster.join("w2")]
    run = cluster.submit(builders.graph({"A": []}))
    for _ in agents:
        _has_no_space(cluster, next(agent for agent in agents if agent.running()))
    assert cluster.state(run) == "failed"
    assert '"cause":"staging"' in cluster.cause(run, 0)
    assert "no space is left (agent w1, w2)" in cluster.cause(run, 0)


def test_an_agent_that_fails_what_others_can_execute_drains(cluster: Cluster) -> None:
    """One full disk fails a few nodes, each of which succeeds elsewhere; then it gets none until a user says so."""
    full = cluster.join("w1")
    run = cluster.submit(MANY, sweep=builders.sweep_of(10))
    other = cluster.join("w2")
    for _ in range(ENOUGH):
        _has_no_space(cluster, full)
    assert full.running() == []
    record = cluster.world.agent_names["w1"]
    assert record.draining
    assert "accio agent drain -undo w1" in record.unable
    assert "no space is left" in record.unable
    cluster.ask(DrainAgent(name="w1", draining=False))
    assert full.running()
    for _ in range(ENOUGH):
        _has_no_space(cluster, full)
    assert record.draining
    cluster.leave(full)
    full.incarnation += 1
    cluster.rejoin(full)
    assert full.running(), "it was started again"
    while cluster.world.runs:
        agent = full if full.running() else other
        cluster.ask(agent.telling(agent.end(builders.success(agent.next_seq, _one_of(agent), {"data": "1"}))))
    assert cluster.state(run) == "success"


def test_the_only_agent_is_not_drained(cluster: Cluster) -> None:
    """Where nobody else could execute its nodes they fail one by one, and the next one is tried."""
    only = cluster.join("w1")
    run = cluster.submit(MANY, sweep=builders.sweep_of(ENOUGH + 1))
    for _ in range(ENOUGH + 1):
        _has_no_space(cluster, only)
    assert cluster.state(run) == "failed"
    assert not cluster.world.agent_names["w1"].draining
