"""Work that is sent ahead of a free place: when, to whom, and how it is taken back."""

import pytest

from accio.domain.states import ENDED_BY_ITSELF, Cause
from accio_daemon.core import reactor, readying
from accio_daemon.core.commands import (
    DrainAgent,
)
from accio_daemon.core.effects import Effects
from accio_daemon.core.turn import Turn
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.sent_ahead import MANY, quick

A = builders.graph({"A": []})


def test_short_work_is_sent_ahead_and_takes_over_the_reservation(cluster: Cluster) -> None:
    """What is sent ahead stays queued, holds nothing, and begins when one of its class ends."""
    agent = cluster.join(prefetch=8)
    quick(cluster, agent)
    run = cluster.submit(MANY, sweep=builders.sweep_of(4))
    assert len(agent.running()) == 1
    assert len(agent.ahead()) == 3
    assert cluster.state_of(run, "A", 1) == "queued"
    assert cluster.why(run, 0, 1) == "was sent ahead to w1, where it begins next"
    cluster.succeed("0/A", wall_us=1000)
    assert cluster.state_of(run, "A", 1) == "running"
    for index in (1, 2, 3):
        cluster.succeed(f"{index}/A", wall_us=1000)
    assert cluster.state(run) == "success"


def test_reports_told_together_pass_grants_on_to_the_oldest_that_go_on(cluster: Cluster) -> None:
    """What was sent ahead and has ended by then needs none; daemon and agent agree on who runs, as after one by one."""
    agent = cluster.join("w1", builders.offer(2), prefetch=8)
    quick(cluster, agent)
    run = cluster.submit(MANY, sweep=builders.sweep_of(8))
    (first, second), ahead = agent.running(), agent.ahead()
    reports = []
    for node in (first, ahead[0], second, ahead[2]):
        attempt = agent.attempt_of(node)
        reports.append(agent.end(builders.success(agent.next_seq, attempt, {"data": f'"{node}"'}, wall_us=1000)))
    cluster.ask(agent.telling(*reports))
    assert sorted(agent.running()) == sorted((ahead[1], ahead[3]))
    running = [f".{index}/A" for index in range(8) if cluster.state_of(run, "A", index) == "running"]
    assert running == [node[node.index(".") :] for node in sorted(agent.running())]
    (record,) = cluster.world.agents.values()
    assert (sum(record.running.values()), record.account.reservations) == (2, 2)
    owner = next(iter(cluster.world.owners.known.values()))
    assert owner.nodes == 4
    while agent.running():
        cluster.succeed(agent.running()[0], wall_us=1000)
    assert cluster.state(run) == "success"
    assert (owner.nodes, record.account.reservations) == (0, 0)


def test_a_step_sends_as_many_ahead_as_it_is_told(cluster: Cluster) -> None:
    """It says that there may be more, and the next ones go on where it stopped."""
    quick(cluster, cluster.join(prefetch=8))
    world = cluster.daemon.world
    turn = Turn(world, Effects(), cluster.clock.now())
    reactor.handle(turn, cluster.submission(MANY, sweep=builders.sweep_of(9)))
    reactor.advance(turn, ahead=3)
    readying.resolve(turn, {})
    (record,) = world.agents.values()
    sent = []
    for _ in range(4):
        more = reactor.advance(turn, ahead=3)
        sent.append((sum(map(len, record.prefetched.values())), more))
    assert sent == [(3, True), (6, True), (8, False), (8, False)]


def test_long_or_unknown_work_is_never_sent_ahead(cluster: Cluster) -> None:
    """Nobody knows how long a class takes before its first end."""
    agent = cluster.join(prefetch=8)
    cluster.submit(MANY, sweep=builders.sweep_of(4))
    assert agent.ahead() == []
    cluster.succeed("0/A", wall_us=500_000)
    assert agent.ahead() == []


@pytest.mark.parametrize("cause", sorted(Cause))
def test_durations_are_learnt_from_what_ended_by_itself(cluster: Cluster, cause: Cause) -> None:
    """An operator that fails at once is sent ahead like one that succeeds; what was cut short tells nothing."""
    agent = cluster.join(prefetch=8)
    cluster.submit(MANY, sweep=builders.sweep_of(4))
    cluster.fail("0/A", cause, wall_us=1000)
    assert len(agent.running()) == 1
    assert len(agent.ahead()) == (2 if cause in ENDED_BY_ITSELF else 0)


def test_operators_that_never_ran_teach_no_duration(cluster: Cluster) -> None:
    """A failure without a time may be one before the operator's first line, which tells nothing of the next node's."""
    agent = cluster.join(prefetch=8)
    cluster.submit(MANY, sweep=builders.sweep_of(4))
    cluster.fail("0/A", wall_us=0)
    assert agent.ahead() == []


def test_a_stopped_attempt_teaches_no_duration(cluster: Cluster) -> None:
    """How an attempt ends that was killed, it ends early."""
    agent = cluster.join(prefetch=8)
    killed = cluster.submit(A)
    attempt = agent.attempt_of("A")
    cluster.kill(killed)
    cluster.ask(agent.telling(agent.end(builders.failure(agent.next_seq, attempt, Cause.SIGNAL, wall_us=1000))))
    cluster.submit(MANY, sweep=builders.sweep_of(4))
    assert agent.ahead() == []


def test_an_heir_of_the_same_batch_is_sent_as_reserved(cluster: Cluster) -> None:
    """Work sent ahead in the batch that learns of the end travels behind the acknowledgement: it brings its grant."""
    agent = cluster.join(prefetch=1)
    quick(cluster, agent)
    first = cluster.submit(A)
    daemon = cluster.daemon
    report = agent.end(builders.success(agent.next_seq, agent.attempt_of("A"), {"data": '"a"'}, wall_us=1000))
    daemon.post(cluster.submission(builders.graph({"B": []})))
    daemon.decide()
    daemon.post(agent.telling(report))
    daemon.finish()
    cluster.check()
    assert cluster.state(first) == "success"
    assert [held.granted for held in agent.attempts.values()] == [True]
    cluster.succeed("B")


def test_a_recall_travels_behind_the_work_that_it_means(cluster: Cluster) -> None:
    """What is recalled in the batch that sends it is given back, not executed unseen."""
    agent = cluster.join(prefetch=1)
    quick(cluster, agent)
    cluster.submit(A)
    daemon = cluster.daemon
    daemon.post(cluster.submission(builders.graph({"B": []})))
    daemon.decide()
    daemon.post(DrainAgent(name="w1", draining=True))
    daemon.finish()
    assert agent.ahead() != []
    cluster.ask(agent.answer_recalls())
    assert agent.ahead() == []
    assert cluster.queue() == ["B"]


def test_a_stop_travels_behind_the_work_that_it_means(cluster: Cluster) -> None:
    """What is killed in the batch that sends it is stopped at the agent."""
    agent = cluster.join()
    daemon = cluster.daemon
    command = cluster.submission(A)
    daemon.post(command)
    daemon.decide()
    (run,) = cluster.world.runs
    cluster.kill(run)
    assert agent.stopped == list(agent.attempts)
    assert agent.attempts


def test_what_is_stuck_behind_long_work_is_taken_back(cluster: Cluster) -> None:
    """Work that was sent ahead of something that turns out to be long goes elsewhere after a second."""
    agent = cluster.join(prefetch=8)
    quick(cluster, agent)
    cluster.submit(MANY, sweep=builders.sweep_of(3))
    assert len(agent.ahead()) == 2
    cluster.tick(1.5)
    cluster.join("w2", builders.offer(2))
    cluster.ask(agent.answer_recalls())
    assert agent.ahead() == []
    assert len(cluster.agents["w2"].running()) == 2


def test_what_waits_for_a_grant_isnt_taken_for_running(cluster: Cluster) -> None:
    """After a restart the daemon may think that everything fits; the agent knows better, and tells when it joins."""
    agent = cluster.join("w1", builders.offer(2), prefetch=8)
    quick(cluster, agent)
    big = cluster.submit(builders.graph({"big": []}, demands={"big": builders.offer(1, memory=0, licence=0)}))
    del big
    run = cluster.submit(MANY, sweep=builders.sweep_of(2))
    assert (len(agent.running()), len(agent.ahead())) == (2, 1)
    cluster.restart()
    cluster.rejoin(agent)
    record = cluster.world.agent_names["w1"]
    assert sum(len(line) for line in record.prefetched.values()) == 1
    assert sorted(cluster.nodes(run, index)["A"] for index in (0, 1)) == ["queued", "running"]
