"""Retries with other demands: kept over retries and restarts, shared with nobody else, refused where they can't be."""

import pytest

from accio.domain.resources import Resources
from accio.domain.retry_demand import NodeDemand, read_retry_demand
from accio.domain.states import Cause, NodeState
from accio.domain.workflows import Workflow
from accio.errors import BadRequest, FailedPrecondition
from accio_daemon.core.commands import RetryRun
from accio_daemon.core.terms import RunNo
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster
from tests.unit.daemon.core.pools import Engine, pool

MIB = 1 << 20
LARGE = builders.offer(4, memory=1000 * MIB)


def needing(memory: int) -> Workflow:
    """Make a workflow of two nodes one after the other; the first demands so much."""
    return builders.graph({"A": [], "B": ["A"]}, swept=("A",), demands={"A": builders.offer(1, memory=memory)})


def retry(cluster: Cluster, run: RunNo, index: int | None = None, *, forced: bool = False, **typed: str) -> bool:
    """Retry with other demands."""
    return cluster.ask(RetryRun(run=run, index=index, demand=read_retry_demand(**typed) or None, forced=forced))


def stored(cluster: Cluster) -> list[tuple[int, int, str]]:
    """Read what is stored."""
    return [tuple(row) for row in cluster.disk.rows("SELECT idx, node, resources FROM demands ORDER BY idx, node")]


def test_a_retried_node_demands_more_from_then_on(cluster: Cluster) -> None:
    """The retry reserves twice as much; so does the next one, which multiplies it again. Who was cancelled doesn't."""
    cluster.join("w1", LARGE)
    run = cluster.submit(needing(100 * MIB))
    for memory in (100, 200, 400):
        assert cluster.world.agent_names["w1"].account.used_memory == memory * MIB
        cluster.fail("A")
        assert cluster.nodes(run) == {"A": "failed", "B": "cancelled"}
        assert retry(cluster, run, memory="2x")
    cluster.succeed("A")
    assert cluster.world.agent_names["w1"].account.used_memory == 0
    assert stored(cluster) == [(0, 0, '{"cpus":1,"memory":838860800}')]
    cluster.succeed("B")


def test_an_ordinary_retry_keeps_what_an_earlier_one_changed(cluster: Cluster) -> None:
    """Also over restarts of the daemon, before and after the node is dispatched."""
    agent = cluster.join("w1", LARGE)
    run = cluster.submit(needing(100 * MIB))
    cluster.fail("A")
    assert retry(cluster, run, memory="300MiB", timeout="1.minutes")
    cluster.restart()
    instance = cluster.run(run).open[0]
    assert instance.demands == {0: NodeDemand(Resources(memory=300 * MIB), 60_000)}
    cluster.rejoin(agent)
    assert cluster.world.agent_names["w1"].account.used_memory == 300 * MIB
    cluster.fail("A")
    assert cluster.retry(run)
    assert cluster.world.agent_names["w1"].account.used_memory == 300 * MIB


def test_only_the_retried_children_demand_more(cluster: Cluster) -> None:
    """A child that was retried alone demands more alone, and one that joins it later for its result isn't changed."""
    cluster.join("w1", LARGE)
    run = cluster.submit(needing(100 * MIB), sweep=builders.sweep_of(2))
    cluster.fail("0/A")
    cluster.fail("1/A")
    assert retry(cluster, run, 1, memory="2x")
    assert cluster.retry(run, 0)
    used = [e.node_class.resources.memory // MIB for e in cluster.world.by_attempt.values()]
    assert sorted(used) == [100, 200]
    assert [index for index, _, _ in stored(cluster)] == [1]


def test_nodes_of_other_demands_share_no_execution(cluster: Cluster) -> None:
    """What was given more isn't held back by an equal node that wasn't: each has an execution, and one key."""
    cluster.join("w1", builders.offer(4, memory=100 * MIB))
    first = cluster.submit(needing(100 * MIB))
    cluster.fail("A")
    second = cluster.submit(needing(100 * MIB))
    assert retry(cluster, first, memory="300MiB", forced=True)
    assert cluster.state_of(second, "A") is NodeState.RUNNING
    assert cluster.why(first, 0).startswith("waits by -force for an agent with 1 CPU, 300.0 MiB of memory; the largest")
    cluster.join("w2", LARGE)
    assert cluster.state_of(first, "A") is NodeState.RUNNING


def test_what_no_agent_could_execute_is_refused_and_nothing_changes(cluster: Cluster) -> None:
    """The message says what is wanted and what there is; forced, it waits for a larger agent."""
    cluster.join("w1", LARGE)
    run = cluster.submit(needing(600 * MIB))
    cluster.fail("A")
    with pytest.raises(FailedPrecondition, match=r"would need 1 CPU, 1.2 GiB of memory, and the largest .* 1000.0 MiB"):
        retry(cluster, run, memory="2x")
    assert cluster.nodes(run) == {"A": "failed", "B": "cancelled"}
    assert stored(cluster) == []
    assert retry(cluster, run, memory="2x", forced=True)
    assert cluster.state_of(run, "A") is NodeState.QUEUED


def test_what_is_forced_waits_for_the_agent_that_will_come(cluster: Cluster) -> None:
    """As long as that takes, over restarts and with an agent there that never could; others fail after a lease."""
    agent = cluster.join("w1", LARGE)
    run = cluster.submit(needing(600 * MIB))
    cluster.fail("A")
    assert retry(cluster, run, memory="2x", forced=True)
    for _ in range(2):
        cluster.tick(60)
        assert cluster.state_of(run, "A") is NodeState.QUEUED
        assert cluster.why(run, 0) == (
            "waits by -force for an agent with 1 CPU, 1.2 GiB of memory; the largest agent that offers Step has "
            "1000.0 MiB of memory"
        )
        cluster.restart()
        cluster.rejoin(agent)
    ((detail,),) = cluster.disk.rows("SELECT detail FROM events WHERE kind = 'retried'")
    assert detail.endswith(
        "A from 600.0 MiB to 1.2 GiB of memory, waits by -force for an agent with 1 CPU, 1.2 GiB of memory"
    )
    cluster.join("w2", builders.offer(4, memory=2000 * MIB))
    assert cluster.state_of(run, "A") is NodeState.RUNNING
    cluster.fail("A")
    assert cluster.retry(run), "which keeps what was forced"
    cluster.kill(run)


def test_what_could_not_be_placed_can_be_forced_as_it_is(cluster: Cluster) -> None:
    """Without another demand: it waits, until a retry demands something else without forcing it."""
    cluster.join("w1", LARGE)
    run = cluster.submit(needing(1200 * MIB))
    cluster.tick(20)
    assert "cannot be placed" in cluster.cause(run, 0)
    assert retry(cluster, run, forced=True)
    cluster.tick(60)
    assert cluster.state_of(run, "A") is NodeState.QUEUED
    cluster.kill(run)
    with pytest.raises(FailedPrecondition, match="could never be executed"):
        retry(cluster, run, memory="1200MiB")
    assert retry(cluster, run, memory="500MiB")
    assert cluster.state_of(run, "A") is NodeState.RUNNING
    assert cluster.run(run).open[0].demands == {0: NodeDemand(Resources(memory=500 * MIB), None)}


def test_where_nothing_can_be_multiplied_it_is_said(cluster: Cluster) -> None:
    """A node without a limit isn't given twice of nothing, and the retry isn't carried out."""
    cluster.join("w1", LARGE)
    run = cluster.submit(builders.graph({"A": []}))
    cluster.fail("A")
    with pytest.raises(BadRequest, match="node A has no memory limit to multiply"):
        retry(cluster, run, memory="2x")
    assert retry(cluster, run, cpus="2x")
    assert cluster.world.agent_names["w1"].account.used_cpus == 2000


def test_a_mixed_run_changes_what_can_be_changed(cluster: Cluster) -> None:
    """Of two failed nodes the one with a limit is given more; the other is run again as it was."""
    cluster.join("w1", LARGE)
    run = cluster.submit(builders.graph({"A": [], "N": []}, demands={"A": builders.offer(1, memory=100 * MIB)}))
    cluster.fail("A")
    cluster.fail("N")
    assert retry(cluster, run, memory="2x")
    assert cluster.world.agent_names["w1"].account.used_memory == 200 * MIB


def test_the_history_says_what_a_retry_changed(cluster: Cluster) -> None:
    """Who retried, and which node demands what instead of before."""
    cluster.join("w1", LARGE)
    run = cluster.submit(needing(100 * MIB))
    cluster.fail("A")
    assert retry(cluster, run, memory="2x")
    ((detail,),) = cluster.disk.rows("SELECT detail FROM events WHERE kind = 'retried'")
    assert detail == "retried by a user, with other demands: A from 100.0 MiB to 200.0 MiB of memory"


def test_deleted_runs_and_children_leave_no_demands(cluster: Cluster) -> None:
    """What a child demanded goes with it."""
    cluster.join("w1", LARGE)
    run = cluster.submit(needing(100 * MIB), sweep=builders.sweep_of(3))
    for index in range(3):
        cluster.fail(f"{index}/A")
    assert retry(cluster, run, memory="2x")
    assert [index for index, _, _ in stored(cluster)] == [0, 1, 2]
    cluster.delete(run, 1)
    assert [index for index, _, _ in stored(cluster)] == [0, 2]
    cluster.delete(run)
    assert stored(cluster) == []


def memory_tries(cluster: Cluster) -> list[int]:
    """Run A out of memory until it fails for good; return the MiB that each attempt had."""
    run = cluster.submit(builders.graph({"A": []}))
    tries = []
    while cluster.state_of(run, "A") is NodeState.RUNNING:
        tries.append(cluster.world.agent_names["w1"].account.used_memory // MIB)
        cluster.fail("A", Cause.OUT_OF_MEMORY)
    assert cluster.state_of(run, "A") is NodeState.FAILED
    return tries


def test_who_ran_out_of_memory_comes_back_with_more(make_cluster: MakeCluster) -> None:
    """Each attempt demands as much more as the operator says, at most what the largest agent has; restarts know it."""
    demand = builders.offer(1, memory=100 * MIB)
    cluster = make_cluster(operators=(builders.step(demand=demand, retries=4, retry_memory=3.0),))
    cluster.join("w1", LARGE)
    assert memory_tries(cluster) == [100, 300, 900, 1000, 1000]
    details = [detail for (detail,) in cluster.disk.rows("SELECT detail FROM events WHERE kind = 'demands more'")]
    assert details[0] == "its memory ran out: its next attempt demands 300.0 MiB instead of 100.0 MiB"
    assert details[2].endswith("demands 1000.0 MiB instead of 900.0 MiB (what w1 has, and none has more)")
    assert len(details) == 3


def test_more_memory_alone_is_three_further_attempts(make_cluster: MakeCluster) -> None:
    """An operator that says nothing of retries is tried again for its memory; for another failure it isn't."""
    step = builders.step(demand=builders.offer(1, memory=100 * MIB), retry_memory=1.5)
    cluster = make_cluster(operators=(step,))
    cluster.join("w1", LARGE)
    assert memory_tries(cluster) == [100, 150, 225, 337]
    run = cluster.submit(builders.graph({"B": []}))
    cluster.fail("B", Cause.OUT_OF_MEMORY)
    cluster.restart()
    cluster.rejoin(cluster.agents["w1"])
    cluster.fail("B")
    assert cluster.state_of(run, "B") is NodeState.FAILED


def test_no_attempt_is_made_without_more_memory(make_cluster: MakeCluster) -> None:
    """At the operator's limit, or with what the largest has, another one would end like the last."""
    demand = builders.offer(1, memory=100 * MIB)
    limited = make_cluster(operators=(builders.step(demand=demand, retry_memory=4.0, memory_limit=300 * MIB),))
    limited.join("w1", LARGE)
    assert memory_tries(limited) == [100, 300]
    ((detail,),) = limited.disk.rows("SELECT detail FROM events WHERE kind = 'demands more'")
    assert detail.endswith("demands 300.0 MiB instead of 100.0 MiB (its operator's memory_limit)")
    small = make_cluster(operators=(builders.step(demand=demand, retry_memory=4.0),))
    small.join("w1", builders.offer(1, memory=100 * MIB))
    assert memory_tries(small) == [100]


def test_memory_grows_to_what_a_pool_s_host_has(make_cluster: MakeCluster) -> None:
    """Larger than any agent that is there: the next attempt waits for such a host; a retry may ask for one, too."""
    step = builders.step(demand=builders.offer(1, memory=600 * MIB), retry_memory=4.0)
    cluster = make_cluster(operators=(step,))
    cluster.join("w1", LARGE)
    Engine(cluster, pool("batch", host=builders.offer(4, memory=2000 * MIB)))
    run = cluster.submit(builders.graph({"A": []}))
    cluster.fail("A", Cause.OUT_OF_MEMORY)
    assert cluster.run(run).open[0].demands == {0: NodeDemand(Resources(memory=2000 * MIB), None)}
    ((detail,),) = cluster.disk.rows("SELECT detail FROM events WHERE kind = 'demands more'")
    assert detail.endswith("2.0 GiB instead of 600.0 MiB (what a host of the pool batch has, and none has more)")
    cluster.tick(60)
    assert cluster.state_of(run, "A") is NodeState.QUEUED
    assert "the pool batch has" in cluster.why(run, 0)
    cluster.kill(run)
    assert retry(cluster, run, memory="1900MiB")
    cluster.kill(run)
    with pytest.raises(FailedPrecondition, match=r"has 1000.0 MiB of memory, and no pool has such hosts"):
        retry(cluster, run, memory="2x")


def test_an_agent_of_others_doesn_t_count_as_a_larger_one(make_cluster: MakeCluster) -> None:
    """Memory grows to what the largest agent has that takes the owner's nodes, so that the next attempt has a place."""
    demand = builders.offer(1, memory=100 * MIB)
    cluster = make_cluster(operators=(builders.step(demand=demand, retries=2, retry_memory=3.0),))
    cluster.join("large", LARGE, owners=("somebody@else.org",))
    cluster.join("w1", builders.offer(1, memory=200 * MIB))
    assert memory_tries(cluster) == [100, 200, 200]


def test_without_being_told_nobody_gets_more(make_cluster: MakeCluster) -> None:
    """An operator that doesn't say so is tried again with what it had; and other failures are nobody's memory."""
    demand = builders.offer(1, memory=100 * MIB)
    cluster = make_cluster(operators=(builders.step(demand=demand, retries=1),))
    cluster.join("w1", LARGE)
    assert memory_tries(cluster) == [100, 100]
    other = make_cluster(operators=(builders.step(demand=demand, retries=1, retry_memory=2.0),))
    other.join("w1", LARGE)
    other.submit(builders.graph({"A": []}))
    other.fail("A")
    assert other.world.agent_names["w1"].account.used_memory == 100 * MIB


def test_everybody_who_shares_an_execution_comes_back_with_more(make_cluster: MakeCluster) -> None:
    """What waits for the same result demands the same; the result is everybody's."""
    demand = builders.offer(1, memory=100 * MIB)
    cluster = make_cluster(operators=(builders.step(demand=demand, retries=1, retry_memory=2.0),))
    cluster.join("w1", LARGE)
    runs = [cluster.submit(builders.graph({"A": []})) for _ in range(2)]
    cluster.fail("A", Cause.OUT_OF_MEMORY)
    assert [cluster.run(run).open[0].demands[0].resources.memory // MIB for run in runs] == [200, 200]
    cluster.succeed("A")
    assert all(cluster.run_is_over(run) for run in runs)
