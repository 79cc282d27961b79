"""The policy that is fair: who used least lately is served first, nobody starves, and nothing idles beside work."""

import pytest

from accio.domain.policies import FAIR, FIRST_COME
from accio_daemon.core.policies import LOOK_AHEAD
from accio_daemon.core.readings.forecast import Forecaster, Spread
from accio_daemon.core.readings.workload import workload
from accio_daemon.core.world import Settings
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster

ADA, BO, CY = "Ada <ada@example.org>", "Bo <bo@example.org>", "Cy <cy@example.org>"


def sweep(cluster: Cluster, name: str, owner: str, children: int, cpus: float = 1) -> None:
    """Submit many nodes of this name."""
    workflow = builders.graph({name: []}, swept=(name,), demands={name: builders.offer(cpus)})
    cluster.submit(workflow, sweep=builders.sweep_of(children), owner=owner)


def running(cluster: Cluster) -> list[str]:
    """Name what is at agents."""
    return sorted(held.node.split("/")[1] for agent in cluster.agents.values() for held in agent.attempts.values())


@pytest.fixture
def fair(make_cluster: MakeCluster) -> Cluster:
    """Make a cluster whose daemon is fair."""
    return make_cluster(settings=Settings(policy=FAIR))


def test_free_hosts_are_shared_out_at_one_moment(fair: Cluster) -> None:
    """Those who have used nothing get equal parts, however much the first of them submitted before."""
    sweep(fair, "A", ADA, 20)
    sweep(fair, "B", BO, 20)
    sweep(fair, "C", CY, 1)
    fair.join("w1", builders.offer(7))
    assert running(fair) == ["A", "A", "A", "B", "B", "B", "C"]


def test_first_come_stays_first_served_by_default(make_cluster: MakeCluster) -> None:
    """Without the policy, the earlier run has all."""
    cluster = make_cluster(settings=Settings())
    assert cluster.settings.policy == FIRST_COME
    sweep(cluster, "A", ADA, 20)
    sweep(cluster, "B", BO, 20)
    cluster.join("w1", builders.offer(4))
    assert running(cluster) == ["A"] * 4


def test_who_comes_later_gets_what_becomes_free(fair: Cluster) -> None:
    """Somebody who has used nothing comes before the one whose nodes have run for long: nothing is preempted."""
    sweep(fair, "A", ADA, 20)
    fair.join("w1", builders.offer(2))
    fair.tick(300)
    sweep(fair, "B", BO, 5)
    assert running(fair) == ["A", "A"]
    end(fair, "A")
    assert running(fair) == ["A", "B"]
    end(fair, "A")
    assert running(fair) == ["B", "B"]


def test_memory_of_use_outlives_the_daemon(fair: Cluster) -> None:
    """After a restart, who has used much is still behind who hasn't."""
    sweep(fair, "A", ADA, 1)
    agent = fair.join("w1")
    fair.tick(600)
    end(fair, "A")
    fair.leave(agent, clean=True)
    fair.restart()
    sweep(fair, "X", ADA, 3)
    sweep(fair, "B", BO, 3)
    fair.join("w2")
    assert running(fair) == ["B"]


def test_one_owner_with_long_nodes_and_one_with_short_ones_get_equal_time(make_cluster: MakeCluster) -> None:
    """While all have work, core-seconds are equal, whatever single nodes take or demand; no CPU idles meanwhile."""
    cluster = make_cluster(settings=Settings(policy=FAIR))
    cluster.checked = False
    cluster.join("w1", builders.offer(6))
    lengths = {"A": (ADA, 30, 1), "B": (BO, 5, 2), "C": (CY, 1, 1)}
    for name, (owner, _, cpus) in lengths.items():
        sweep(cluster, name, owner, 3000, cpus)
    agent = cluster.agents["w1"]
    begun: dict[int, int] = {}
    for second in range(1200):
        for attempt in agent.attempts:
            begun.setdefault(attempt, second)
        reserved = cluster.world.agent_names["w1"].account.used()
        assert reserved.milli_cpus == 6000
        cluster.tick(1.0)
        for attempt, held in list(agent.attempts.items()):
            if second + 1 - begun[attempt] >= lengths[held.node.split("/")[1]][1]:
                cluster.ask(agent.telling(agent.end(builders.success(agent.next_seq, attempt, {"data": '"x"'}))))
    now = cluster.clock.now().mono
    used = {owner.person.name: owner.used(now) for owner in cluster.world.owners.known.values()}
    assert sum(used.values()) == pytest.approx(7200, rel=0.05)
    assert all(each == pytest.approx(2400, rel=0.1) for each in used.values()), used


def test_the_workload_shows_whom_the_queue_serves_first(fair: Cluster) -> None:
    """Runs stand in the order in which they are served now, and a waiting node says who comes before it."""
    sweep(fair, "A", ADA, 4)
    fair.join("w1")
    fair.tick(20)
    sweep(fair, "B", BO, 4)
    load = workload(fair.world, fair.clock.now())
    assert [each.owner.person.name for each in load.runs] == ["Bo", "Ada"]
    run = next(run for run in fair.world.runs.values() if run.owner.person.name == "Ada")
    assert fair.why(run.no, 0, index=1).endswith("on w1; Bo <bo@example.org> used less lately, and comes first")


def test_a_large_node_of_who_is_served_first_isn_t_starved_by_small_ones(make_cluster: MakeCluster) -> None:
    """Capacity is held back for it, as for any head that waits too long."""
    cluster = make_cluster(settings=Settings(policy=FAIR, reserve_after=5.0))
    cluster.join("w1", builders.offer(2))
    sweep(cluster, "A", ADA, 10)
    sweep(cluster, "L", BO, 1, cpus=2)
    cluster.tick(6)
    end(cluster, "A")
    end(cluster, "A")
    assert running(cluster) == ["L"]


def end(cluster: Cluster, name: str) -> None:
    """End one node of this name in success."""
    agent, attempt = next(
        (agent, attempt)
        for agent in cluster.agents.values()
        for attempt, held in agent.attempts.items()
        if held.node.endswith(f"/{name}")
    )
    cluster.ask(agent.telling(agent.end(builders.success(agent.next_seq, attempt, {"data": '"x"'}))))


def ends(cluster: Cluster) -> dict[str, tuple[float, float]]:
    """Forecast each owner's run, if a node takes 10 seconds, and tell when it ends at least and at most."""
    load = workload(cluster.world, cluster.clock.now())
    forecaster = Forecaster(load, {no: Spread(low=10.0, high=10.0, measured=64) for no, _ in load.demands})
    found = {run.owner.person: forecaster.serve(run.rests, run.owner, nice=run.nice) for run in load.runs}
    assert not any(each.why for each in found.values())
    return {str(person).split()[0]: (each.low, each.high) for person, each in found.items()}


def test_forecasts_share_hosts_out_as_the_queue_does(fair: Cluster) -> None:
    """Whoever has little to do isn't behind all that somebody else submitted before, but beside an equal part of it;
    the other one ends when everything has been done.
    """
    fair.join("w1", builders.offer(1))
    sweep(fair, "A", ADA, 100)
    sweep(fair, "B", BO, 4)
    found = ends(fair)
    ada, bo = found["Ada"], found["Bo"]
    at_agents = LOOK_AHEAD  # what Ada's node at the agent counts as: so much Bo gets first
    assert bo[0] == pytest.approx(40 + max(0.0, 40 - at_agents), abs=10)
    assert bo[1] <= 100
    assert ada[0] == pytest.approx(1040, abs=10)
    assert ada[1] == pytest.approx(1050, abs=10)


def test_forecasts_know_who_used_much(fair: Cluster) -> None:
    """Who used nothing is served before, as far as what the other one used goes; then both share."""
    fair.join("w1", builders.offer(1))
    sweep(fair, "A", ADA, 100)
    fair.tick(100)
    end(fair, "A")  # Ada used 100 core-seconds
    sweep(fair, "B", BO, 30)
    found = ends(fair)
    behind = 100 + LOOK_AHEAD
    assert found["Bo"][0] == pytest.approx(300 + (300 - behind), abs=15)
    assert found["Ada"][0] == pytest.approx(990 + 300, abs=15)


def test_forecasts_without_the_policy_are_in_the_order_of_the_queue(make_cluster: MakeCluster) -> None:
    """Then the second one waits for all of the first."""
    cluster = make_cluster(settings=Settings())
    cluster.join("w1", builders.offer(1))
    sweep(cluster, "A", ADA, 100)
    sweep(cluster, "B", BO, 4)
    assert min(span[0] for span in ends(cluster).values()) == pytest.approx(1000, abs=10)
    assert max(span[0] for span in ends(cluster).values()) == pytest.approx(1040, abs=10)
