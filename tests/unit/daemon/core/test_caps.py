"""Caps: how much of an owner's work is at agents at a time, and what else begins meanwhile."""

import pytest

from accio.domain.caps import EVERYBODY, Cap
from accio_daemon.core.commands import ChangeCap
from accio_daemon.core.pools.demand import demands
from accio_daemon.core.world import Settings
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster

BO, CY = "Bo <bo@example.org>", "Cy <cy@example.org>"
SWEPT = builders.graph({"A": []}, swept=("A",))
OTHER = builders.graph({"B": []}, swept=("B",))


def cap(cluster: Cluster, owner: str, *, nodes: int | None = None, cpus: float | None = None) -> None:
    """Set a cap."""
    milli_cpus = None if cpus is None else int(cpus * 1000)
    cluster.ask(ChangeCap(owner=owner, cap=Cap(nodes=nodes, milli_cpus=milli_cpus)))


def running(cluster: Cluster) -> list[str]:
    """Name what is at agents."""
    return sorted(held.node.split("/")[1] for agent in cluster.agents.values() for held in agent.attempts.values())


def test_no_more_begins_than_the_cap_allows_and_others_go_on(cluster: Cluster) -> None:
    """A capped owner's nodes wait though there is room; those behind them begin."""
    cap(cluster, "bo@example.org", nodes=2)
    cluster.submit(SWEPT, sweep=builders.sweep_of(5), owner=BO)
    cluster.submit(OTHER, owner=CY)
    cluster.join("w1", builders.offer(8))
    assert running(cluster) == ["A", "A", "B"]
    assert cluster.world.queue.count == 3


def test_a_node_that_ends_lets_the_next_begin(cluster: Cluster) -> None:
    """A cap bounds what is at agents at a time, not what there is altogether."""
    cap(cluster, "bo@example.org", nodes=1)
    run = cluster.submit(builders.graph({"A": [], "B": []}), owner=BO)
    cluster.join("w1", builders.offer(8))
    assert running(cluster) == ["A"]
    cluster.succeed("A")
    assert running(cluster) == ["B"]
    cluster.succeed("B")
    assert cluster.run_is_over(run)


@pytest.mark.parametrize(("cpus", "begun"), [(3, ["big", "small"]), (2, ["big"]), (1, ["small"]), (0.5, [])])
def test_a_cap_of_cpus_counts_what_nodes_reserve(cluster: Cluster, cpus: float, begun: list[str]) -> None:
    """Nodes begin as long as what they reserve together fits; a smaller one behind may fit where the first doesn't."""
    cap(cluster, "bo@example.org", cpus=cpus)
    cluster.submit(
        builders.graph({"big": [], "small": []}, demands={"big": builders.offer(2), "small": builders.offer(1)}),
        owner=BO,
    )
    cluster.join("w1", builders.offer(8))
    assert running(cluster) == begun


def test_a_large_node_is_passed_by_smaller_ones_only_for_a_while(make_cluster: MakeCluster) -> None:
    """Once the first of an owner's nodes has waited for the cap as long as for a reservation, none passes it."""
    cluster = make_cluster(settings=Settings(reserve_after=30.0))
    cap(cluster, "bo@example.org", cpus=2)
    cluster.join("w1", builders.offer(8))
    cluster.submit(builders.graph({"first": []}), owner=BO)
    cluster.submit(builders.graph({"big": []}, demands={"big": builders.offer(2)}), owner=BO)
    cluster.submit(builders.graph({"small": []}), owner=BO)
    assert running(cluster) == ["first", "small"]
    cluster.tick(31)
    cluster.submit(builders.graph({"later": []}), owner=BO)
    cluster.succeed("small")
    assert running(cluster) == ["first"]
    cluster.succeed("first")
    assert running(cluster) == ["big"]


def test_the_cap_of_everybody_counts_for_each_who_has_none(cluster: Cluster) -> None:
    """It bounds each owner by himself, and one's own cap replaces it."""
    cap(cluster, EVERYBODY, nodes=1)
    cap(cluster, "cy@example.org", nodes=3)
    for owner in ("Ada <ada@example.org>", BO, CY):
        name = owner[0]
        cluster.submit(builders.graph({name: []}, swept=(name,)), sweep=builders.sweep_of(4), owner=owner)
    cluster.join("w1", builders.offer(16))
    assert running(cluster) == ["A", "B", "C", "C", "C"]


def test_a_cap_may_be_changed_while_nodes_run(cluster: Cluster) -> None:
    """Lowered, it ends nothing; raised or taken away, it lets more begin at once."""
    cluster.submit(SWEPT, sweep=builders.sweep_of(4), owner=BO)
    cluster.join("w1", builders.offer(3))
    cap(cluster, "bo@example.org", nodes=1)
    assert running(cluster) == ["A", "A", "A"]
    cluster.leave(cluster.agents["w1"], clean=True)
    cluster.agents["w1"].attempts.clear()
    cluster.join("w2", builders.offer(8))
    assert running(cluster) == ["A"]
    cap(cluster, "bo@example.org", nodes=2)
    assert running(cluster) == ["A", "A"]
    cluster.ask(ChangeCap(owner="bo@example.org", cap=None))
    assert running(cluster) == ["A"] * 4


def test_caps_outlive_the_daemon(cluster: Cluster) -> None:
    """A restart reads them back, and counts what its agents still hold."""
    cap(cluster, "bo@example.org", nodes=2)
    cluster.submit(SWEPT, sweep=builders.sweep_of(5), owner=BO)
    agent = cluster.join("w1", builders.offer(8))
    cluster.restart()
    cluster.rejoin(agent)
    assert running(cluster) == ["A", "A"]
    cluster.ask(ChangeCap(owner="bo@example.org", cap=None))
    cluster.restart()
    cluster.rejoin(agent)
    assert running(cluster) == ["A"] * 5


def test_children_of_others_are_opened_beside_a_full_queue(make_cluster: MakeCluster) -> None:
    """What a capped owner has queued doesn't keep another's children from being opened."""
    cluster = make_cluster(settings=Settings(backlog=3))
    cap(cluster, "bo@example.org", nodes=1)
    cluster.join("w1", builders.offer(2))
    cluster.submit(SWEPT, sweep=builders.sweep_of(20), owner=BO)
    cluster.submit(OTHER, sweep=builders.sweep_of(20), owner=CY)
    assert running(cluster) == ["A", "B"]


def test_who_shares_a_node_with_a_capped_owner_needn_t_wait(cluster: Cluster) -> None:
    """A node that two want counts for the one who may begin it, also once the other joined it or was capped later."""
    cap(cluster, "bo@example.org", nodes=0)
    first = cluster.submit(builders.graph({"A": []}), owner=BO)
    second = cluster.submit(builders.graph({"A": []}), owner=CY)
    cluster.join("w1", builders.offer(2))
    assert running(cluster) == ["A"]
    cluster.succeed("A")
    assert cluster.run_is_over(first)
    assert cluster.run_is_over(second)


def test_what_is_shared_changes_hands_when_its_payer_is_capped(cluster: Cluster) -> None:
    """A cap that comes after two have joined doesn't stop the one whom it isn't for."""
    cluster.submit(builders.graph({"A": []}), owner=BO)
    cluster.submit(builders.graph({"A": []}), owner=CY)
    cap(cluster, "bo@example.org", nodes=0)
    cluster.join("w1", builders.offer(2))
    assert running(cluster) == ["A"]


def test_who_leaves_a_shared_node_doesn_t_pay_for_it(cluster: Cluster) -> None:
    """The run of the one whom a queued node counted for is killed: it counts for the other, whose cap decides."""
    first = cluster.submit(builders.graph({"A": []}), owner=BO)
    cluster.submit(builders.graph({"A": []}), owner=CY)
    cluster.kill(first)
    cap(cluster, "cy@example.org", nodes=0)
    cluster.join("w1", builders.offer(2))
    assert running(cluster) == []


def test_why_tells_of_the_cap(cluster: Cluster) -> None:
    """A node that waits for its owner's cap says so, with numbers; one that never fits says that."""
    cap(cluster, "bo@example.org", nodes=1, cpus=2)
    run = cluster.submit(builders.graph({"A": [], "B": []}), owner=BO)
    large = cluster.submit(builders.graph({"C": []}, demands={"C": builders.offer(4)}), owner=BO)
    cluster.join("w1", builders.offer(8))
    assert cluster.why(run, 1) == (
        "waits until nodes of Bo <bo@example.org> end, who has 1 node on 1 CPU at agents; the cap is 2 CPUs and 1 node "
        "at a time"
    )
    assert cluster.why(large, 0) == (
        "needs 4 CPUs, and the cap of Bo <bo@example.org> is 2 CPUs and 1 node at a time: it never begins until that "
        "is raised"
    )


def test_no_host_is_wanted_for_what_a_cap_keeps_waiting(cluster: Cluster) -> None:
    """Pools hear of as many nodes as the cap leaves room for, over all kinds of nodes."""
    cap(cluster, "bo@example.org", nodes=3)
    cluster.submit(SWEPT, sweep=builders.sweep_of(50), owner=BO)
    cluster.submit(OTHER, sweep=builders.sweep_of(50), owner=BO)
    assert sum(demand.count for demand in demands(cluster.world)) == 3
    cluster.join("w1", builders.offer(2))
    assert sum(demand.count for demand in demands(cluster.world)) == 1


def test_no_capacity_is_held_back_for_a_capped_owner(make_cluster: MakeCluster) -> None:
    """A reservation for a large node ends when its owner's cap is reached: others use the agent."""
    cluster = make_cluster(settings=Settings(reserve_after=5.0))
    cluster.join("w1", builders.offer(2))
    cluster.submit(builders.graph({"one": []}), owner=CY)
    cluster.submit(builders.graph({"two": []}, demands={"two": builders.offer(2)}), owner=BO)
    cluster.tick(6)
    cap(cluster, "bo@example.org", nodes=0)
    cluster.tick(1)
    cluster.submit(builders.graph({"three": []}), owner=CY)
    assert running(cluster) == ["one", "three"]


def test_a_cap_is_kept_as_it_was_said(cluster: Cluster) -> None:
    """Each change becomes a row."""
    cap(cluster, "bo@example.org", nodes=2)
    assert cluster.disk.rows("SELECT owner, nodes, milli_cpus FROM caps") == [("bo@example.org", 2, None)]
