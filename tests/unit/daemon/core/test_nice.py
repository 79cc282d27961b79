"""Nice runs: behind all others, whoever submitted them and whenever, and never in the way of one."""

import pytest

from accio.domain.caps import Cap
from accio.domain.children import CLOSED_BY_KILL
from accio.domain.policies import FAIR, FIRST_COME
from accio_daemon.core.commands import ChangeCap
from accio_daemon.core.readings.workload import workload
from accio_daemon.core.terms import CacheMode, RunNo
from accio_daemon.core.world import Settings
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster

ADA, BO = "Ada <ada@example.org>", "Bo <bo@example.org>"


def submit(
    cluster: Cluster, name: str, *, nice: bool = False, owner: str = ADA, children: int = 1, cpus: float = 1
) -> RunNo:
    """Submit so many nodes of this name, nothing of which comes from the memo."""
    workflow = builders.graph({name: []}, swept=(name,), demands={name: builders.offer(cpus)})
    sweep = builders.sweep_of(children)
    return cluster.submit(workflow, sweep=sweep, owner=owner, nice=nice, cache=CacheMode.NONE)


def running(cluster: Cluster) -> list[str]:
    """Name what is at agents."""
    return sorted(held.node.split("/")[1] for agent in cluster.agents.values() for held in agent.attempts.values())


def end(cluster: Cluster, name: str, agent: str = "w1") -> None:
    """End one node of this name."""
    at = cluster.agents[agent]
    attempt = next(number for number, held in at.attempts.items() if held.node.endswith(name))
    cluster.ask(at.telling(at.end(builders.success(at.next_seq, attempt, {"data": '"x"'}))))


@pytest.mark.parametrize("policy", [FIRST_COME, FAIR])
@pytest.mark.parametrize("other", [ADA, BO])
def test_it_goes_behind_whatever_comes_later(make_cluster: MakeCluster, policy: str, other: str) -> None:
    """Nodes that were submitted after a nice run begin before it, one's own and others', under each policy."""
    cluster = make_cluster(settings=Settings(policy=policy))
    submit(cluster, "N", nice=True, children=3)
    submit(cluster, "A", owner=other, children=2)
    cluster.join("w1", builders.offer(1))
    order = []
    for _ in range(5):
        order += running(cluster)
        end(cluster, order[-1])
    assert order == ["A", "A", "N", "N", "N"]


def test_it_keeps_nobody_from_the_queue(make_cluster: MakeCluster) -> None:
    """As many queued nodes of a nice run as may be keep no child of the same person's other run from being opened."""
    cluster = make_cluster(settings=Settings(backlog=2))
    submit(cluster, "N", nice=True, children=20)
    later = submit(cluster, "N", children=3)
    assert sum(1 for _ in cluster.run(later).open) >= 2


def test_it_leaves_room_for_what_is_large(make_cluster: MakeCluster) -> None:
    """Where a large node waits, what becomes free isn't taken by nice ones; where none could take it, it is."""
    cluster = make_cluster(settings=Settings())
    submit(cluster, "N", nice=True, children=9)
    cluster.join("w1", builders.offer(4))
    cluster.join("w2", builders.offer(2))
    assert running(cluster) == ["N"] * 6
    large = submit(cluster, "L", owner=BO, cpus=3)
    end(cluster, "N", "w2")
    assert len(cluster.agents["w2"].attempts) == 2
    end(cluster, "N")
    assert len(cluster.agents["w1"].attempts) == 3
    assert cluster.why(large, 0).startswith("waits for room for 3 CPU")
    end(cluster, "N")
    end(cluster, "N")
    assert sorted(held.node.split("/")[1] for held in cluster.agents["w1"].attempts.values()) == ["L", "N"]


def test_it_takes_the_room_again_when_nobody_waits_for_it(make_cluster: MakeCluster) -> None:
    """Once the large node that room was left for is killed, nice ones have it at once."""
    cluster = make_cluster(settings=Settings())
    submit(cluster, "N", nice=True, children=9)
    cluster.join("w1", builders.offer(4))
    large = submit(cluster, "L", owner=BO, cpus=4)
    end(cluster, "N")
    assert running(cluster) == ["N"] * 3
    cluster.kill(large)
    assert running(cluster) == ["N"] * 4


def test_what_it_shares_with_others_is_theirs(make_cluster: MakeCluster) -> None:
    """A node that another run wants too isn't nice, until that run wants it no more."""
    cluster = make_cluster(settings=Settings())
    workflow = builders.graph({"S": []})
    cluster.submit(workflow, nice=True)
    submit(cluster, "A", owner=BO, children=2)
    shared = cluster.submit(workflow, owner=BO)
    (execution,) = [each for each in cluster.world.executions.values() if len(each.subscribers) == 2]
    assert next(iter(cluster.world.queue)) is execution  # at the place of the first who wanted it
    cluster.kill(shared)
    cluster.join("w1", builders.offer(2))
    assert running(cluster) == ["A", "A"]


def test_it_stays_nice_over_restarts(make_cluster: MakeCluster) -> None:
    """What runs are nice is kept in the database."""
    cluster = make_cluster(settings=Settings())
    nice = submit(cluster, "N", nice=True, children=3)
    other = submit(cluster, "A", owner=BO)
    cluster.restart()
    assert (cluster.run(nice).nice, cluster.run(other).nice) == (True, False)
    cluster.join("w1", builders.offer(1))
    assert running(cluster) == ["A"]


def test_a_large_nice_node_has_nothing_held_back(make_cluster: MakeCluster) -> None:
    """However long it waits: held back, a place would be one that others lack."""
    cluster = make_cluster(settings=Settings(reserve_after=5.0))
    cluster.join("w1", builders.offer(2))
    submit(cluster, "A", children=2)
    large = submit(cluster, "N", nice=True, cpus=2)
    cluster.tick(8)
    assert not cluster.world.holding
    assert cluster.nodes(large) == {"N": "queued"}


def test_it_is_told(make_cluster: MakeCluster) -> None:
    """The workload lists it behind what came later, and a waiting node says why."""
    cluster = make_cluster(settings=Settings())
    cluster.join("w1", builders.offer(1))
    submit(cluster, "A", children=3)
    nice = submit(cluster, "N", nice=True, children=2)
    submit(cluster, "B", owner=BO)
    load = workload(cluster.world, cluster.clock.now())
    assert [each.nice for each in load.runs] == [False, False, True]
    assert cluster.why(nice, 0).endswith("on w1; its run is nice: 3 queued nodes of runs that aren't come first")


def test_a_kill_leaves_nothing_for_nice_nodes_to_wait_behind(make_cluster: MakeCluster) -> None:
    """While a kill takes several decisions, nothing of the run begins, and nice nodes begin right after it."""
    cluster = make_cluster(settings=Settings(killed_at_once=1))
    killed = submit(cluster, "A", owner=BO, children=4, cpus=2)
    submit(cluster, "N", nice=True, children=2)
    cluster.kill(killed)
    assert cluster.world.runs.get(killed) is None or cluster.run(killed).closed == CLOSED_BY_KILL
    cluster.join("w1", builders.offer(2))
    assert running(cluster) == ["N", "N"]


def test_it_leaves_room_for_what_a_cap_kept_back_when_the_agent_came(make_cluster: MakeCluster) -> None:
    """Who can take a node is found out for those, too, whose owner had as much as he may have when an agent joined."""
    cluster = make_cluster(settings=Settings())
    cluster.ask(ChangeCap(owner="bo@example.org", cap=Cap(nodes=1)))
    submit(cluster, "A", owner=BO)
    submit(cluster, "L", owner=BO, cpus=2)
    submit(cluster, "N", nice=True, children=3)
    cluster.join("w1", builders.offer(2))
    assert running(cluster) == ["A", "N"]
    end(cluster, "A")
    assert running(cluster) == ["N"]
    end(cluster, "N")
    assert running(cluster) == ["L"]
