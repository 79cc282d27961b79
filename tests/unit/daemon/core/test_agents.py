"""Agents: leases, losses, what a re-join brings, drains, goodbyes, grants and work sent ahead."""

import pytest

from accio.errors import FailedPrecondition, NotFound
from accio_daemon.core.commands import (
    AgentDraining,
    AgentHeard,
    AgentLost,
    AgentReports,
    DrainAgent,
    Holding,
    RemoveAgent,
    Tick,
)
from accio_daemon.core.terms import AttemptNo, SessionNo
from accio_daemon.core.world import Settings
from tests import builders
from tests.fakes import FakeAgent
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster
from tests.unit.daemon.core.sent_ahead import MANY, quick

A = builders.graph({"A": []})


def test_a_silent_agent_is_lost_after_the_lease_and_not_before(cluster: Cluster) -> None:
    """What it ran returns to the queue; another silent for less keeps its work."""
    cluster.submit(A)
    silent = cluster.join("w1")
    cluster.submit(builders.graph({"B": []}))
    cluster.join("w2")
    cluster.tick(14.0, silent=("w1",))
    assert silent.running()
    assert cluster.queue() == []
    cluster.tick(2.0, silent=("w1",))
    assert cluster.queue() == ["A"]
    assert silent.goodbyes
    assert cluster.agents["w2"].running()


def test_a_suspect_agent_gets_no_new_work_until_it_is_heard(cluster: Cluster) -> None:
    """Silence of a few seconds is enough to look elsewhere."""
    agent = cluster.join()
    cluster.tick(7.0, silent=("w1",))
    cluster.submit(A)
    assert agent.attempts == {}
    assert agent.session is not None
    cluster.ask(AgentHeard(session=agent.session))
    assert agent.running()


def test_the_last_loss_makes_a_node_lost(make_cluster: MakeCluster) -> None:
    """Three agents may be lost under a node; the fourth ends it, and cancels what follows."""
    cluster = make_cluster(settings=Settings(max_losses=3))
    run = cluster.submit(builders.graph({"A": [], "B": ["A"]}))
    for number in range(4):
        assert cluster.state_of(run, "A") == "queued"
        cluster.lose(cluster.join(f"w{number}"))
    assert cluster.nodes(run) == {"A": "lost", "B": "cancelled"}
    assert cluster.state(run) == "failed"
    assert cluster.disk.rows("SELECT count(*) FROM attempts WHERE state = 3") == [(4,)]


def test_an_outage_of_the_only_agent_is_no_loss(cluster: Cluster) -> None:
    """However long and often it is cut off, what it runs stays with it, and goes on when it is back."""
    run = cluster.submit(A)
    agent = cluster.join()
    attempt = agent.attempt_of("A")
    for _ in range(5):
        cluster.vanish(agent)
        assert (cluster.state_of(run, "A"), cluster.queue()) == ("running", [])
        assert "stays there until w1 is back or removed" in cluster.why(run, 0)
        cluster.rejoin(agent)
        assert agent.attempt_of("A") == attempt
        assert cluster.why(run, 0) == ""
    cluster.succeed("A")
    assert cluster.state(run) == "success"
    assert cluster.disk.rows("SELECT count(*) FROM attempts") == [(0,)]


def test_what_may_end_its_agents_is_given_up_by_the_last_one(make_cluster: MakeCluster) -> None:
    """A node under which as many agents were lost as may be doesn't wait for the only one that is left."""
    cluster = make_cluster(settings=Settings(max_losses=1))
    run = cluster.submit(A)
    first = cluster.join("w1")
    cluster.vanish(first)
    assert cluster.state_of(run, "A") == "running"
    last = cluster.join("w2")
    cluster.tick(1.0)
    assert last.holds("A")
    cluster.vanish(last)
    assert (cluster.state_of(run, "A"), cluster.state(run)) == ("lost", "failed")


def test_an_outage_outlives_the_daemon(cluster: Cluster) -> None:
    """A daemon that starts while the only agent is away waits for it, too."""
    run = cluster.submit(A)
    agent = cluster.join()
    cluster.vanish(agent)
    cluster.restart()
    cluster.tick(40)
    assert cluster.queue() == []
    cluster.rejoin(agent)
    cluster.succeed("A")
    assert cluster.state(run) == "success"


def test_an_outage_of_all_agents_is_no_loss(cluster: Cluster) -> None:
    """Whoever is back first leaves the others a lease for coming back before it takes their nodes over."""
    agents = [cluster.join("w1"), cluster.join("w2")]
    runs = [cluster.submit(builders.graph({name: []})) for name in "AB"]
    for agent in agents:
        cluster.leave(agent)
    cluster.tick(20.0)
    assert cluster.queue() == []
    cluster.rejoin(agents[0])
    cluster.tick(14.0)
    assert cluster.queue() == []
    cluster.rejoin(agents[1])
    cluster.tick(20.0)
    cluster.succeed("A")
    cluster.succeed("B")
    assert [cluster.state(run) for run in runs] == ["success", "success"]
    assert cluster.disk.rows("SELECT count(*) FROM attempts") == [(0,)]


@pytest.mark.parametrize("how", ["another joins", "another is back for a lease", "removed", "back without it"])
def test_what_a_lost_agent_keeps_is_taken_back(cluster: Cluster, how: str) -> None:
    """Somebody else can execute it, or its agent is gone for good or comes back with empty hands."""
    other = cluster.join("w2", operators=())
    cluster.submit(A)
    agent = cluster.join("w1")
    cluster.leave(other)
    cluster.vanish(agent)
    assert cluster.queue() == []
    losses = 1
    if how == "another joins":
        cluster.join("w3")
        cluster.tick(1.0)
    elif how == "another is back for a lease":
        other.operators = agent.operators
        cluster.rejoin(other)
        cluster.tick(14.0)
        assert other.attempts == {}
        cluster.tick(2.0)
    elif how == "removed":
        cluster.ask(RemoveAgent(name="w1"))
        cluster.join("w3")
    else:
        agent.attempts.clear()
        cluster.rejoin(agent)
        losses = 0  # it never arrived, as far as anybody knows
    assert cluster.disk.rows("SELECT count(*) FROM attempts WHERE state = 3") == [(losses,)]
    if how != "back without it":
        agent.attempts.clear()
    cluster.succeed("A")


def test_what_nobody_wants_is_dropped_with_its_agent(cluster: Cluster) -> None:
    """A run that is killed while the only agent is away ends, and leaves nothing behind."""
    run = cluster.submit(A)
    agent = cluster.join()
    cluster.vanish(agent)
    cluster.kill(run)
    cluster.tick(1.0)
    assert cluster.state(run) == "killed"
    assert cluster.world.by_attempt == {}
    cluster.rejoin(agent)
    assert cluster.world.by_attempt == {}


@pytest.mark.parametrize("drained", [True, False])
def test_who_gets_no_work_takes_nothing_over(cluster: Cluster, drained: bool) -> None:
    """An agent that drains leaves a lost agent's node where it is, until it takes work again."""
    other = cluster.join("w2")
    cluster.ask(DrainAgent(name="w2", draining=True))
    cluster.submit(A)
    cluster.vanish(cluster.join("w1"))
    cluster.ask(DrainAgent(name="w2", draining=drained))
    cluster.tick(1.0)
    assert bool(other.attempts) is not drained


def test_a_connection_that_breaks_within_the_lease_costs_nothing(cluster: Cluster) -> None:
    """Running work goes on, and is adopted when the agent is back."""
    cluster.submit(A)
    agent = cluster.join()
    attempt = agent.attempt_of("A")
    cluster.leave(agent)
    cluster.tick(10)
    cluster.rejoin(agent)
    assert list(agent.attempts) == [attempt]
    cluster.succeed("A")
    assert cluster.disk.rows("SELECT attempt FROM results") == [(attempt,)]


def test_a_restart_of_the_daemon_interrupts_nothing(cluster: Cluster) -> None:
    """A whole lease passes before an agent that doesn't come back is lost; one that does goes on."""
    run = cluster.submit(A)
    agent = cluster.join()
    attempt = agent.attempt_of("A")
    cluster.tick(14)
    cluster.restart()
    cluster.tick(14)
    assert cluster.queue() == []
    cluster.rejoin(agent)
    assert list(agent.attempts) == [attempt]
    cluster.succeed("A")
    assert cluster.state(run) == "success"


def test_a_report_kept_over_a_restart_is_accepted(cluster: Cluster) -> None:
    """Work that ended while the daemon was away isn't done again."""
    run = cluster.submit(A)
    agent = cluster.join()
    cluster.restart()
    agent.end(builders.success(1, agent.attempt_of("A"), {"data": '"a"'}))
    cluster.rejoin(agent)
    assert cluster.queue() == []
    cluster.ask(agent.telling())
    assert cluster.state(run) == "success"
    assert agent.outbox == {}


@pytest.mark.parametrize(("holding", "losses"), [(Holding.GONE, 1), (None, 0)])
def test_what_an_agent_lost_is_placed_anew(cluster: Cluster, holding: Holding | None, losses: int) -> None:
    """An attempt that died with its agent counts as a loss; one that never arrived doesn't."""
    cluster.submit(A)
    agent = cluster.join()
    old = agent.attempt_of("A")
    agent.die()
    cluster.rejoin(agent, held={} if holding is None else {old: holding})
    assert agent.attempt_of("A") != old
    assert cluster.disk.rows("SELECT count(*) FROM attempts") == [(losses,)]
    assert cluster.disk.rows("SELECT losses FROM executions") == [(losses,)]


def test_attempts_that_are_not_current_are_dropped(cluster: Cluster) -> None:
    """What an agent still runs of a time when it was lost is stopped; its report is late, and noted once."""
    run = cluster.submit(A)
    agent = cluster.join("w1")
    old = agent.attempt_of("A")
    cluster.leave(agent)
    cluster.tick(16)
    cluster.join("w2")
    cluster.tick(1)
    cluster.rejoin(agent)
    assert agent.attempts == {}, "the welcome names it among what is to be dropped"
    assert agent.session is not None
    late = builders.success(7, old, {"data": '"late"'})
    cluster.ask(AgentReports(session=agent.session, reports=[late, late]))
    cluster.ask(AgentReports(session=agent.session, reports=[late]))
    assert cluster.state_of(run, "A") == "running"
    assert cluster.world.late_reports == 3
    assert cluster.disk.rows("SELECT kind, attempt FROM events WHERE kind = 'late report'") == [("late report", old)]
    cluster.succeed("A", '"right"')
    assert cluster.disk.rows("SELECT outputs FROM results") == [('{"data":"\\"right\\""}',)]


def test_an_older_session_is_superseded(cluster: Cluster) -> None:
    """The newer session of an agent counts; words of the older one are ignored, and it is told to end."""
    cluster.submit(A)
    agent = cluster.join()
    old = agent.session
    assert old is not None
    cluster.rejoin(agent)
    assert any("superseded" in goodbye for goodbye in agent.goodbyes)
    report = builders.success(1, agent.attempt_of("A"), {"data": '"a"'})
    cluster.ask(AgentReports(session=old, reports=[report]))
    cluster.ask(AgentLost(session=old, reason="connection lost", clean=True))
    assert cluster.queue() == []
    assert agent.running()


def test_another_agent_of_the_same_name_is_refused(cluster: Cluster) -> None:
    """Two machines, or two copies of a state folder, can't be one agent; the first isn't disturbed."""
    agent = cluster.join()
    impostor = FakeAgent(name="w1", operators=cluster.operators, agent_id="another")
    with pytest.raises(FailedPrecondition, match="another agent named w1"):
        cluster.ask(impostor.hello(cluster.daemon.next_session()))
    older = FakeAgent(name="w1", operators=cluster.operators, incarnation=0)
    with pytest.raises(FailedPrecondition, match="started again since"):
        cluster.ask(older.hello(cluster.daemon.next_session()))
    assert agent.goodbyes == []


def test_a_goodbye_gives_everything_back_at_once(cluster: Cluster) -> None:
    """No lease is waited for, and no loss is counted."""
    run = cluster.submit(builders.graph({"A": [], "B": ["A"]}))
    agent = cluster.join()
    cluster.leave(agent, clean=True)
    assert cluster.nodes(run) == {"A": "queued", "B": "waiting"}
    assert cluster.disk.rows("SELECT losses FROM executions") == [(0,)]
    assert cluster.state(run) == "running"


def test_unknown_sessions_change_nothing(cluster: Cluster) -> None:
    """Words of a session that never was, or is over, are ignored."""
    nobody = SessionNo(99)
    for command in (
        AgentHeard(session=nobody),
        AgentLost(session=nobody, reason=""),
        AgentDraining(session=nobody, draining=True),
    ):
        cluster.ask(command)
    with pytest.raises(NotFound, match="known agents: none"):
        cluster.ask(DrainAgent(name="w7", draining=True))


@pytest.mark.parametrize("by_user", [True, False])
def test_a_draining_agent_ends_what_runs_and_takes_no_more(cluster: Cluster, by_user: bool) -> None:
    """Running nodes end, later ones go elsewhere, until it goes on."""
    cluster.submit(A)
    agent = cluster.join()
    _drain(cluster, agent, by_user=by_user, draining=True)
    cluster.succeed("A")
    cluster.submit(builders.graph({"B": []}))
    assert cluster.queue() == ["B"]
    _drain(cluster, agent, by_user=by_user, draining=False)
    assert cluster.queue() == []


def _drain(cluster: Cluster, agent: FakeAgent, *, by_user: bool, draining: bool) -> None:
    assert agent.session is not None
    if by_user:
        cluster.ask(DrainAgent(name=agent.name, draining=draining))
        assert agent.drained is draining
    else:
        cluster.ask(AgentDraining(session=agent.session, draining=draining))


def test_only_a_disconnected_agent_can_be_removed(cluster: Cluster) -> None:
    """Its name is free then, its number isn't."""
    agent = cluster.join()
    with pytest.raises(FailedPrecondition, match="stop it first"):
        cluster.ask(RemoveAgent(name="w1"))
    number = agent.no
    cluster.leave(agent, clean=True)
    cluster.ask(RemoveAgent(name="w1"))
    cluster.restart()
    assert cluster.join().no != number


# --- work sent ahead ------------------------------------------------------------------------------------------------


def test_wall_clocks_may_jump(cluster: Cluster) -> None:
    """No lease ends, and no work is recalled, because somebody set the clock."""
    agent = cluster.join(prefetch=8)
    quick(cluster, agent)
    cluster.submit(MANY, sweep=builders.sweep_of(3))
    cluster.clock.wall_ms += 86_400_000
    cluster.tick(0.25)
    assert agent.recalled == []
    assert len(agent.attempts) == 3
    cluster.clock.wall_ms -= 2 * 86_400_000
    cluster.tick(1.5)
    assert len(agent.recalled) == 2


def test_a_daemon_that_stood_still_loses_nobody(cluster: Cluster) -> None:
    """Silence is measured while the daemon listens: a stopped daemon doesn't take its own pause for its agents'."""
    cluster.submit(A)
    agent = cluster.join()
    cluster.tick(0.25)
    cluster.clock.advance(60)
    cluster.ask(Tick())
    assert agent.goodbyes == []
    assert cluster.queue() == []
    for _ in range(70):
        cluster.clock.advance(0.25)
        cluster.daemon.carry_out(Tick())
    assert agent.goodbyes != [], "once it listens again, the lease runs"


def test_numbers_that_nobody_knows_are_dropped(cluster: Cluster) -> None:
    """An agent that holds attempts of another database stops them."""
    agent = FakeAgent(name="w1", operators=cluster.operators)
    cluster.agents["w1"] = agent
    cluster.rejoin(agent, held={AttemptNo(5): Holding.RUNNING, AttemptNo(6): Holding.FINISHED})
    report = builders.success(1, AttemptNo(6), {"data": '"x"'})
    cluster.ask(agent.telling(report))
    assert cluster.disk.rows("SELECT count(*) FROM results") == [(0,)]
