"""Agents whose hosts end: what is placed there, what becomes of what is cut off, what waiting nodes are told."""

import pytest

from accio_daemon.core.needs import ENOUGH, Need
from tests import builders
from tests.simulator.cluster import Cluster

SECOND_US = 1_000_000


def learn(cluster: Cluster, seconds: float) -> None:
    """Run enough nodes of one CPU for so long that it counts, on an agent that is there for good."""
    cluster.join("teacher", builders.offer(1))
    for number in range(ENOUGH):
        cluster.submit(builders.graph({f"known{number}": []}))
        cluster.succeed(f"known{number}", wall_us=int(seconds * SECOND_US))
    cluster.leave(cluster.agents["teacher"], clean=True)


def holder_of(cluster: Cluster, node: str) -> str:
    """Return which agent holds a node, if any."""
    held = ((name, each.node) for name, agent in cluster.agents.items() for each in agent.attempts.values())
    return next((name for name, found in held if found.endswith(f"/{node}")), "")


def test_what_nearly_all_needed_and_a_little_more() -> None:
    """A few executions tell nothing; then what nearly all needed counts; what was cut off needs more than it had."""
    need = Need()
    for _ in range(ENOUGH - 1):
        need.learn(10)
    assert need.seconds == 0
    need.learn(8)
    assert need.seconds == pytest.approx(12.5)
    need.cut_off(60)
    assert need.seconds == pytest.approx(90)
    assert (need.within(1000), need.within(70), need.within(30)) == pytest.approx((90, 63, 90))
    need.learn(61)
    assert need.seconds == pytest.approx(61 * 1.25)


def test_nodes_go_where_there_is_time_for_them(cluster: Cluster) -> None:
    """A node isn't placed on an agent that ends before nodes of its class usually do; it says so, and waits."""
    learn(cluster, 100)
    cluster.join("short", builders.offer(4), ends_in=110)
    cluster.join("long", builders.offer(1), ends_in=1000)
    first = cluster.submit(builders.graph({"t1": []}))
    second = cluster.submit(builders.graph({"t2": []}))
    assert (holder_of(cluster, "t1"), holder_of(cluster, "t2")) == ("long", "")
    cluster.tick(900)
    why = cluster.why(second, 0)
    assert why.startswith("needs about 2 min, and the hosts that offer"), why
    cluster.succeed("t1")
    assert holder_of(cluster, "t2") == ""
    cluster.join("other", builders.offer(1))
    assert holder_of(cluster, "t2") == "other"
    assert cluster.run_is_over(first)


def test_short_nodes_fill_the_ends_of_hosts(cluster: Cluster) -> None:
    """Of agents with enough time, a short node goes to the one that ends first, an unknown one to the last."""
    learn(cluster, 1)
    cluster.join("soon", builders.offer(4), ends_in=60)
    cluster.join("late", builders.offer(4), ends_in=6000)
    cluster.submit(builders.graph({"t1": []}))
    cluster.submit(builders.graph({"t2": []}, demands={"t2": builders.offer(2)}))
    assert (holder_of(cluster, "t1"), holder_of(cluster, "t2")) == ("soon", "late")


def test_an_agent_whose_time_is_over_gets_nothing(cluster: Cluster) -> None:
    """Whatever is known of a class: nothing begins on an agent that ends now."""
    cluster.join("w1", builders.offer(1), ends_in=5)
    cluster.tick(6)
    cluster.submit(builders.graph({"t1": []}))
    assert holder_of(cluster, "t1") == ""


def test_what_is_cut_off_costs_neither_retry_nor_loss(cluster: Cluster) -> None:
    """The end of an agent's time requeues what ran there at its place, as often as it happens."""
    run = cluster.submit(builders.graph({"t1": []}))
    for number in range(2 * cluster.world.settings.max_losses):
        agent = cluster.join(f"w{number}", builders.offer(1), ends_in=100 * 4**number)
        assert holder_of(cluster, "t1") == agent.name
        cluster.tick(20)
        cluster.end_time(agent)
        assert cluster.queue() == ["t1"]
    (execution,) = cluster.world.executions.values()
    assert (execution.losses, execution.failures) == (0, 0)
    cluster.join("last", builders.offer(1))
    cluster.succeed("t1")
    assert cluster.run_is_over(run)


def test_a_host_that_ends_without_a_word_has_cut_off_what_it_had(cluster: Cluster) -> None:
    """An agent that fell silent at the end of its time isn't waited for, and counts as no loss."""
    agent = cluster.join("w1", builders.offer(1), ends_in=30)
    cluster.submit(builders.graph({"t1": []}))
    cluster.tick(25)
    cluster.leave(agent)
    cluster.tick(cluster.world.settings.lease + 1)
    agent.attempts.clear()
    assert cluster.queue() == ["t1"]
    (execution,) = cluster.world.executions.values()
    assert execution.losses == 0


def test_an_agent_that_fell_silent_long_before_its_end_counts_as_lost(cluster: Cluster) -> None:
    """That its host's time ends, too, before anybody takes its work over is no excuse for what may have ended it."""
    agent = cluster.join("w1", builders.offer(1), ends_in=30)
    cluster.submit(builders.graph({"t1": []}))
    cluster.tick(5)
    cluster.leave(agent)
    cluster.tick(40)
    agent.attempts.clear()
    assert cluster.queue() == ["t1"]
    (execution,) = cluster.world.executions.values()
    assert execution.losses == 1


def test_what_no_host_lasts_for_fails_the_second_time(cluster: Cluster) -> None:
    """Cut off twice by hosts that last as long as any: it can't be placed, and it says how much time it had."""
    run = cluster.submit(builders.graph({"t1": []}))
    for number in range(2):
        agent = cluster.join(f"w{number}", builders.offer(1), ends_in=1000)
        assert holder_of(cluster, "t1") == agent.name
        cluster.tick(990)
        cluster.end_time(agent)
    assert "cut it off 2 times, lastly after 16 min of 17 min" in cluster.cause(run, 0)
    assert "ask for a longer walltime" in cluster.cause(run, 0)


def test_what_a_longer_host_may_run_waits_for_it(cluster: Cluster) -> None:
    """A node that short hosts cut off isn't given up as long as an agent is known that lasts longer."""
    cluster.leave(cluster.join("forever", builders.offer(1)), clean=True)
    run = cluster.submit(builders.graph({"t1": []}))
    for number in range(3):
        agent = cluster.join(f"w{number}", builders.offer(1), ends_in=1000)
        cluster.tick(990)
        cluster.end_time(agent)
    assert not cluster.run_is_over(run)
    assert cluster.queue() == ["t1"]
