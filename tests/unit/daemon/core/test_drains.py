"""Drains: a user's lasts until he takes it back, an agent's own as long as its session; neither ends the other."""

from accio_daemon.core.commands import AgentDraining, DrainAgent
from tests import builders
from tests.fakes import FakeAgent
from tests.simulator.cluster import Cluster

A = builders.graph({"A": []})


def _by_user(cluster: Cluster, agent: FakeAgent, *, draining: bool) -> None:
    cluster.ask(DrainAgent(name=agent.name, draining=draining))


def test_a_drain_that_was_lifted_while_the_agent_was_away_stays_lifted(cluster: Cluster) -> None:
    """What the agent was told in its last session isn't told back by its next Hello."""
    agent = cluster.join()
    _by_user(cluster, agent, draining=True)
    assert cluster.agents["w1"].drained
    cluster.leave(agent)
    _by_user(cluster, agent, draining=False)
    cluster.rejoin(agent)
    cluster.submit(A)
    assert not agent.drained
    assert agent.running()


def test_a_users_drain_outlives_sessions_and_restarts(cluster: Cluster) -> None:
    """The agent hears of it in each session, also one that was away when the user asked for it."""
    agent = cluster.join()
    cluster.leave(agent)
    _by_user(cluster, agent, draining=True)
    cluster.rejoin(agent)
    assert agent.drained
    cluster.restart()
    cluster.rejoin(agent)
    cluster.submit(A)
    assert agent.drained
    assert cluster.queue() == ["A"]
    _by_user(cluster, agent, draining=False)
    assert agent.running()


def test_an_agents_own_drain_ends_with_its_session(cluster: Cluster) -> None:
    """An agent that was terminated and started again serves; no user has to do anything."""
    agent = cluster.join()
    assert agent.session is not None
    cluster.ask(AgentDraining(session=agent.session, draining=True))
    cluster.leave(agent, clean=True)
    cluster.restart()
    cluster.rejoin(agent)
    cluster.submit(A)
    assert agent.running()


def test_a_user_does_not_end_the_agents_own_drain(cluster: Cluster) -> None:
    """An agent that is about to end gets no work because somebody lifts another drain."""
    agent = cluster.join()
    assert agent.session is not None
    cluster.ask(AgentDraining(session=agent.session, draining=True))
    _by_user(cluster, agent, draining=True)
    _by_user(cluster, agent, draining=False)
    cluster.submit(A)
    assert cluster.queue() == ["A"]
    cluster.ask(AgentDraining(session=agent.session, draining=False))
    assert agent.running()
