"""Agents that offer one operator in several versions: which one counts, and who is told."""

from dataclasses import replace

from accio.domain.operators import OperatorSpec
from accio_daemon.core.commands import AgentStale
from accio_daemon.core.readings import explain, offers
from accio_daemon.engine.views import cluster_view
from tests import builders
from tests.fakes import FakeAgent
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster

A = builders.graph({"A": []})
OLD = replace(builders.step(digest="1"), components=(("function f", "1"), ("package numpy", "1")))
NEW = replace(builders.step(digest="2"), components=(("function f", "2"), ("package numpy", "1")))
LIBRARY = replace(builders.step(digest="3"), components=(("function f", "1"), ("package numpy", "2")))


def _latest(cluster: Cluster) -> OperatorSpec:
    return cluster.world.specs[cluster.world.latest["Step"][1]]


def _said(cluster: Cluster) -> str:
    return offers.differing(cluster.world, cluster.world.latest["Step"][1])


def _reason(cluster: Cluster, agent: FakeAgent) -> str:
    welcomed = set(cluster.world.sessions)
    view = cluster_view(cluster.world, cluster.clock.now(), welcomed=welcomed, refusing="")
    return next(each.reason for each in view.agents if each.name == agent.name)


def test_who_announced_last_counts_and_the_others_are_named(cluster: Cluster) -> None:
    """Agents with other code get nothing new, which is said with what differs."""
    agents = [cluster.join(f"a{number}", operators=(OLD,)) for number in range(1, 7)]
    assert _said(cluster) == ""
    restarted = cluster.join("b", operators=(NEW,))
    assert _latest(cluster) == NEW
    assert _said(cluster) == (
        "a1, a2, a3 and 4 more offer Step with different code (function f): what b offers is used, as it was announced "
        "last, and a1, a2, a3 and 3 more get none of it"
    )
    assert _reason(cluster, agents[0]) == "gets no new nodes of Step: another agent announced other code since"
    assert _reason(cluster, restarted) == ""


def test_other_versions_of_libraries_are_named(cluster: Cluster) -> None:
    """Agents that differ in nothing but a library are told which."""
    cluster.join("a", operators=(OLD,))
    cluster.join("b", operators=(LIBRARY,))
    assert _said(cluster) == (
        "a and b offer Step with different versions of numpy: what b offers is used, as it was announced last, and a "
        "gets none of it"
    )


def test_dialling_again_announces_nothing(cluster: Cluster) -> None:
    """A connection that was lost, or a daemon that was restarted, doesn't change which version counts; a start does."""
    old = cluster.join("a", operators=(OLD,))
    new = cluster.join("b", operators=(NEW,))
    cluster.leave(old)
    cluster.rejoin(old)
    assert _latest(cluster) == NEW
    cluster.restart()
    cluster.rejoin(new)
    cluster.rejoin(old)
    assert _latest(cluster) == NEW
    cluster.leave(old)
    old.incarnation += 1
    cluster.rejoin(old)
    assert _latest(cluster) == OLD


def test_a_version_that_nobody_offers_any_more_is_told(make_cluster: MakeCluster) -> None:
    """Who submits, and who asks why, learns that what was announced last is gone and what there is instead."""
    cluster = make_cluster(operators=(NEW,))
    cluster.join("a", operators=(OLD,))
    cluster.leave(cluster.join("b", operators=(NEW,)))
    assert _said(cluster) == (
        "no connected agent offers Step as it was announced last; a offers it with different code (function f): its "
        "nodes wait"
    )
    run = cluster.submit(A)
    assert cluster.why(run, 0) == (
        "no connected agent offers version 222222222222 of Step, as pinned; a offers 111111111111"
    )


def test_who_waits_for_a_version_that_was_edited_learns_how_to_go_on(make_cluster: MakeCluster) -> None:
    """A node whose pinned version was replaced by a later one would wait without end: why says what to do, and so does
    what those are told who follow its run.
    """
    cluster = make_cluster(operators=(OLD,))
    cluster.leave(cluster.join("b", operators=(OLD,)))
    run = cluster.submit(A)
    cluster.join("a", operators=(NEW,))
    name = cluster.world.runs[run].id
    later = (
        "no connected agent offers version 111111111111 of Step, as pinned; a offers 222222222222; undo the edit, or "
        f"have the run go on with what was announced last: accio retry {name} -operators=latest"
    )
    assert cluster.why(run, 0) == later
    assert explain.stuck(cluster.world, run, None) == f"A waits: {later}"


def test_code_that_changed_on_an_agents_disk_is_told(cluster: Cluster) -> None:
    """Who submits and who looks at agents learns it, until the agent takes it back, or begins another session."""
    first = cluster.join("a", operators=(NEW,))
    second = cluster.join("b", operators=(NEW,))

    def said() -> str:
        return offers.stale(cluster.world, cluster.world.latest["Step"][1])

    def stale(agent: FakeAgent, *operators: str, loading: bool = False, problem: str = "") -> None:
        assert agent.session is not None
        named = frozenset(operators)
        cluster.ask(AgentStale(session=agent.session, operators=named, loading=loading, problem=problem))

    assert said() == ""
    stale(first, "Step", "Unknown")
    assert said() == (
        "the code of Step has changed on disk since a announced it: it runs as it was; start a again to run it as it "
        "is now"
    )
    assert _reason(cluster, first) == "the code of Step has changed since it started: start it again"
    assert _reason(cluster, second) == ""
    stale(second, "Step")
    assert "since a and b announced it" in said()
    stale(first, "Step", loading=True)
    assert said().endswith("since a and b announced it: it runs as it was; start b again to run it as it is now")
    assert _reason(cluster, first) == "is loading the code of Step, which has changed since it started"
    stale(second, "Step", loading=True)
    assert said() == (
        "the code of Step has changed on disk since a and b announced it, which load it now: this may still run it as "
        "it was; submit it again soon"
    )
    stale(first, "Step", problem="SyntaxError")
    assert said().endswith("it, and can't be loaded: it runs as it was until that is mended (SyntaxError)")
    assert _reason(cluster, first).endswith("since it started, and can't be loaded: SyntaxError")
    stale(first)
    stale(second, "Step")
    assert said().endswith("since b announced it: it runs as it was; start b again to run it as it is now")
    cluster.leave(second)
    cluster.rejoin(second)
    assert said() == ""
