"""Pools: how many hosts are asked for, and what becomes of each allocation."""

import pytest

from accio.domain.pools import AllocationState, PoolSpec
from accio.errors import BadRequest, FailedPrecondition, NotFound
from accio_daemon.core.pools.commands import AllocationsRefused, ChangePool
from accio_daemon.engine.views import pools_view
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster
from tests.unit.daemon.core.pools import ENDED, FAILED, LOST, Engine, ended, join, known, pool, submit


def test_an_empty_queue_asks_for_nothing(cluster: Cluster) -> None:
    """Without anything that waits no host is asked for."""
    engine = Engine(cluster, pool())
    cluster.tick(10)
    assert engine.asked() == []
    assert known(cluster).decision == ("nothing is queued that needs another host",)


def test_why_there_are_hosts_without_work_is_told(cluster: Cluster) -> None:
    """As long as some are kept, the decision says so, also once they are there; so does what gives them back."""
    engine = Engine(cluster, pool(minimum=2))
    cluster.tick(2)
    engine.has(1, 2, begun=True)
    cluster.tick(2)
    assert known(cluster).decision == ("2 hosts are kept, whatever is queued",)
    for kept in (1, 0):
        cluster.ask(ChangePool(name="cpu", floor=kept))
        cluster.tick(2)
    reasons = {each.no: each.reason for each in known(cluster).live.values() if each.cancelling}
    assert reasons == {2: "1 host is kept now", 1: "no hosts are kept now"}


def test_why_an_engine_has_not_taken_an_allocation_in_is_told(cluster: Cluster) -> None:
    """The words of the one who asks for it, else those for why the engine is silent; none once it is there."""
    engine = Engine(cluster, pool(minimum=2))
    cluster.tick(2)
    engine.is_silent("lab1 doesn't answer")
    assert {each.reason for each in known(cluster).live.values()} == {"lab1 doesn't answer"}
    assert (
        pools_view(cluster.world, cluster.clock.now()).pools[0].decision[-1]
        == "the engine doesn't answer: lab1 doesn't answer"
    )
    engine.has(reasons={1: "no machine is free"})
    reasons = dict(cluster.disk.rows("SELECT no, reason FROM allocations"))
    assert reasons == {1: "no machine is free", 2: ""}
    engine.has(1, 2)
    assert {each.reason for each in known(cluster).live.values()} == {""}
    engine.is_silent("lab1 doesn't answer")
    engine.leave()
    assert "the engine" not in str(pools_view(cluster.world, cluster.clock.now()).pools[0].decision)


def test_a_pool_whose_engine_is_silent_does_not_serve(cluster: Cluster) -> None:
    """It says so for as long as the engine doesn't tell what it has; of one that serves a part, that it serves."""
    engine = Engine(cluster, pool())

    def state() -> str:
        return pools_view(cluster.world, cluster.clock.now()).pools[0].state

    assert state() == "serving"
    engine.is_silent("the controller doesn't answer")
    assert state() == "silent"
    engine.has()
    assert state() == "serving"
    engine.is_silent("the controller doesn't answer")
    cluster.ask(ChangePool(name="cpu", paused=True))
    assert state() == "paused"
    cluster.ask(ChangePool(name="cpu", paused=False))
    engine.has_partly("lab2 doesn't answer")
    assert state() == "serving"
    engine.is_silent("the controller doesn't answer")
    engine.leave()
    assert state() == "away"


def test_unknown_nodes_are_tried_on_one_host_first(cluster: Cluster) -> None:
    """Of nodes of which nobody knows how long they take, one host is asked for; then twice as many."""
    engine = Engine(cluster, pool())
    submit(cluster, 100)
    cluster.tick(2)
    assert engine.asked() == [1]
    engine.has(1)
    assert (engine.asked(), engine.kept()) == ([], [1])
    cluster.tick(2)
    assert engine.asked() == []
    join(cluster, 1)
    cluster.tick(2)
    assert engine.asked() == []
    assert "it is waited for what the newest agent shows" in known(cluster).decision[-1]
    cluster.tick(2)
    assert engine.asked() == [2]
    join(cluster, 2)
    cluster.tick(4)
    assert engine.asked() == [3, 4]
    join(cluster, 3)
    join(cluster, 4)
    cluster.tick(4)
    assert engine.asked() == []
    assert known(cluster).decision[-1].endswith("4 of at most 4 are there")


def test_short_work_is_not_worth_another_host(cluster: Cluster) -> None:
    """Where it is known that what waits is over soon on what is there, nothing is asked for."""
    engine = Engine(cluster, pool(worth=100.0))
    cluster.join("w1", builders.offer(1))
    for number in range(3):
        submit(cluster, 1, start=number)
        cluster.succeed(f"t{number}", wall_us=1_000_000)
    submit(cluster, 60, start=10)
    cluster.tick(2)
    assert engine.asked() == []
    submit(cluster, 600, start=100)
    cluster.tick(2)
    assert len(engine.asked()) == 3  # 661 s of work, less what w1 takes, for 200 s on each host


def test_no_more_wait_at_the_engine_than_may(cluster: Cluster) -> None:
    """At most `pending` allocations wait at the engine at a time."""
    engine = Engine(cluster, pool(minimum=4, pending=2))
    cluster.tick(2)
    assert engine.asked() == [1, 2]
    engine.has(1, 2)
    cluster.tick(2)
    assert engine.asked() == []
    engine.has(1, 2, begun=True)
    cluster.tick(2)
    assert engine.asked() == [3, 4]


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (pool(host=builders.offer(0.5)), "they need 1 CPU, and a host has 0.5 CPUs"),
        (pool(walltime=60.0), "they need about 2 min, and a host lasts 52 s"),
    ],
)
def test_what_no_host_could_take_asks_for_none(cluster: Cluster, spec: PoolSpec, why: str) -> None:
    """Demand that no allocation could serve submits nothing, and says what doesn't fit."""
    teacher = cluster.join("teacher", builders.offer(1))
    for number in range(5):
        submit(cluster, 1, start=number)
        cluster.succeed(f"t{number}", wall_us=100_000_000)
    cluster.leave(teacher, clean=True)
    engine = Engine(cluster, spec)
    submit(cluster, 10, start=10)
    cluster.tick(60)
    assert engine.asked() == []
    assert cluster.world.numbers.allocation == 0
    (line,) = cluster.world.unservable
    assert why in line


def test_what_a_whole_host_cut_off_is_worth_another_and_no_third(cluster: Cluster) -> None:
    """What ran to the end of a host's time may need a little more than it had: it gets one more host of the only kind
    that there is, and fails if that isn't enough, either.
    """
    engine = Engine(cluster, pool(walltime=400.0))
    submit(cluster, 1)
    for number in (1, 2):
        cluster.tick(60)
        assert engine.asked() == [number], cluster.world.unservable
        engine.has(number, begun=True)
        agent = join(cluster, number, ends_in=385.0)
        assert len(agent.attempts) == 1
        cluster.tick(384)
        cluster.end_time(agent)
        engine.has()
    cluster.tick(600)
    assert engine.asked() == []
    assert cluster.queue() == []


def test_a_second_pool_takes_what_the_first_cannot(cluster: Cluster) -> None:
    """Nodes are asked for at the first pool in order that can take them."""
    engine = Engine(cluster, pool("small", host=builders.offer(0.5)), pool("large"))
    submit(cluster, 3)
    cluster.tick(2)
    assert (engine.asked("small"), engine.asked("large")) == ([], [1])


def test_what_nobody_fits_waits_for_a_pool(make_cluster: MakeCluster) -> None:
    """A node that is too large for every agent that is there doesn't fail as long as a pool has hosts for it."""
    cluster = make_cluster()
    Engine(cluster, pool(host=builders.offer(8), maximum=1))
    cluster.join("w1", builders.offer(1))
    run = cluster.submit(builders.graph({"t1": []}, demands={"t1": builders.offer(4)}))
    cluster.tick(cluster.settings.lease + 2)
    assert not cluster.run_is_over(run)


def test_allocations_run_and_end(cluster: Cluster) -> None:
    """An allocation is pending, runs, has an agent, and has ended once this has left and the engine lacks it."""
    engine = Engine(cluster, pool())
    submit(cluster, 1)
    cluster.tick(2)
    engine.has(1)
    assert known(cluster).live[1].state is AllocationState.PENDING
    agent = join(cluster, 1)
    assert known(cluster).live[1].state is AllocationState.RUNNING
    cluster.succeed("t0")
    cluster.leave(agent, clean=True, reason="nothing to do")
    engine.forgets()
    assert ended(cluster) == {1: (ENDED, "nothing to do")}


def test_an_agents_word_counts_for_more_than_the_engines(cluster: Cluster) -> None:
    """As long as its agent is connected, an allocation that the engine doesn't know runs; then it is lost."""
    engine = Engine(cluster, pool())
    submit(cluster, 1)
    cluster.tick(2)
    agent = join(cluster, 1)
    engine.forgets()
    assert known(cluster).live[1].state is AllocationState.RUNNING
    cluster.leave(agent)
    engine.forgets()
    assert ended(cluster) == {1: (LOST, "its agent cpu-1 vanished")}


def test_failures_make_a_pool_wait(cluster: Cluster) -> None:
    """After allocations without an agent, less and less is asked for; one that joins makes good for all."""
    engine = Engine(cluster, pool())
    submit(cluster, 100)
    cluster.tick(2)
    requested = []
    for seconds in (6, 31, 901, 1801):
        (number,) = engine.asked()
        requested.append(number)
        engine.has(number, begun=True)
        engine.has(reasons={number: "no such module"})
        engine.has(reasons={number: "no such module"})
        cluster.tick(2)
        assert engine.asked() == []
        assert "no such module" in known(cluster).decision[-1]
        cluster.tick(seconds)
    assert requested == [1, 2, 3, 4]
    assert ended(cluster)[4] == (FAILED, "no such module")
    join(cluster, 5)
    cluster.tick(4)
    assert (known(cluster).problem, engine.asked()) == ("", [6])


def test_a_refusal_is_a_failure(cluster: Cluster) -> None:
    """What the engine refuses has failed with its words; `resume` tries again at once."""
    engine = Engine(cluster, pool())
    submit(cluster, 1)
    cluster.tick(2)
    cluster.ask(AllocationsRefused(session=engine.session, pool="cpu", refused={1: "no such partition"}))
    assert ended(cluster) == {1: (FAILED, "no such partition")}
    cluster.tick(3)
    assert engine.asked() == []
    cluster.ask(ChangePool(name="cpu", paused=False))
    cluster.tick(1)
    assert engine.asked() == [2]


def test_nobody_joins_for_ever(cluster: Cluster) -> None:
    """An allocation that began five minutes ago and has no agent is given up, and has failed once it is gone."""
    engine = Engine(cluster, pool())
    submit(cluster, 1)
    cluster.tick(2)
    engine.has(1, begun=True)
    cluster.tick(299)
    assert engine.kept() == [1]
    cluster.tick(5)
    assert engine.kept() == []
    engine.forgets()
    assert ended(cluster)[1] == (FAILED, "no agent joined within 300 s of its beginning")


def test_what_is_not_needed_any_more_is_given_up(cluster: Cluster) -> None:
    """Pending allocations are given up two minutes after the queue has nothing for them; not before."""
    engine = Engine(cluster, pool())
    run = cluster.submit(builders.graph({"t1": []}))
    cluster.tick(2)
    engine.has(1)
    cluster.kill(run)
    cluster.tick(110)
    assert engine.kept() == [1]
    cluster.tick(15)
    assert engine.kept() == []
    engine.forgets()
    assert ended(cluster) == {1: (ENDED, "nothing is queued for it any more")}


def test_an_agent_of_what_was_given_up_is_turned_away(cluster: Cluster) -> None:
    """An allocation that isn't wanted, or isn't known, has no place for an agent; nor has one for two."""
    Engine(cluster, pool())
    submit(cluster, 1)
    cluster.tick(2)
    join(cluster, 1, name="first")
    with pytest.raises(FailedPrecondition, match="is that of agent first"):
        join(cluster, 1, name="second")
    with pytest.raises(FailedPrecondition, match="was given up"):
        join(cluster, 2)
    assert "second" not in cluster.world.agent_names


def test_hosts_are_kept_as_the_user_says(cluster: Cluster) -> None:
    """`scale` keeps allocations that last whatever is queued, and gives up those beyond."""
    engine = Engine(cluster, pool(minimum=1))
    cluster.tick(2)
    assert engine.wanted["cpu"].submit == ((1, True),)
    cluster.ask(ChangePool(name="cpu", floor=3))
    cluster.tick(2)
    assert engine.asked() == [1, 2, 3]
    cluster.restart()
    engine = Engine(cluster, pool(minimum=1))
    cluster.tick(2)
    assert engine.asked() == [1, 2, 3]
    cluster.ask(ChangePool(name="cpu", by_file=True))
    cluster.tick(2)
    assert engine.asked() == [1]
    with pytest.raises(BadRequest, match="at most 4"):
        cluster.ask(ChangePool(name="cpu", floor=5))
    with pytest.raises(NotFound, match=r"known pools: cpu\. It is known once `accio pool serve`"):
        cluster.ask(ChangePool(name="gpu", paused=True))


def test_paused_pools_ask_for_nothing(cluster: Cluster) -> None:
    """A paused pool asks for nothing, and what waits is said to have no pool; what it has stays."""
    engine = Engine(cluster, pool())
    submit(cluster, 1)
    cluster.tick(2)
    engine.has(1)
    cluster.ask(ChangePool(name="cpu", paused=True))
    submit(cluster, 100, start=5)
    cluster.tick(2)
    assert (engine.asked(), engine.kept()) == ([], [1])
    assert "cpu: it is paused" in cluster.world.unservable[0]


def test_nothing_is_concluded_while_a_pool_is_away(cluster: Cluster) -> None:
    """Without its process a pool asks for nothing, and forgets nothing; the next process is told all of it."""
    engine = Engine(cluster, pool())
    submit(cluster, 1)
    cluster.tick(2)
    engine.has(1)
    engine.leave()
    submit(cluster, 100, start=5)
    cluster.tick(400)
    assert list(known(cluster).live) == [1]
    again = Engine(cluster, pool(), server="s2")
    assert again.kept() == [1]


def test_two_processes_do_not_serve_one_pool(cluster: Cluster) -> None:
    """A second process for a pool is refused as long as the first serves it."""
    engine = Engine(cluster, pool())
    with pytest.raises(FailedPrecondition, match="another process serves the pool cpu"):
        Engine(cluster, pool(), server="s2")
    engine.leave()
    Engine(cluster, pool(), server="s2")


def test_a_restart_loses_no_allocation(cluster: Cluster) -> None:
    """Allocations, their agents and the numbers that were given survive the daemon."""
    engine = Engine(cluster, pool(minimum=2))
    cluster.tick(2)
    engine.has(1, 2, begun=True)
    join(cluster, 1)
    cluster.restart()
    assert {number: each.agent for number, each in known(cluster).live.items()} == {1: "cpu-1", 2: ""}
    engine = Engine(cluster, pool(minimum=3))
    cluster.tick(2)
    assert (engine.asked(), engine.kept()) == ([3], [1, 2])


def test_a_waiting_node_knows_of_pools(cluster: Cluster) -> None:
    """Why a node waits says which pool brings hosts for it, or why none does."""
    Engine(cluster, pool("small", host=builders.offer(0.5)), pool())
    run = cluster.submit(builders.graph({"t1": []}))
    cluster.tick(2)
    assert cluster.why(run, 0).endswith("; the pool cpu has 1 host on the way (accio pool why cpu)")
    cluster.ask(ChangePool(name="cpu", paused=True))
    why = cluster.why(run, 0)
    assert why.endswith(
        "; no pool brings a host for it (small: they need 1 CPU, and a host has 0.5 CPUs; cpu: it is paused)"
    ), why


def test_a_bad_host_is_left_out_and_not_the_pool(cluster: Cluster) -> None:
    """A host on which agents don't start, while they do on others, is left out for an hour; the pool goes on."""
    engine = Engine(cluster, pool(minimum=2))
    cluster.tick(2)
    engine.has(1, begun=True, hosts={1: "good"})
    join(cluster, 1)
    for number in (2, 3):
        assert engine.asked() == [number]
        assert engine.excluded() == []
        engine.has(1, number, begun=True, hosts={1: "good", number: "bad"})
        engine.forgets(1)
        cluster.tick(7)
    assert engine.excluded() == ["bad"]
    assert engine.asked() == [4]
    assert "bad for 60 min" in known(cluster).decision[-1]
    engine.has(1, 4, begun=True, hosts={1: "good", 4: "other"})
    join(cluster, 4)
    cluster.tick(3600)
    assert engine.excluded() == []


def test_where_every_host_fails_the_pool_is_to_blame(cluster: Cluster) -> None:
    """Without an agent on any other host no host is left out: the pool backs off."""
    engine = Engine(cluster, pool(minimum=1))
    cluster.tick(2)
    for number in (1, 2):
        assert engine.asked() == [number]
        engine.has(number, begun=True, hosts={number: "h1"})
        engine.forgets()
        cluster.tick(33)
    assert (known(cluster).shunned, known(cluster).failures) == ({}, 2)


@pytest.mark.parametrize("restarted", [False, True])
def test_what_ran_on_a_host_that_was_given_back_runs_elsewhere(cluster: Cluster, restarted: bool) -> None:
    """An agent whose allocation has ended won't return from there, whenever the daemon began: another host is asked
    for, though nobody else could take its work over.
    """
    engine = Engine(cluster, pool())
    submit(cluster, 1)
    cluster.tick(2)
    engine.has(1, begun=True)
    agent = join(cluster, 1)
    assert agent.attempt_of("t0")
    cluster.leave(agent)
    engine.forgets()
    assert ended(cluster)[1][0] == LOST
    if restarted:
        cluster.restart()
        engine = Engine(cluster, pool())
    cluster.tick(cluster.settings.lease + 2)
    cluster.tick(2)
    assert engine.asked() == [2]
