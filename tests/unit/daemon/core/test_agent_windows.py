"""Windows of agents: nothing begins there during them, and before them nothing that takes longer than is left."""

import pytest

from accio.domain.agent_windows import AgentWindow
from accio.domain.maintenance import Maintenance, text_of
from accio.errors import AlreadyExists, FailedPrecondition, NotFound
from accio_daemon.core.agent_windows import KEPT_MS
from accio_daemon.core.commands import AddWindow, RemoveAgent, RemoveWindow
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.pools import Engine, known, pool, submit
from tests.unit.daemon.core.sent_ahead import quick
from tests.unit.daemon.core.test_deadlines import holder_of, learn


def window(cluster: Cluster, name: str, begins: float, ends: float, *agents: str) -> str:
    """Add a window from so many seconds from now until so many; return when it is over."""
    now_ms = cluster.clock.now().wall_ms
    time = Maintenance(name, now_ms + int(begins * 1000), now_ms + int(ends * 1000))
    cluster.ask(AddWindow(window=AgentWindow(time, agents)))
    return text_of(time.ends_ms)


def test_nothing_begins_during_a_window_and_the_agent_goes_on_after_it(cluster: Cluster) -> None:
    """What waits says which window it waits for and until when, doesn't fail, and begins when that is over."""
    cluster.join("w1", builders.offer(1))
    over = window(cluster, "patch day", 0, 120, "w1")
    run = cluster.submit(builders.graph({"t1": []}))
    cluster.tick(60)
    assert (cluster.queue(), holder_of(cluster, "t1")) == (["t1"], "")
    assert cluster.why(run, 0) == (f"nothing begins at w1 until the window 'patch day' is over (at {over}, in 60 s)")
    cluster.tick(61)
    assert holder_of(cluster, "t1") == "w1"
    cluster.succeed("t1")
    assert cluster.run_is_over(run)


def test_before_a_window_only_what_fits_begins(cluster: Cluster) -> None:
    """A node that is known to take longer waits, and says for what; it begins after the window, or elsewhere."""
    learn(cluster, 100)
    cluster.join("w1", builders.offer(4))
    over = window(cluster, "patch day", 60, 600)
    run = cluster.submit(builders.graph({"t1": []}))
    cluster.tick(1)
    assert holder_of(cluster, "t1") == ""
    assert cluster.why(run, 0) == (
        f"needs about 2 min, and the window 'patch day' of w1 begins in 59 s, and is over at {over}"
    )
    cluster.tick(601)
    assert holder_of(cluster, "t1") == "w1"


def test_what_runs_when_a_window_begins_goes_on(cluster: Cluster) -> None:
    """Its agent keeps it, reports it, and gets no more; other agents get what waits."""
    cluster.join("w1", builders.offer(1))
    run = cluster.submit(builders.graph({"t1": [], "t2": []}))
    window(cluster, "patch day", 10, 600, "w*")
    cluster.tick(20)
    (first,) = cluster.agents["w1"].attempts.values()
    name = first.node.split("/")[1]
    cluster.succeed(name)
    cluster.tick(2)
    assert not cluster.agents["w1"].attempts
    cluster.join("other", builders.offer(1))
    (second,) = cluster.agents["other"].attempts.values()
    cluster.succeed(second.node.split("/")[1])
    assert cluster.run_is_over(run)


def test_what_was_sent_ahead_comes_back(cluster: Cluster) -> None:
    """Nothing begins during a window, also nothing that waited at the agent for its turn."""
    agent = cluster.join(prefetch=8)
    quick(cluster, agent)
    cluster.submit(builders.graph({f"q{number}": [] for number in range(12)}))
    assert agent.ahead()
    window(cluster, "patch day", 0, 600)
    cluster.tick(0.25)
    cluster.ask(agent.answer_recalls())
    assert not agent.ahead()
    cluster.tick(1)
    assert not agent.ahead()


def test_what_is_lost_in_a_window_costs_no_loss(cluster: Cluster) -> None:
    """Machines are switched off then, whatever runs there; an agent that falls silent after it loses as ever."""
    cluster.join("w1", builders.offer(1))
    window(cluster, "patch day", 30, 600, "w1")
    cluster.submit(builders.graph({"t1": []}))
    cluster.tick(40)
    cluster.leave(cluster.agents["w1"])
    cluster.tick(cluster.world.settings.lease + 1)
    cluster.agents["w1"].attempts.clear()
    cluster.ask(RemoveAgent(name="w1"))
    assert cluster.queue() == ["t1"]
    (execution,) = cluster.world.executions.values()
    assert execution.losses == 0
    cluster.join("w2", builders.offer(1))
    cluster.leave(cluster.agents["w2"])
    cluster.tick(cluster.world.settings.lease + 1)
    cluster.agents["w2"].attempts.clear()
    cluster.ask(RemoveAgent(name="w2"))
    assert execution.losses == 1


def test_an_agent_restarted_in_a_window_costs_no_loss_once(cluster: Cluster) -> None:
    """What it had begun is gone with its machine; when it comes back after the window that is forgiven, too."""
    agent = cluster.join("w1", builders.offer(1))
    cluster.submit(builders.graph({"t1": []}))
    window(cluster, "patch day", 5, 60)
    cluster.tick(10)
    cluster.leave(agent)
    cluster.tick(cluster.world.settings.lease + 60)
    cluster.rejoin(agent, held=agent.die())
    (execution,) = cluster.world.executions.values()
    assert (execution.losses, holder_of(cluster, "t1")) == (0, "w1")
    cluster.leave(agent)
    cluster.rejoin(agent, held=agent.die())
    assert execution.losses == 1


def test_a_window_holds_over_a_restart_and_for_agents_that_come_later(cluster: Cluster) -> None:
    """It is stored, and concerns whatever agent has a name of its."""
    window(cluster, "patch day", 0, 600, "w?", "lab*")
    cluster.restart()
    cluster.join("lab3", builders.offer(1))
    cluster.submit(builders.graph({"t1": []}))
    cluster.tick(1)
    assert holder_of(cluster, "t1") == ""
    cluster.join("w12", builders.offer(1))
    assert holder_of(cluster, "t1") == "w12"


def test_removing_a_window_gives_its_agents_nodes_at_once(cluster: Cluster) -> None:
    """Another window that lasts still counts."""
    cluster.join("w1", builders.offer(1))
    window(cluster, "one", 0, 600)
    window(cluster, "other", 0, 900, "w1")
    cluster.submit(builders.graph({"t1": []}))
    cluster.ask(RemoveWindow(name="one"))
    assert holder_of(cluster, "t1") == ""
    cluster.ask(RemoveWindow(name="other"))
    assert holder_of(cluster, "t1") == "w1"


def test_what_cannot_be_a_window_is_refused(cluster: Cluster) -> None:
    """One that is over, one of a name that is taken, and the removal of none."""
    with pytest.raises(FailedPrecondition, match="expected a window that isn't over, found late, from "):
        window(cluster, "late", -60, -1)
    window(cluster, "patch day", 0, 60)
    with pytest.raises(AlreadyExists, match="there is a window of this name: patch day, from "):
        window(cluster, "patch day", 100, 160)
    with pytest.raises(NotFound, match="there is no window 'other'; known windows: patch day"):
        cluster.ask(RemoveWindow(name="other"))
    cluster.tick(61)
    window(cluster, "patch day", 100, 160)


def test_windows_that_were_over_long_ago_are_forgotten(cluster: Cluster) -> None:
    """They are kept for a week, for agents that come back."""
    window(cluster, "patch day", 0, 60)
    cluster.clock.advance(60 + KEPT_MS / 1000 - 10)
    cluster.tick(1)
    assert list(cluster.world.windows) == ["patch day"]
    cluster.clock.advance(20)
    cluster.tick(1)
    assert cluster.world.windows == {}


def test_hosts_that_would_run_into_a_window_are_not_asked_for(cluster: Cluster) -> None:
    """While a window of all agents lasts, pools ask for no hosts, and for them again after it."""
    engine = Engine(cluster, pool())
    submit(cluster, 10)
    window(cluster, "patch day", 0, 300)
    cluster.tick(2)
    assert engine.asked() == []
    assert "the maintenance 'patch day' is over in" in known(cluster).blocked
    cluster.tick(300)
    assert engine.asked()


def test_an_agent_that_is_away_for_a_window_is_told_of(cluster: Cluster) -> None:
    """That no agent is there which offers an operator says who will be, and when."""
    cluster.leave(cluster.join("w1", builders.offer(1)), clean=True)
    over = window(cluster, "patch day", 0, 300)
    run = cluster.submit(builders.graph({"t1": []}))
    why = cluster.why(run, 0)
    assert why.endswith(f"nothing begins at w1 until the window 'patch day' is over (at {over}, in 5 min)"), why
    cluster.tick(200)
    assert not cluster.run_is_over(run)
