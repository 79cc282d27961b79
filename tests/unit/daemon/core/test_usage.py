"""What nodes used of agents: counted for who paid, by pool and hour, whatever came of them."""

from typing import Any

import pytest

from accio_daemon.core.accounts import HOUR_MS
from tests import builders
from tests.simulator.cluster import Cluster

BO, CY = "Bo <bo@example.org>", "Cy <cy@example.org>"
ONE = builders.graph({"A": []})


def usage(cluster: Cluster) -> dict[str, Any]:
    """Return nodes and core-seconds by owner, as they are stored."""
    rows = cluster.disk.rows("SELECT owner, sum(nodes), sum(cpu_s) FROM usage GROUP BY owner")
    return {owner: (nodes, pytest.approx(cpu_s, abs=0.01)) for owner, nodes, cpu_s in rows}


def test_a_node_counts_from_its_place_to_its_end(cluster: Cluster) -> None:
    """What is reserved counts, in core-seconds; waiting in the queue doesn't."""
    cluster.submit(builders.graph({"A": []}, demands={"A": builders.offer(2)}), owner=BO)
    cluster.tick(5)
    cluster.join("w1", builders.offer(2))
    cluster.tick(3)
    cluster.succeed("A")
    assert usage(cluster) == {"bo@example.org": (1, 6.0)}
    ((hour,),) = cluster.disk.rows("SELECT hour FROM usage")
    assert hour == cluster.clock.now().wall_ms // HOUR_MS


def test_what_fails_or_is_killed_has_used_what_it_used(cluster: Cluster) -> None:
    """Attempts without a result count like those with one."""
    cluster.submit(builders.graph({"A": [], "B": []}), owner=BO)
    cluster.join("w1", builders.offer(2))
    cluster.tick(2)
    cluster.fail("A")
    agent = cluster.agents["w1"]
    cluster.tick(2)
    cluster.leave(agent, clean=True)
    assert usage(cluster) == {"bo@example.org": (2, 6.0)}


def test_what_comes_from_the_cache_uses_nothing(cluster: Cluster) -> None:
    """A hit costs its owner nothing; what two share counts for the one it was begun for."""
    cluster.submit(ONE, owner=BO)
    cluster.join("w1")
    cluster.submit(ONE, owner=CY)
    cluster.tick(4)
    cluster.succeed("A")
    cluster.submit(ONE, owner=CY)
    assert usage(cluster) == {"bo@example.org": (1, 4.0)}


def test_what_was_sent_ahead_counts_once_it_has_a_place(cluster: Cluster) -> None:
    """Two nodes one after the other on one CPU use what the CPU gave, not more."""
    cluster.join("w1", prefetch=8)
    cluster.submit(builders.graph({"warm": []}))
    cluster.succeed("warm", wall_us=1000)
    cluster.submit(builders.graph({"A": []}), owner=BO)
    cluster.submit(builders.graph({"B": []}), owner=CY)
    assert len(cluster.agents["w1"].attempts) == 2
    cluster.tick(0.5)
    cluster.succeed("A")
    cluster.tick(0.25)
    cluster.succeed("B")
    found = usage(cluster)
    assert (found["bo@example.org"], found["cy@example.org"]) == ((1, 0.5), (1, 0.25))


def test_what_an_agent_granted_itself_counts_as_a_node(cluster: Cluster) -> None:
    """A node that succeeds before its agent's word that it had a place is one more, and the time counts once."""
    cluster.join("w1", prefetch=8)
    cluster.submit(builders.graph({"warm": []}))
    cluster.succeed("warm", wall_us=1000)
    cluster.submit(builders.graph({"A": []}), owner=BO)
    cluster.submit(builders.graph({"B": []}), owner=CY)
    cluster.tick(0.5)
    cluster.succeed("B")
    cluster.succeed("A")
    found = usage(cluster)
    assert (found["bo@example.org"], found["cy@example.org"]) == ((1, 0.5), (1, 0.0))


@pytest.mark.parametrize(("wall_us", "nodes"), [(1_000, 1), (0, 0)])
def test_what_fails_in_a_place_that_its_agent_granted_counts_if_it_ran(
    cluster: Cluster, wall_us: int, nodes: int
) -> None:
    """As if it had succeeded; what never began, for want of its operator or an input, is no node that was executed."""
    cluster.join("w1", prefetch=8)
    cluster.submit(builders.graph({"warm": []}))
    cluster.succeed("warm", wall_us=1000)
    cluster.submit(builders.graph({"A": []}), owner=BO)
    cluster.submit(builders.graph({"B": []}), owner=CY)
    cluster.fail("B", wall_us=wall_us)
    assert usage(cluster).get("cy@example.org", (0, 0.0)) == (nodes, 0.0)
    (cy,) = [each for each in cluster.world.owners.known.values() if each.key == "cy@example.org"]
    assert (cy.nodes, cy.milli_cpus) == (0, 0)


def test_usage_fades_and_is_read_back(cluster: Cluster) -> None:
    """For the order of the queue, what was used counts half after a day, in this life of the daemon or the next."""
    cluster.submit(ONE, owner=BO)
    agent = cluster.join("w1")
    cluster.tick(4)
    cluster.succeed("A")
    cluster.leave(agent, clean=True)
    owner = cluster.world.owners.known["bo@example.org"]
    assert owner.used(cluster.clock.now().mono) == pytest.approx(4, abs=0.01)
    cluster.clock.advance(24 * 3600)
    cluster.tick(1)
    assert owner.used(cluster.clock.now().mono) == pytest.approx(2, rel=0.05)
    cluster.restart()
    again = cluster.world.owners.known["bo@example.org"]
    assert again is not owner
    assert again.used(cluster.clock.now().mono) == pytest.approx(2, rel=0.05)
