"""First come, first served: places, and what keeps or changes them."""

import pytest

from accio_daemon.core.terms import CacheMode
from accio_daemon.core.world import Settings
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster

CHAIN: dict[str, list[str]] = {"A": [], "B": ["A"]}
NAMED = {f"t{number}": builders.graph({f"t{number}": []}) for number in range(1, 6)}


def test_roots_queue_in_the_order_of_submission_and_of_the_graph(cluster: Cluster) -> None:
    """Roots stand in enumeration order at the place of their run."""
    cluster.submit(builders.graph({"B": [], "A": []}))
    cluster.submit(builders.graph({"C": []}))
    assert cluster.queue() == ["B", "A", "C"]


def test_children_queue_one_after_the_other(cluster: Cluster) -> None:
    """All roots of child 0 stand before those of child 1."""
    cluster.submit(builders.graph({"A": [], "B": []}, swept=("A", "B")), sweep=builders.sweep_of(2))
    assert cluster.queue() == ["0/A", "0/B", "1/A", "1/B"]


def test_runs_progress_side_by_side(cluster: Cluster) -> None:
    """A started run has no priority: its next node stands behind the roots that were there before it became ready."""
    cluster.submit(builders.graph({"A": [], "B": ["A"]}))
    cluster.submit(builders.graph({"C": []}))
    cluster.join()
    cluster.succeed("A")
    assert cluster.holder("C").running() != []
    assert cluster.queue() == ["B"]


def test_a_node_ready_through_hits_alone_takes_the_place_of_its_runs_roots(cluster: Cluster) -> None:
    """A cached predecessor doesn't move its successor behind runs that came later."""
    cluster.submit(builders.graph({"A": []}))
    agent = cluster.join()
    cluster.succeed("A")
    cluster.leave(agent)
    cluster.submit(builders.graph({"A": [], "B": ["A"]}))
    cluster.submit(builders.graph({"C": []}))
    assert cluster.queue() == ["B", "C"]


def test_a_lost_node_returns_to_its_place(cluster: Cluster) -> None:
    """The loss of its agent puts a node back before everything that came later."""
    for name in ("t1", "t2", "t3"):
        cluster.submit(NAMED[name])
    agent = cluster.join()
    assert agent.running() == [f"{builders.run_id(2)}/t1"]
    cluster.lose(agent)
    assert cluster.queue() == ["t1", "t2", "t3"]


def test_a_failed_attempt_with_retries_left_keeps_its_place(make_cluster: MakeCluster) -> None:
    """A retry stands where the first attempt stood."""
    cluster = make_cluster(operators=(builders.step(retries=1),))
    for name in ("t1", "t2"):
        cluster.submit(NAMED[name])
    agent = cluster.join()
    cluster.fail("t1")
    assert [held.node.split("/")[1] for held in agent.attempts.values()] == ["t1"]
    assert cluster.queue() == ["t2"]


def test_a_retry_by_a_user_takes_a_new_place(cluster: Cluster) -> None:
    """What a user retries stands behind what was queued meanwhile."""
    run = cluster.submit(NAMED["t1"])
    cluster.join()
    cluster.fail("t1")
    cluster.submit(NAMED["t2"])
    cluster.submit(NAMED["t3"])
    assert cluster.retry(run)
    assert cluster.queue() == ["t3", "t1"]


def test_a_retry_keeps_the_places_of_children_that_still_run(make_cluster: MakeCluster) -> None:
    """A parent that is retried moves; its running children stay where they are, also after a restart."""
    cluster = make_cluster(settings=Settings(open_children=2))
    run = cluster.submit(builders.graph({"A": []}, swept=("A",)), sweep=builders.sweep_of(4), on_failure=builders.STOP)
    cluster.join("w1", builders.offer(2))
    before = cluster.run(run).sequence
    cluster.fail("0/A")
    assert cluster.state_of(run, "A", 1) == "running"
    assert cluster.retry(run)
    assert cluster.run(run).open[1].sequence == before
    assert cluster.run(run).sequence > before
    cluster.restart()
    assert cluster.run(run).open[1].sequence == before


def test_a_shared_execution_stands_at_the_earliest_of_its_nodes(cluster: Cluster) -> None:
    """Who joins an execution brings it forward if his place is earlier."""
    cluster.submit(builders.graph({"A": [], "B": ["A"]}))
    cluster.submit(builders.graph({"C": []}))
    agent = cluster.join()
    cluster.leave(agent)
    cluster.submit(builders.graph({"D": []}))
    first = cluster.submit(builders.graph({"D": [], "E": []}), cache=CacheMode.USE)
    assert cluster.why(first, 0) == f"shares {builders.run_id(4)}/D"
    assert cluster.queue() == ["C", "D", "E"]


def test_an_empty_queue_doesnt_make_agents_invisible(cluster: Cluster) -> None:
    """Capacity that is freed while nothing is queued is found by what comes later, whatever was refused before."""
    first = cluster.submit(NAMED["t1"])
    agent = cluster.join()
    second = cluster.submit(NAMED["t2"])
    cluster.kill(second)
    cluster.succeed("t1")
    cluster.submit(NAMED["t3"])
    assert [held.node.split("/")[1] for held in agent.attempts.values()] == ["t3"]
    assert cluster.state(first) == "success"


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_so_many_children_are_open_at_once(make_cluster: MakeCluster, limit: int) -> None:
    """Beyond the limit the roots of later children wait for a child to end."""
    cluster = make_cluster(settings=Settings(open_children=limit))
    run = cluster.submit(builders.graph(CHAIN, swept=("A",)), sweep=builders.sweep_of(9))
    cluster.join("w1", builders.offer(20))
    assert sorted(cluster.run(run).open) == list(range(limit))
    cluster.succeed("0/A")
    assert sorted(cluster.run(run).open) == list(range(limit))
    cluster.succeed("0/B")
    assert sorted(cluster.run(run).open) == list(range(1, limit + 1))


def test_the_cursor_looks_ahead_of_shared_executions(make_cluster: MakeCluster) -> None:
    """When all open children wait for one execution, the next child that needs another one begins."""
    cluster = make_cluster(settings=Settings(open_children=3))
    run = cluster.submit(builders.graph({"A": []}, swept=("A",)), sweep=builders.sweep_of(2, repeat=5))
    cluster.join("w1", builders.offer(4))
    assert cluster.state_of(run, "A", 0) == "running"
    assert cluster.state_of(run, "A", 5) == "running"
    cluster.succeed("0/A")
    cluster.succeed("5/A")
    assert cluster.state(run) == "success"
