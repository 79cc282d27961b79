"""Agents whose disk is full: their nodes go elsewhere, and after some of them they get no new ones."""

from accio.domain.states import Cause
from accio_daemon.core.attempts import LONGEST_FOR_SPACE
from accio_daemon.core.commands import DrainAgent
from accio_daemon.core.terms import AttemptNo
from accio_daemon.core.unable_agents import ENOUGH, FIRST, MOST_RUNS
from tests import builders
from tests.fakes import FakeAgent
from tests.simulator.cluster import Cluster

MANY = builders.graph({"A": []}, swept=("A",))


def _one_of(agent: FakeAgent) -> AttemptNo:
    """Return what the agent executes."""
    return next(attempt for attempt, held in agent.attempts.items() if held.granted)


def _has_no_space(cluster: Cluster, agent: FakeAgent, *, ran: bool = False) -> None:
    """End what the agent executes for want of space, before it *ran* or afterwards."""
    attempt = _one_of(agent)
    report = builders.failure(agent.next_seq, attempt, Cause.STAGING, "no space is left")
    report.metrics = (int(ran), *report.metrics[1:])
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


def _executes_everything(cluster: Cluster, *agents: FakeAgent) -> None:
    while cluster.world.runs:
        agent = next(agent for agent in agents if agent.running())
        cluster.ask(agent.telling(agent.end(builders.success(agent.next_seq, _one_of(agent), {"data": "1"}))))


def test_what_no_disk_has_space_for_waits_and_goes_on(cluster: Cluster) -> None:
    """It has been at each agent once, says what it waits for, and is tried again, less and less often."""
    agents = [cluster.join("w1"), cluster.join("w2")]
    run = cluster.submit(builders.graph({"A": []}))
    for wait in (FIRST, 2 * FIRST, 4 * FIRST):
        for _ in agents:
            _has_no_space(cluster, next(agent for agent in agents if agent.running()))
        assert not any(agent.running() for agent in agents)
        assert f"waits for space, and is tried again in {wait:.0f} s: no agent that offers" in cluster.why(run, 0)
        assert "no space is left (agent w1, w2)" in cluster.why(run, 0)
        cluster.tick(wait + 1)
    assert cluster.state(run) == "running"
    _executes_everything(cluster, *agents)
    assert cluster.state(run) == "success"
    cluster.tick(1)
    assert not cluster.world.short_of_space


def test_a_store_that_is_full_for_all_agents_keeps_none_of_them_out(cluster: Cluster) -> None:
    """Agents that got no new nodes for want of space are tried again once nobody else is left, and finish the sweep."""
    agents = [cluster.join("w1"), cluster.join("w2")]
    run = cluster.submit(MANY, sweep=builders.sweep_of(10))
    while any(agent.running() for agent in agents):
        _has_no_space(cluster, next(agent for agent in agents if agent.running()))
    assert any(agent.unable for agent in cluster.world.agents.values())
    assert cluster.state(run) == "running"
    cluster.tick(FIRST + 1)
    assert all(agent.running() for agent in agents)
    _executes_everything(cluster, *agents)
    assert cluster.state(run) == "success"


def test_what_waits_for_space_goes_to_an_agent_that_comes(cluster: Cluster) -> None:
    """A machine with space that joins meanwhile is waited for no longer than until the next look."""
    full = cluster.join("w1")
    run = cluster.submit(builders.graph({"A": []}))
    for _ in range(5):
        _has_no_space(cluster, full)
        cluster.tick(LONGEST_FOR_SPACE + 1)
    _has_no_space(cluster, full)
    other = cluster.join("w2")
    cluster.tick(1)
    assert full.running() or other.running()
    if full.running():
        _has_no_space(cluster, full)
    cluster.succeed("A")
    assert cluster.state(run) == "success"


def test_a_node_that_fills_the_disk_itself_is_given_up(cluster: Cluster) -> None:
    """What ran each time, and found no space at its end, fails after some of them, with everybody's words."""
    only = cluster.join("w1")
    run = cluster.submit(builders.graph({"A": []}))
    for _ in range(MOST_RUNS):
        assert cluster.state(run) == "running"
        _has_no_space(cluster, only, ran=True)
        cluster.tick(LONGEST_FOR_SPACE + 1)
    assert cluster.state(run) == "failed"
    assert '"cause":"staging"' in cluster.cause(run, 0)
    assert "no space is left (agent w1)" in cluster.cause(run, 0)


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
    _executes_everything(cluster, full, other)
    assert cluster.state(run) == "success"


def test_the_only_agent_is_not_drained(cluster: Cluster) -> None:
    """Where nobody else could execute its nodes they wait one by one, and the next one is tried."""
    only = cluster.join("w1")
    run = cluster.submit(MANY, sweep=builders.sweep_of(ENOUGH + 1))
    for _ in range(ENOUGH + 1):
        _has_no_space(cluster, only)
    assert cluster.state(run) == "running"
    assert not cluster.world.agent_names["w1"].draining
