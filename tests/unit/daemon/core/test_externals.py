"""Inputs at paths: digested by an agent that can read them, executed by one that has them as the run pinned them."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from accio.domain.states import Cause
from accio.domain.workflows import Constant, NodeDefinition, Workflow
from accio_daemon.core.commands import PathsDigested
from accio_daemon.core.terms import Pin
from tests import builders
from tests.fakes import FakeAgent
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.pools import Engine, join, known, pool

DIGEST = "blake3:" + "5" * 64
PIN = Pin(digest=DIGEST, size=7)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A cluster without agents."""
    with closing(Cluster(operators=(builders.step(kind=builders.DATASET),))) as made:
        yield made


def _workflow(label: str = "a", path: str = "/data/in") -> Workflow:
    inputs = {"label": _text(label), "p1": Constant(builders.DATASET, f'"{path}"')}
    return Workflow(id=f"d-{label}", graph=(NodeDefinition(op="Step", name="A", inputs=dict(inputs)),))


def _text(text: str) -> Constant:
    return Constant(builders.STRING, f'"{text}"')


def _answer(cluster: Cluster, agent: FakeAgent, outcome: Pin | str) -> None:
    assert agent.session is not None
    ((request, paths),) = agent.digests
    agent.digests = []
    cluster.ask(PathsDigested(session=agent.session, request=request, digests=dict.fromkeys(paths, outcome)))


def _lacks(cluster: Cluster, agent: FakeAgent, why: str = "no such file", path: str = "/data/in") -> None:
    """Report as an agent of the first attempt that it holds that it lacks the path."""
    report = builders.failure(agent.next_seq, next(iter(agent.attempts)), Cause.STAGING, why)
    cluster.ask(agent.telling(agent.end(replace(report, absent=(path,)))))


def test_an_external_dataset_is_digested_before_it_is_looked_up(cluster: Cluster) -> None:
    """The key needs the content: an agent is asked once, the answer is pinned for the run."""
    run = cluster.submit(_workflow(), sweep=builders.sweep_of(1, repeat=2))
    assert "waits for an agent that offers Step to read '/data/in'" in cluster.why(run, 0)
    agent = cluster.join()
    assert [paths for _, paths in agent.digests] == [["/data/in"]]
    assert cluster.why(run, 0) == "waits for the content digest of '/data/in'"
    _answer(cluster, agent, PIN)
    assert agent.running()
    assert next(iter(agent.attempts.values())).assignment.contents == {"/data/in": PIN}
    cluster.restart()
    assert cluster.run(run).pins == {"/data/in": PIN}


def test_an_unreadable_dataset_fails_what_needs_it(cluster: Cluster) -> None:
    """The cause is staging, with what the agent said."""
    run = cluster.submit(_workflow())
    agent = cluster.join()
    _answer(cluster, agent, "No such file or directory")
    assert cluster.state_of(run, "A") == "failed"
    assert "staging" in cluster.cause(run, 0)
    assert "No such file" in cluster.cause(run, 0)


def test_a_pool_brings_the_host_that_reads_an_input(cluster: Cluster) -> None:
    """Nothing is queued before some agent has told the content: without agents that, too, is worth a host."""
    engine = Engine(cluster, pool())
    run = cluster.submit(_workflow(), sweep=builders.sweep_of(1, repeat=2))
    cluster.tick(2)
    assert engine.asked() == [1]
    assert "queued nodes of Step find no place" in "\n".join(known(cluster).decision)
    engine.has(1, begun=True)
    agent = join(cluster, 1)
    _answer(cluster, agent, PIN)
    assert agent.running(), cluster.why(run, 0)
    cluster.tick(2)
    assert engine.asked() == []


def test_a_digest_that_never_comes_is_asked_of_another_agent(cluster: Cluster) -> None:
    """When the agent's session ends, the next one is asked."""
    run = cluster.submit(_workflow())
    agent = cluster.join("w1")
    cluster.leave(agent)
    other = cluster.join("w2")
    _answer(cluster, other, PIN)
    assert cluster.state_of(run, "A") == "running"


def test_who_was_not_asked_does_not_answer(cluster: Cluster) -> None:
    """An answer to another agent's question has no effect, and the question stays open for the one that was asked."""
    run = cluster.submit(_workflow())
    asked, other = cluster.join("w1"), cluster.join("w2")
    if not asked.digests:
        asked, other = other, asked
    ((request, paths),) = asked.digests
    assert other.session is not None
    wrong = Pin(digest="blake3:" + "6" * 64, size=1)
    cluster.ask(PathsDigested(session=other.session, request=request, digests=dict.fromkeys(paths, wrong)))
    assert cluster.state_of(run, "A") == "queued"
    _answer(cluster, asked, PIN)
    assert cluster.state_of(run, "A") == "running"
    assert cluster.run(run).pins == {"/data/in": PIN}


def test_equal_content_under_another_path_is_a_hit(cluster: Cluster) -> None:
    """A dataset counts by its content, never by its path."""
    cluster.submit(_workflow())
    agent = cluster.join()
    _answer(cluster, agent, PIN)
    cluster.succeed("A", f'"{DIGEST}"')
    again = cluster.submit(_workflow())
    _answer(cluster, agent, PIN)
    assert cluster.state(again) == "success"
    changed = cluster.submit(_workflow())
    _answer(cluster, agent, Pin(digest="blake3:" + "6" * 64, size=7))
    assert cluster.state_of(changed, "A") == "running"


# --- agents that lack a path ------------------------------------------------------------------------------------------


def test_the_next_agent_is_asked_for_the_digest(cluster: Cluster) -> None:
    """An agent that can't read the path is passed over; the node goes to the one that read it."""
    run = cluster.submit(_workflow())
    blind = cluster.join("w1")
    seeing = cluster.join("w2")
    _answer(cluster, blind, "no such file")
    assert not blind.digests
    _answer(cluster, seeing, PIN)
    assert (blind.running(), len(seeing.running())) == ([], 1)
    cluster.succeed("A", f'"{DIGEST}"')
    assert cluster.state(run) == "success"


def test_nobody_can_read_it(cluster: Cluster) -> None:
    """Once all were asked, the cause is staging; it names the path and what each agent said."""
    run = cluster.submit(_workflow())
    agents = [cluster.join(name) for name in ("w1", "w2", "w3")]
    for agent, why in zip(agents, ("no such file", "permission denied", "no such file"), strict=True):
        _answer(cluster, agent, why)
    assert cluster.state_of(run, "A") == "failed"
    cause = cluster.cause(run, 0)
    for text in ("staging", "/data/in", "no such file (agent w1, w3)", "permission denied (agent w2)"):
        assert text in cause


def test_an_agent_that_may_be_back_is_waited_for(cluster: Cluster) -> None:
    """Only when the lease of the one that might see the path is over does the node fail."""
    run = cluster.submit(_workflow())
    blind, other = cluster.join("w1"), cluster.join("w2")
    cluster.leave(other)
    _answer(cluster, blind, "no such file")
    assert cluster.state_of(run, "A") == "queued"
    cluster.rejoin(other)
    _answer(cluster, other, PIN)
    assert other.running()
    second = cluster.submit(_workflow("b"))
    cluster.leave(other)
    _answer(cluster, blind, "no such file")
    cluster.tick(cluster.settings.lease + 1, silent=("w2",))
    assert cluster.state_of(second, "A") == "failed"


def test_a_node_goes_to_another_agent(cluster: Cluster) -> None:
    """Its agent lacks the path, and so does the store: another one gets it, and it counts as nobody's failure."""
    seeing = cluster.join("w1")
    run = cluster.submit(_workflow())
    _answer(cluster, seeing, PIN)
    other = cluster.submit(_workflow("b"))  # waits for room, as the first one fills the agent that has the path
    _answer(cluster, seeing, PIN)
    blind = cluster.join("w0")
    assert len(blind.running()) == 1
    _lacks(cluster, blind)
    assert not blind.attempts
    assert cluster.state_of(other, "A") == "queued"
    assert cluster.why(other, 0) == "waits for room for 1 CPU on w1"
    cluster.tick(60)
    assert cluster.state_of(other, "A") == "queued", "it waits as long as somebody may have it"
    assert not blind.attempts
    cluster.succeed(f"{builders.run_id(2)}/A", f'"{DIGEST}"')
    assert len(seeing.running()) == 1
    (execution,) = cluster.world.executions.values()
    assert (execution.failures, execution.losses) == (0, 0)
    cluster.succeed("A", f'"{DIGEST}"')
    assert [cluster.state(each) for each in (run, other)] == ["success", "success"]


def test_every_agent_lacks_it(cluster: Cluster) -> None:
    """Each is tried once; then the cause is staging, with the path and the agents. A retry tries all of them again."""
    first = cluster.join("w1")
    run = cluster.submit(_workflow())
    _answer(cluster, first, PIN)
    second = cluster.join("w2")
    _lacks(cluster, first, "changed since the run began")
    _lacks(cluster, second)
    assert cluster.state_of(run, "A") == "failed"
    cause = cluster.cause(run, 0)
    for text in ("staging", "'/data/in'", "changed since the run began (agent w1)", "no such file (agent w2)"):
        assert text in cause
    cluster.retry(run)
    _lacks(cluster, cluster.holder("A"))
    cluster.succeed("A", f'"{DIGEST}"')
    assert cluster.state(run) == "success"


def test_what_one_node_learned_serves_the_others(cluster: Cluster) -> None:
    """Nodes of the run with the same input aren't tried there either, and what needs no such input overtakes them."""
    seeing = cluster.join("w1")
    one = _workflow().graph[0]
    names = ("A", "B", "C")
    nodes = [replace(one, name=each, inputs={**one.inputs, "label": _text(each)}) for each in names]
    cluster.submit(
        Workflow(id="three", graph=(*nodes, NodeDefinition(op="Step", name="D", inputs={"label": _text("D")})))
    )
    assert seeing.running() == [f"{builders.run_id(2)}/D"], "the others wait for the digest"
    _answer(cluster, seeing, PIN)
    blind = cluster.join("w0")
    cluster.submit(builders.graph({"E": []}))
    assert blind.holds("A")
    _lacks(cluster, blind)
    assert blind.holds("E"), "neither B nor C"
    cluster.succeed("E")
    assert not blind.attempts
    for name in ("D", "A", "B", "C"):
        assert seeing.holds(name)
        cluster.succeed(name, f'"{DIGEST}"')


def test_the_path_appears_with_a_new_session(cluster: Cluster) -> None:
    """An agent that was started anew, where the path is mounted now, is tried again."""
    only = cluster.join("w1")
    run = cluster.submit(_workflow())
    _answer(cluster, only, PIN)
    away = cluster.join("w2")
    cluster.leave(away)
    _lacks(cluster, only)
    assert cluster.state_of(run, "A") == "queued"
    assert cluster.why(run, 0) == "waits for an agent that offers Step and has its inputs (w1: not there)"
    cluster.leave(only, clean=True)
    cluster.rejoin(only)
    assert only.running()


def test_the_only_other_agent_leaves(cluster: Cluster) -> None:
    """What waits for an agent that might have had its input fails when that one's lease is over."""
    only = cluster.join("w1")
    run = cluster.submit(_workflow())
    _answer(cluster, only, PIN)
    busy = cluster.join("w2")
    cluster.submit(builders.graph({"B": []}))
    assert busy.running()
    _lacks(cluster, only)
    assert cluster.state_of(run, "A") == "queued"
    cluster.lose(busy)
    assert cluster.state_of(run, "A") == "failed"
    assert "no such file (agent w1)" in cluster.cause(run, 0)


def test_what_a_killed_run_needs_is_read_no_further(cluster: Cluster) -> None:
    """The agent that reads an input for a run is told when the run is over; its answer, if it comes, is for nobody."""
    agent = cluster.join()
    run = cluster.submit(_workflow())
    ((request, paths),) = agent.digests
    cluster.kill(run)
    assert agent.moot == [request]
    assert agent.session is not None
    cluster.ask(PathsDigested(session=agent.session, request=request, digests=dict.fromkeys(paths, PIN)))
    assert cluster.state(run) == "killed"
