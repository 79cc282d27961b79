"""Results that are taken instead of computed: hits, single flight, what is never shared."""

import pytest

from accio.domain.states import Cause
from accio_daemon.core.commands import ContentMissing
from accio_daemon.core.terms import CacheMode
from accio_daemon.core.world import Settings
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster

A = builders.graph({"A": []})
DIGEST = "blake3:" + "5" * 64


def executions(cluster: Cluster) -> int:
    """Count how many attempts were sent."""
    ((ended,),) = cluster.disk.rows("SELECT count(*) FROM results")
    return sum(len(agent.attempts) for agent in cluster.agents.values()) + int(ended)


@pytest.mark.parametrize("remembered", [True, False])
def test_an_equal_node_is_a_hit(make_cluster: MakeCluster, remembered: bool) -> None:
    """Whatever it is called, in whichever workflow: from memory, or from the database after a restart."""
    cluster = make_cluster()
    cluster.submit(A)
    cluster.join()
    cluster.succeed("A")
    if not remembered:
        cluster.restart()
    other = builders.graph({"X": [], "B": ["X"]}, labels={"X": "A"}, id="other")
    run = cluster.submit(other)
    assert cluster.state_of(run, "X") == "success"
    assert cluster.disk.rows("SELECT cached FROM nodes WHERE run_no = ?", run) == [(1,)]


def test_chains_of_hits_need_no_agent(cluster: Cluster) -> None:
    """A run all of whose nodes were computed before ends at once."""
    shape = {f"N{n}": [f"N{n - 1}"] if n else [] for n in range(20)}
    first = cluster.submit(builders.graph(shape))
    agent = cluster.join()
    for name in shape:
        cluster.succeed(name)
    assert cluster.state(first) == "success"
    cluster.leave(agent)
    assert cluster.state(cluster.submit(builders.graph(shape))) == "success"


def test_equal_nodes_in_flight_are_executed_once(cluster: Cluster) -> None:
    """Who waits for another's execution is queued and says so, then succeeds as cached."""
    first = cluster.submit(A)
    cluster.join("w1", builders.offer(4))
    second = cluster.submit(A)
    parent = cluster.submit(A, sweep=builders.sweep_of(1, repeat=3))
    assert cluster.state_of(second, "A") == "queued"
    assert cluster.why(second, 0) == f"shares {builders.run_id(2)}/A"
    assert executions(cluster) == 1
    cluster.succeed("A")
    assert [cluster.state(run) for run in (first, second, parent)] == ["success"] * 3
    assert cluster.disk.rows("SELECT cached, count(*) FROM nodes GROUP BY cached ORDER BY cached") == [(0, 1), (1, 4)]


def test_a_shared_failure_is_everybodys(cluster: Cluster) -> None:
    """The shared execution failed: so did every node that waited for it, with the cause."""
    runs = [cluster.submit(A) for _ in range(2)]
    cluster.join()
    cluster.fail("A", Cause.OUT_OF_MEMORY)
    assert [cluster.state_of(run, "A") for run in runs] == ["failed", "failed"]
    assert all("out of memory" in cluster.cause(run, 0) for run in runs)


@pytest.mark.parametrize("what", ["demand", "unstable", "uncacheable", "digest"])
def test_what_isnt_equal_isnt_shared(make_cluster: MakeCluster, what: str) -> None:
    """Other resources, another seed, another or no digest: each is executed by itself."""
    operators = (
        builders.step(),
        builders.step("Random", digest="2", unstable=True),
        builders.step("Secret", digest=None),
        builders.step("Other", digest="3"),
    )
    cluster = make_cluster(operators=operators)
    op = {"demand": "Step", "unstable": "Random", "uncacheable": "Secret", "digest": "Step"}[what]
    demands = {"A": builders.offer(0.5)} if what == "demand" else None
    cluster.submit(builders.graph({"A": []}, op=op), seed=1)
    cluster.submit(builders.graph({"A": []}, op="Other" if what == "digest" else op, demands=demands), seed=2)
    cluster.join("w1", builders.offer(4))
    assert executions(cluster) == 2


def test_unstable_nodes_are_hits_for_the_same_seed_only(make_cluster: MakeCluster) -> None:
    """The seed is part of the key."""
    cluster = make_cluster(operators=(builders.step("Random", unstable=True),))
    workflow = builders.graph({"A": []}, op="Random")
    cluster.submit(workflow, seed=7)
    cluster.join()
    cluster.succeed("A")
    assert cluster.state(cluster.submit(workflow, seed=7)) == "success"
    assert cluster.state_of(cluster.submit(workflow, seed=8), "A") == "running"


def test_no_cache_neither_looks_nor_joins_nor_stores(cluster: Cluster) -> None:
    """The run is computed by itself, and leaves nothing to hit."""
    cluster.submit(A, cache=CacheMode.NONE)
    cluster.join("w1", builders.offer(4))
    cluster.submit(A, cache=CacheMode.NONE)
    assert executions(cluster) == 2
    for agent in cluster.agents.values():
        for attempt in list(agent.attempts):
            cluster.ask(agent.telling(agent.end(builders.success(agent.next_seq, attempt, {"data": '"x"'}))))
    assert cluster.state_of(cluster.submit(A), "A") == "running"


def test_refresh_computes_anew_and_replaces(cluster: Cluster) -> None:
    """No look-up; the new result is what later runs take, and what others that wait for the same need."""
    cluster.submit(A)
    cluster.join()
    cluster.succeed("A", '"old"')
    refreshing = cluster.submit(A, cache=CacheMode.REFRESH)
    assert cluster.state_of(refreshing, "A") == "running"
    cluster.succeed("A", '"new"')
    for _ in range(2):
        run = cluster.submit(builders.graph({"A": [], "B": ["A"]}))
        assert '"p1":"new"' in next(iter(cluster.agents["w1"].attempts.values())).assignment.inputs
        cluster.kill(run)
        cluster.restart()
        cluster.rejoin(cluster.agents["w1"])


def test_who_waits_for_the_same_as_a_refresh_takes_its_result(cluster: Cluster) -> None:
    """A node that is queued when an equal one ends isn't executed."""
    cluster.submit(A, cache=CacheMode.REFRESH)
    cluster.join()
    waiting = cluster.submit(A)
    assert cluster.queue() == ["A"]
    cluster.succeed("A")
    assert cluster.state(waiting) == "success"


def test_a_forgotten_result_is_still_found(make_cluster: MakeCluster) -> None:
    """Memory holds few results, the database all."""
    cluster = make_cluster(settings=Settings(recent_results=1))
    cluster.join()
    for name in ("A", "B", "C"):
        cluster.submit(builders.graph({name: []}))
        cluster.succeed(name)
    assert cluster.state(cluster.submit(A)) == "success"


def test_results_outlive_their_runs(cluster: Cluster) -> None:
    """Deleting a run doesn't take its results from others."""
    run = cluster.submit(A)
    cluster.join()
    cluster.succeed("A")
    cluster.delete(run)
    assert cluster.state(cluster.submit(A)) == "success"


def test_missing_content_is_no_hit(make_cluster: MakeCluster) -> None:
    """What the store lost is computed again."""
    cluster = make_cluster(operators=(builders.step(kind=builders.DATASET),))
    cluster.submit(A)
    cluster.join()
    cluster.succeed("A", f'"{DIGEST}"', contents=[(DIGEST, 10)])
    cluster.ask(ContentMissing(digests=(DIGEST,)))
    assert cluster.state_of(cluster.submit(A), "A") == "running"
