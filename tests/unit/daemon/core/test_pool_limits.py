"""What pools are for: operators, owners, times of the week, and what their hosts may use."""

from datetime import UTC, datetime

import pytest

from accio.domain.caps import Cap
from accio.domain.maintenance import Maintenance
from accio.domain.pools import Budget
from accio.domain.windows import parse_windows
from accio_daemon.core.commands import ChangeCap
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.pools import Engine, join, known, pool, submit

HOUR_S = 3600.0
HOUR_MS = 3_600_000


def hours(cluster: Cluster, first: int, last: int) -> str:
    """Return a window from so many hours after the cluster's time until so many, both of less than a day, in UTC."""
    begin, end = (
        datetime.fromtimestamp(cluster.clock.now().wall_ms / 1000 + each * HOUR_S, UTC).strftime("%H:%M")
        for each in (first, last)
    )
    return f"{begin}-{end}"


def test_hosts_are_asked_for_only_for_the_operators_of_a_pool(cluster: Cluster) -> None:
    """Patterns of names decide; what no pool is for is said."""
    engine = Engine(cluster, pool(operators=("Nothing*",)))
    submit(cluster, 10)
    cluster.tick(2)
    assert engine.asked() == []
    (why,) = cluster.world.unservable
    assert "cpu: its hosts take only nodes of Nothing*" in why
    Engine(cluster, pool("other", operators=("Nothing", "No?e")))
    cluster.tick(2)
    assert known(cluster, "other").live == {}


def test_agents_of_a_pool_execute_its_operators_only(cluster: Cluster) -> None:
    """Whatever else they offer; and nothing fails for that, as another agent may come."""
    Engine(cluster, pool(operators=("Nothing",), minimum=1))
    cluster.tick(2)
    (number,) = known(cluster).live
    agent = join(cluster, number)
    submit(cluster, 3)
    cluster.tick(40)
    assert agent.attempts == {}
    cluster.join("w1", builders.offer(4))
    assert len(cluster.agents["w1"].attempts) == 3


def test_hosts_are_asked_for_only_for_the_owners_of_a_pool(cluster: Cluster) -> None:
    """For nodes of others there is no pool, which `why` says; agents take the owners' nodes alone, also said again."""
    engine = Engine(cluster, pool(owners=frozenset({"ada@example.org"})))
    other = cluster.submit(builders.graph({"b": []}), owner="Bo <bo@example.org>")
    cluster.tick(2)
    assert engine.asked() == []
    assert "cpu: its hosts take only nodes of ada@example.org" in cluster.why(other, 0)
    cluster.submit(builders.graph({"a": []}), owner="Ada <ada@example.org>")
    cluster.tick(2)
    (number,) = engine.asked()
    agent = join(cluster, number)
    assert [held.node.split("/")[1] for held in agent.attempts.values()] == ["a"]
    assert cluster.world.agent_names[agent.name].owners == {"ada@example.org"}


def test_hosts_are_asked_for_at_their_times_only(cluster: Cluster) -> None:
    """Before, the pool is closed and says for how long; then hosts are asked for; afterwards those that wait are given
    up, agents get no more, and what runs goes on.
    """
    engine = Engine(cluster, pool(during=parse_windows(hours(cluster, 1, 3)), minimum=1))
    submit(cluster, 3)
    cluster.tick(2)
    assert engine.asked() == []
    assert "cpu: hosts are asked for during" in cluster.world.unservable[0]
    cluster.tick(HOUR_S)
    number, *_ = engine.asked()
    agent = join(cluster, number)
    first = dict(agent.attempts)
    assert len(first) == 2
    cluster.tick(2 * HOUR_S)
    assert not known(cluster).open
    cluster.leave(agent)
    cluster.tick(40)
    assert set(cluster.world.agent_names[agent.name].attempts) == set(first), (
        "its host isn't over: what it has stays with it while it is lost"
    )
    cluster.rejoin(agent, allocation=("cpu", number))
    attempt = next(iter(first))
    cluster.ask(agent.telling(agent.end(builders.success(agent.next_seq, attempt, {"data": '"x"'}))))
    cluster.tick(2)
    assert len(agent.attempts) == 1, "what is queued waits, what runs goes on"
    assert known(cluster).live[number].cancelling, "it is kept during these times alone"


def test_what_takes_longer_than_is_left_is_not_begun(cluster: Cluster) -> None:
    """The end of a pool's times is that of its hosts for what is to be placed."""
    Engine(cluster, pool(during=parse_windows(hours(cluster, -1, 1)), minimum=1))
    cluster.tick(2)
    (number,) = known(cluster).live
    agent = join(cluster, number)
    ends = cluster.world.agent_names[agent.name].ends_mono
    assert ends is not None
    assert ends - cluster.clock.now().mono <= HOUR_S
    Engine(cluster, pool(minimum=1))
    cluster.tick(2)
    assert cluster.world.agent_names[agent.name].ends_mono is None


def maintained(cluster: Cluster, first: float, last: float) -> tuple[Maintenance, ...]:
    """Return a maintenance from so many hours after the cluster's time until so many."""
    now = cluster.clock.now().wall_ms
    return (Maintenance("new kernel", now + int(first * HOUR_MS), now + int(last * HOUR_MS)),)


def test_no_host_is_asked_for_that_would_run_into_a_maintenance(cluster: Cluster) -> None:
    """Neither before it, once a host's walltime reaches into it, nor while it lasts; `why` names it."""
    engine = Engine(cluster, pool(walltime=2 * HOUR_S, minimum=1, maintenance=maintained(cluster, 3, 5)))
    submit(cluster, 1)
    cluster.tick(2)
    (first,) = engine.asked()
    cluster.tick(1.5 * HOUR_S)
    Engine(cluster, pool(walltime=2 * HOUR_S, minimum=1, maintenance=known(cluster).spec.maintenance))
    assert not known(cluster).open
    submit(cluster, 40)
    cluster.tick(2)
    assert len(known(cluster).live) <= 1
    said = "a host lasts up to 2.0 h, and the maintenance 'new kernel' begins in 90 min"
    assert said in " ".join(cluster.world.unservable), cluster.world.unservable
    cluster.tick(2 * HOUR_S)
    assert not known(cluster).open
    assert "the maintenance 'new kernel' is over in" in " ".join(cluster.world.unservable)
    assert "no host is asked for: the maintenance 'new kernel' is over in" in " ".join(known(cluster).decision)
    cluster.restart()
    Engine(cluster, pool(walltime=2 * HOUR_S, minimum=1, maintenance=known(cluster).spec.maintenance))
    cluster.tick(2)
    assert not known(cluster).open
    before = set(known(cluster).live) | {first}
    cluster.tick(2 * HOUR_S)
    assert known(cluster).open
    assert set(known(cluster).live) - before


def test_hosts_without_an_end_are_asked_for_until_a_maintenance(cluster: Cluster) -> None:
    """Their agents begin nothing that would run into it, and the pool is closed while it lasts."""
    Engine(cluster, pool(walltime=None, minimum=1, maintenance=maintained(cluster, 1, 2)))
    cluster.tick(2)
    (number,) = known(cluster).live
    agent = join(cluster, number)
    ends = cluster.world.agent_names[agent.name].ends_mono
    assert ends is not None
    assert ends - cluster.clock.now().mono <= HOUR_S
    cluster.tick(HOUR_S)
    assert not known(cluster).open
    cluster.tick(HOUR_S)
    assert known(cluster).open
    assert cluster.world.agent_names[agent.name].ends_mono is None


def test_a_budget_is_never_exceeded(cluster: Cluster) -> None:
    """Hosts count with their whole walltime while they may last that long, and with what they used once they are over;
    what is over is remembered by the database.
    """
    engine = Engine(cluster, pool(walltime=HOUR_S, budget=Budget(total=5.0), minimum=4))  # a host uses 2 core-hours
    cluster.tick(2)
    assert len(engine.asked()) == 2
    cluster.tick(2)
    assert "0.0 of its budget of 5 core-hours are used, and 4.0 reserved" in " ".join(known(cluster).decision)
    first, second = engine.asked()
    engine.has(first, second, begun=True)
    agents = join(cluster, first), join(cluster, second)
    cluster.tick(1800)
    cluster.leave(agents[0], clean=True)
    engine.forgets(second)
    cluster.tick(2)
    assert known(cluster).used == pytest.approx(HOUR_S, rel=0.02)
    assert len(known(cluster).live) == 2, "one core-hour was used, two are reserved, two more fit"
    assert "1.0 of its budget of 5 core-hours are used" in " ".join(known(cluster).decision)
    cluster.restart()
    assert known(cluster).used == pytest.approx(HOUR_S, rel=0.02)


def test_a_budget_of_a_day_begins_anew_at_midnight(cluster: Cluster) -> None:
    """What was used today counts until then, and no longer; what runs over midnight counts on both days."""
    engine = Engine(cluster, pool(walltime=HOUR_S, budget=Budget(day=2.0), minimum=2))
    cluster.tick(2)
    (number,) = engine.asked()
    engine.has(number, begun=True)
    agent = join(cluster, number)
    cluster.tick(HOUR_S)
    cluster.leave(agent, clean=True)
    engine.forgets()
    cluster.tick(60)
    assert known(cluster).live == {}
    assert known(cluster).used_today == pytest.approx(2 * HOUR_S, rel=0.02)
    cluster.clock.advance(24 * HOUR_S)
    cluster.tick(2)
    assert len(known(cluster).live) == 1


def test_a_cap_counts_at_its_times(cluster: Cluster) -> None:
    """Before them and after them, everybody's counts instead, or none; also after a restart."""
    cluster.join("w1", builders.offer(8))
    during = parse_windows(hours(cluster, 1, 2))
    cluster.ask(ChangeCap(owner="ada@example.org", cap=Cap(nodes=1, during=during)))
    cluster.ask(ChangeCap(owner="everybody", cap=Cap(nodes=3)))
    run = cluster.submit(builders.graph({f"n{at}": [] for at in range(8)}), owner="Ada <ada@example.org>")
    agent = cluster.agents["w1"]
    assert len(agent.attempts) == 3
    cluster.tick(HOUR_S)
    (ada,) = [each for each in cluster.world.owners.known.values() if each.key == "ada@example.org"]
    assert ada.cap == Cap(nodes=1, during=during)
    assert "the cap is 1 node" in cluster.why(run, 7)
    cluster.restart()
    (ada,) = [each for each in cluster.world.owners.known.values() if each.key == "ada@example.org"]
    assert ada.cap == Cap(nodes=1, during=during)
    cluster.tick(HOUR_S)
    assert ada.cap == Cap(nodes=3)


def test_what_a_cap_never_holds_waits_for_its_times_to_end(cluster: Cluster) -> None:
    """A cap with times isn't said to keep something for ever."""
    cluster.join("w1", builders.offer(8))
    during = parse_windows(hours(cluster, -1, 1))
    cluster.ask(ChangeCap(owner="ada@example.org", cap=Cap(milli_cpus=500, during=during)))
    run = cluster.submit(builders.graph({"n": []}), owner="Ada <ada@example.org>")
    assert "never" not in cluster.why(run, 0)
    assert f"0.5 CPUs ({during})" in cluster.why(run, 0)
    cluster.tick(HOUR_S + 1)
    assert len(cluster.agents["w1"].attempts) == 1
