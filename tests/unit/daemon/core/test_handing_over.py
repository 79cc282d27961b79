"""Handing over what a lost agent had: thousands of nodes in steps, so that nobody is held up."""

from accio_daemon.core import reactor
from accio_daemon.core.commands import AgentHeard, Tick
from accio_daemon.core.effects import Effects
from accio_daemon.core.handing_over import HANDED_AT_ONCE
from accio_daemon.core.turn import Turn
from tests import builders
from tests.fakes import FakeAgent
from tests.simulator.cluster import Cluster

NODES = 3 * HANDED_AT_ONCE + 1


def _busy(cluster: Cluster) -> FakeAgent:
    """Return an agent that executes many nodes, beside another one that could."""
    agent = cluster.join("large", builders.offer(NODES))
    cluster.submit(builders.graph({"A": []}, swept=("A",)), sweep=builders.sweep_of(NODES))
    assert len(agent.running()) == NODES
    cluster.join("small", builders.offer(1))
    return agent


def test_all_that_a_lost_agent_had_is_taken_over(cluster: Cluster) -> None:
    """However much it is, in the order in which it was."""
    cluster.vanish(_busy(cluster))
    assert len(cluster.agents["small"].running()) == 1
    assert cluster.queue() == [f"{index}/A" for index in range(1, NODES)]
    assert cluster.world.handing_over == {}


def test_a_step_hands_over_a_portion(cluster: Cluster) -> None:
    """The rest follows in the next ones."""
    agent = _busy(cluster)
    cluster.tick(1.0, silent=("large",))
    held = cluster.world.agent_names["large"].attempts
    cluster.leave(agent)
    cluster.tick(12.0)
    small = cluster.agents["small"].session
    assert small is not None
    cluster.clock.advance(2.0)
    cluster.daemon.carry_out(AgentHeard(session=small))
    cluster.clock.advance(2.0)
    turn = Turn(cluster.world, Effects(), cluster.clock.now())
    reactor.handle(turn, AgentHeard(session=small))
    reactor.handle(turn, Tick())
    assert len(held) == NODES - HANDED_AT_ONCE
    while reactor.advance(turn):
        assert len(held) % HANDED_AT_ONCE == 1
    assert not held


def test_who_comes_back_meanwhile_keeps_the_rest(cluster: Cluster) -> None:
    """What hasn't been handed over goes on where it is."""
    agent = _busy(cluster)
    record = cluster.world.agent_names["large"]
    record.lost = True
    cluster.world.handing_over[record] = iter(list(record.attempts.values()))
    record.lost = False
    cluster.tick(0.25)
    assert len(agent.running()) == NODES
    assert cluster.world.handing_over == {}
