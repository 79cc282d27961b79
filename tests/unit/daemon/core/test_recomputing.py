"""Content that is gone: nothing hits its results any more, and who needs it lets its producer run again."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from accio.domain.states import Cause
from accio_daemon.core import reactor
from accio_daemon.core.commands import ContentMissing, OldestWork
from accio_daemon.core.terms import CacheMode, RunNo
from accio_daemon.core.turn import Turn
from tests import builders
from tests.simulator.cluster import Cluster

GONE = "blake3:" + "a" * 64
OTHER = "blake3:" + "b" * 64


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A cluster with one agent of four processors."""
    with closing(Cluster(operators=(builders.step(kind=builders.DATASET),))) as made:
        made.join("w1", builders.offer(4))
        yield made


def _submit(cluster: Cluster, label: str) -> RunNo:
    """Submit a run whose producer A is always the same, and whose consumer B has a label of its own."""
    return cluster.submit(builders.graph({"A": [], "B": ["A"]}, labels={"B": label}))


def _produce(cluster: Cluster, digest: str = GONE) -> None:
    cluster.succeed("A", f'"{digest}"', contents=[(digest, 1)])


def _miss(cluster: Cluster, node: str, *digests: str) -> None:
    agent = cluster.holder(node)
    report = builders.failure(agent.next_seq, agent.attempt_of(node), Cause.STAGING, "the store lacks it")
    cluster.ask(agent.telling(agent.end(replace(report, missing=digests))))


def test_a_hit_without_content_is_produced_again(cluster: Cluster) -> None:
    """A consumer that can't get what its cached producer had made: the producer runs, then the consumer."""
    first = _submit(cluster, "first")
    _produce(cluster)
    cluster.succeed("B", f'"{OTHER}"')
    second = _submit(cluster, "second")
    assert cluster.nodes(second) == {"A": "success", "B": "running"}
    _miss(cluster, "B", GONE)
    assert cluster.nodes(second) == {"A": "running", "B": "queued"}
    assert "computed again" in cluster.why(second, 1)
    cluster.restart()
    cluster.rejoin(cluster.agents["w1"])
    _produce(cluster)
    cluster.succeed("B", f'"{OTHER}"')
    assert cluster.nodes(second) == {"A": "success", "B": "success"}
    assert cluster.run_is_over(first)
    assert cluster.run_is_over(second)


def test_a_consumer_that_no_step_has_looked_at_waits_for_the_producer_again(cluster: Cluster) -> None:
    """What is ready and waits for its step when content of its producer is found gone: it goes on with the new one."""
    daemon, consumers = cluster.daemon, ["B", "C", "D"]
    run = cluster.submit(builders.graph({"A": [], **{name: ["A"] for name in consumers}}), cache=CacheMode.NONE)
    agent = cluster.holder("A")
    report = builders.success(agent.next_seq, agent.attempt_of("A"), {"data": f'"{GONE}"'}, contents=[(GONE, 1)])
    turn = Turn(daemon.world, daemon.batch.fx, cluster.clock.now())
    reactor.handle(turn, agent.telling(agent.end(report)), settling=0)
    assert reactor.advance(turn, settling=1)
    assert daemon.seal() is not None
    committed = daemon.commit()
    daemon.act(committed)
    daemon.answer(committed)
    assert [agent.holds(name) for name in consumers] == [True, False, False]
    assert "about to be looked up" in cluster.why(run, 3)
    _miss(cluster, "B", GONE)
    assert cluster.nodes(run) == {"A": "running", "B": "queued", "C": "queued", "D": "queued"}
    assert "computed again" in cluster.why(run, 3)
    _produce(cluster)
    for name in consumers:
        cluster.succeed(name, f'"{OTHER}"')
    assert cluster.run_is_over(run)


def test_an_input_that_no_node_makes_fails(cluster: Cluster) -> None:
    """Content that the run named itself can't be made again: the node fails with what staging said."""
    run = _submit(cluster, "first")
    _produce(cluster)
    _miss(cluster, "B", OTHER)
    assert cluster.nodes(run) == {"A": "success", "B": "failed"}


def test_who_shares_the_execution_waits_for_the_same_producer(cluster: Cluster) -> None:
    """Two runs share the consumer's execution: the producer runs again once, for both."""
    runs = [_submit(cluster, "same"), _submit(cluster, "same")]
    _produce(cluster)
    _miss(cluster, "B", GONE)
    _produce(cluster)
    cluster.succeed("B", f'"{OTHER}"')
    assert [cluster.nodes(run) for run in runs] == [{"A": "success", "B": "success"}] * 2


def test_what_is_gone_is_no_hit_at_once(cluster: Cluster) -> None:
    """A run submitted before it is durable that content is gone does not hit its result in the database."""
    _submit(cluster, "first")
    _produce(cluster)
    cluster.succeed("B", f'"{OTHER}"')
    workflow = builders.graph({"A": [], "B": ["A"]}, labels={"B": "first"})
    cluster.daemon.post(ContentMissing(digests=(GONE,)))
    cluster.daemon.post(cluster.submission(workflow))
    cluster.daemon.finish()
    _produce(cluster)
    assert not cluster.agents["w1"].attempts, "B is a hit: its input is equal, its own content there"
    cluster.submit(builders.graph({"A": []}, id="third"))
    assert not cluster.agents["w1"].attempts, "what was made again can be hit again"


def test_a_producer_that_fails_the_second_time_cancels_who_waited(cluster: Cluster) -> None:
    """What can't be made again ends the run: the producer has failed, its consumer is cancelled."""
    _submit(cluster, "first")
    _produce(cluster)
    cluster.succeed("B", f'"{OTHER}"')
    run = _submit(cluster, "second")
    _miss(cluster, "B", GONE)
    cluster.fail("A")
    assert cluster.nodes(run) == {"A": "failed", "B": "cancelled"}
    assert cluster.run_is_over(run)


def test_a_run_is_killed_while_content_is_made_again(cluster: Cluster) -> None:
    """Both nodes are killed, and the agent is told to stop."""
    _submit(cluster, "first")
    _produce(cluster)
    cluster.succeed("B", f'"{OTHER}"')
    run = _submit(cluster, "second")
    _miss(cluster, "B", GONE)
    cluster.kill(run)
    agent = cluster.agents["w1"]
    for report in agent.answer_stops():
        cluster.ask(agent.telling(report))
    assert cluster.run_is_over(run)
    assert cluster.state(run) == "killed"


def test_content_may_be_on_its_way_since_the_oldest_attempt_was_sent(cluster: Cluster) -> None:
    """Whoever frees content asks since when: the oldest attempt that goes on, or now if everything has ended."""
    _submit(cluster, "B")
    sent = cluster.clock.wall_ms
    cluster.tick(5.0)
    cluster.submit(builders.graph({"C": []}))
    assert cluster.ask(OldestWork()) == sent
    cluster.succeed("A", f'"{GONE}"', contents=[(GONE, 1)])
    assert cluster.ask(OldestWork()) == cluster.clock.wall_ms == sent + 5000
    cluster.tick(1.0)
    cluster.succeed("B")
    cluster.succeed("C")
    assert cluster.ask(OldestWork()) == cluster.clock.wall_ms == sent + 6000
