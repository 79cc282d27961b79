"""The cycle of a batch: what waits, what is refused, and in which order things leave. The simulator drives the same."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import pytest

from accio.errors import ResourceExhausted
from accio_daemon.core import reactor, readying
from accio_daemon.core.commands import AgentHeard, AgentReports, Command, KillRun, RetryRun
from accio_daemon.core.terms import CacheMode, RunNo
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import Settings
from accio_daemon.engine.cycle import Bounds
from accio_daemon.engine.full_disk import FullDisk
from tests import builders
from tests.fakes import Reply
from tests.simulator.cluster import Cluster
from tests.simulator.daemon import Daemon

T = TypeVar("T")
ONE = builders.graph({"A": []}, swept=("A",))


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Return a cluster."""
    found = Cluster()
    yield found
    found.close()


def bounded(cluster: Cluster, **bounds: int) -> Daemon:
    """Start another daemon on the cluster's disk, with other bounds."""
    found = Daemon(cluster.disk, cluster.clock, Settings(), bounds=Bounds(**bounds), full_disk=FullDisk(cluster.disk))
    found.finish()
    return found


def joined(daemon: Daemon, cluster: Cluster, cpus: float = 1) -> None:
    """Connect an agent."""
    agent = cluster.join("w1", builders.offer(cpus))
    session = daemon.next_session()
    daemon.links.attach(session, agent)
    daemon.carry_out(agent.hello(session))


def test_a_batch_begins_with_its_first_decision(cluster: Cluster) -> None:
    """Deciding that leaves nothing to commit doesn't count as the beginning of what is decided later."""
    daemon = cluster.daemon
    daemon.decide()
    assert daemon.seal() is None
    cluster.clock.advance(5.0)
    daemon.ask(cluster.submission(ONE), Reply())
    daemon.decide()
    batch = daemon.seal()
    assert batch is not None
    assert batch.begun == cluster.clock.mono


def test_deciding_waits_for_the_commit_of_a_large_batch(cluster: Cluster) -> None:
    """Beyond its bound a batch takes nothing in; once it is being committed, the next one does."""
    daemon = bounded(cluster, rows=3)
    joined(daemon, cluster, cpus=9)
    daemon.ask(cluster.submission(ONE, sweep=builders.sweep_of(9)), Reply())
    while not daemon.must_wait():
        daemon.decide()
    assert daemon.batch.fx.size() > 3
    assert daemon.seal() is not None
    assert not daemon.must_wait()
    committed = daemon.commit()
    daemon.act(committed)
    daemon.answer(committed)


def test_who_asks_is_answered_before_all_children_are_opened(cluster: Cluster) -> None:
    """The batch of a submission opens as many children as its bound says, however many there are."""
    daemon = bounded(cluster, opened_first=2)
    run = daemon.carry_out(cluster.submission(ONE, sweep=builders.sweep_of(9))).no
    assert len(daemon.world.runs[run].open) == 9
    daemon.ask(cluster.submission(ONE, sweep=builders.sweep_of(9)), Reply())
    daemon.decide()
    assert len(daemon.world.runs[RunNo(run + 1)].open) == 2


@pytest.mark.parametrize(("briefly", "left"), [(False, 7), (True, 9)])
def test_a_step_decides_what_it_has_time_for(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, *, briefly: bool, left: int
) -> None:
    """However many ask at once, a step takes no longer than its bound and a command, which is less where it is to be
    brief; all are answered, in order.
    """
    daemon = bounded(cluster)
    handle = reactor.handle

    def slow(turn: Turn, command: Command[T], *, settling: int) -> T:
        cluster.clock.advance(0.002)
        return handle(turn, command, settling=settling)

    monkeypatch.setattr(reactor, "handle", slow)
    replies = [Reply() for _ in range(10)]
    for reply in replies:
        daemon.ask(cluster.submission(ONE), reply)
    daemon.decide(briefly=briefly)
    assert len(daemon.inbox) == left
    daemon.finish()
    assert [reply.result.no for reply in replies] == sorted(reply.result.no for reply in replies)


@pytest.mark.parametrize(("briefly", "ended"), [(False, 100), (True, 32)])
def test_a_brief_step_looks_at_few_reports_of_a_message(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, *, briefly: bool, ended: int
) -> None:
    """However many attempts an agent tells of at once, others' calls wait for some of them; the rest are next."""
    daemon = bounded(cluster)
    joined(daemon, cluster, cpus=100)
    run = daemon.carry_out(cluster.submission(ONE, sweep=builders.sweep_of(100))).no
    (session,) = daemon.world.sessions
    reports = [
        builders.success(number, attempt, {"data": "1"}, wall_us=10)
        for number, attempt in enumerate(list(daemon.world.by_attempt), start=1)
    ]
    handle = reactor.handle

    def slow(turn: Turn, command: Command[T], *, settling: int) -> T:
        cluster.clock.advance(0.002)
        return handle(turn, command, settling=settling)

    monkeypatch.setattr(reactor, "handle", slow)
    daemon.post(AgentReports(session=session, reports=reports))
    daemon.decide(briefly=briefly)
    assert len(daemon.world.by_attempt) == 100 - ended
    daemon.finish()
    assert run not in daemon.world.runs  # it has ended


@pytest.mark.parametrize(("seconds", "least", "most"), [(0.0, 256, 256), (0.0001, 50, 50), (0.01, 32, 32)])
def test_a_step_opens_as_many_children_as_it_has_time_for(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, seconds: float, least: int, most: int
) -> None:
    """However long it takes to begin a child, a step hardly exceeds its bound; where it is quick, many begin."""
    daemon = bounded(cluster)
    looked_up: list[int] = []
    results = daemon.records.results

    def slow(keys: Sequence[bytes]) -> object:
        looked_up.append(len(keys))
        cluster.clock.advance(seconds * len(keys))
        return results(keys)

    monkeypatch.setattr(daemon.records, "results", slow)
    daemon.carry_out(cluster.submission(ONE, sweep=builders.sweep_of(2_000)))
    assert sum(looked_up) >= 500
    assert least <= max(looked_up[2:]) <= most


def test_children_of_which_nothing_is_looked_up_are_opened_as_time_allows_too(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes long may be what hits of results in memory take, or runs that use no cache: no look-up tells of it."""
    daemon = bounded(cluster)
    begun: list[int] = []
    settle = readying.settle

    def slow(turn: Turn, most: int) -> None:
        begun.append(len(turn.world.ready))
        cluster.clock.advance(0.0001 * len(turn.world.ready))
        settle(turn, most)

    monkeypatch.setattr(readying, "settle", slow)
    submission = replace(cluster.submission(ONE, sweep=builders.sweep_of(2_000)), cache=CacheMode.NONE)
    daemon.carry_out(submission)
    opened = [count for count in begun if count]
    assert sum(opened) >= 500
    assert max(opened[2:]) == 50


def test_a_step_looks_at_so_many_nodes(cluster: Cluster) -> None:
    """A run of many nodes is taken up in several steps, and no further children are opened meanwhile."""
    daemon = bounded(cluster, settled=3)
    wide = builders.graph({f"N{number}": [] for number in range(10)}, swept=("N0",))
    daemon.ask(cluster.submission(wide, sweep=builders.sweep_of(2), cache=CacheMode.NONE), Reply())
    begun = []
    while daemon.decide():
        begun.append((len(daemon.world.executions), len(daemon.world.ready)))
        if len(begun) == 2:
            daemon.tick()  # a command is a step like another
    assert begun == [(3, 7), (6, 4), (12, 8), (15, 5), (18, 2)]
    daemon.finish()
    assert len(daemon.world.executions) == 20


@pytest.mark.parametrize(("briefly", "begun"), [(False, 16), (True, 4)])
def test_a_brief_step_looks_at_fewer_nodes(cluster: Cluster, *, briefly: bool, begun: int) -> None:
    """Where calls come in all the time each of them waits for a step."""
    daemon = bounded(cluster, settled=16)
    wide = builders.graph({f"N{number}": [] for number in range(40)})
    daemon.ask(cluster.submission(wide, cache=CacheMode.NONE), Reply())
    daemon.decide(briefly=briefly)
    assert len(daemon.world.executions) == begun
    daemon.finish()
    assert len(daemon.world.executions) == 40


def test_what_nobody_waits_for_is_committed_in_large_batches(cluster: Cluster) -> None:
    """A batch is due once somebody waits for its answer, an agent for a word, or it is as large as its bound says."""
    daemon = bounded(cluster, rows_due=3)
    agent = cluster.join("w1", builders.offer(1))
    session = daemon.next_session()
    daemon.links.attach(session, agent)
    assert not daemon.is_due()
    daemon.post(agent.hello(session))
    daemon.decide()
    assert daemon.is_due()  # a welcome
    daemon.finish()
    daemon.ask(cluster.submission(ONE), Reply())
    daemon.decide()
    assert daemon.is_due()  # an answer
    daemon.finish()
    rows = daemon.batch.fx.nodes
    rows |= {(RunNo(1), index, 0): None for index in range(3)}
    assert not daemon.is_due()
    rows[RunNo(1), 3, 0] = None
    assert daemon.is_due()
    rows.clear()


def test_a_commit_waits_for_more_where_nobody_needs_it(cluster: Cluster) -> None:
    """It may while all who are told of something have hundreds of short nodes ahead, and nobody waits for an answer."""
    daemon = bounded(cluster)
    agent = cluster.join("w1", builders.offer(1), prefetch=300)
    session = daemon.next_session()
    daemon.links.attach(session, agent)
    daemon.carry_out(agent.hello(session))
    run = daemon.carry_out(cluster.submission(ONE, sweep=builders.sweep_of(600), cache=CacheMode.NONE)).no

    def end_one() -> None:
        running = next(no for no, held in agent.attempts.items() if held.granted)
        report = agent.end(builders.success(agent.next_seq, running, {"data": "1"}, wall_us=10))
        daemon.post(agent.telling(report))
        daemon.decide()

    assert not daemon.can_wait()  # there is nothing to commit
    end_one()
    assert not daemon.can_wait()  # nothing had been sent ahead yet
    daemon.finish()
    assert len(agent.ahead()) == 300
    end_one()
    assert daemon.can_wait()
    daemon.ask(cluster.submission(ONE), Reply())
    daemon.decide()
    assert not daemon.can_wait()
    daemon.finish()
    end_one()
    assert daemon.can_wait()
    daemon.post(KillRun(run=run, by="Ada"))
    daemon.decide()
    assert not daemon.can_wait()  # attempts are to be stopped
    daemon.finish()


def test_a_retry_goes_page_by_page(cluster: Cluster) -> None:
    """All children that ended badly are retried, though one step reads two of them."""
    run = cluster.submit(ONE, sweep=builders.sweep_of(5))
    cluster.kill(run)
    daemon = bounded(cluster, retried=2)
    assert daemon.carry_out(RetryRun(run=run))
    assert len(daemon.world.runs[run].open) == 5


def test_a_full_disk_admits_what_frees_space_and_keeps_the_rest_in_order(cluster: Cluster) -> None:
    """Kills and signs of life are decided, the rest waits; submissions are refused, jobs too unless they free space."""
    run = cluster.submit(ONE)
    daemon = bounded(cluster)
    daemon.full_disk.found("no space")
    submitted, killed, written, freed = Reply(), Reply(), Reply(), Reply()
    daemon.ask(cluster.submission(ONE), submitted)
    assert isinstance(submitted.error, ResourceExhausted)
    daemon.write(lambda connection: None, written)
    assert isinstance(written.error, ResourceExhausted)
    daemon.write(lambda connection: None, freed, frees=True)
    first, second = cluster.join("w1"), cluster.join("w2")
    assert first.session is not None
    for command in (first.hello(daemon.next_session()), second.hello(daemon.next_session())):
        daemon.post(command)
    daemon.post(AgentHeard(session=first.session))
    daemon.ask(KillRun(run=run), killed)
    assert not daemon.must_wait()
    daemon.finish()
    assert (killed.result, freed.done()) == (True, True)
    assert [getattr(command, "name", "") for command, _ in daemon.inbox] == ["w1", "w2"]
    assert daemon.must_wait()


def test_long_texts_count_as_several_rows(cluster: Cluster) -> None:
    """A batch of few large results, or failures that say much, is bounded, too: what is set aside must hold two."""
    daemon = bounded(cluster, rows=50)
    joined(daemon, cluster, cpus=9)
    agent = cluster.agents["w1"]
    daemon.carry_out(cluster.submission(ONE, sweep=builders.sweep_of(9)))
    assert agent.session is not None
    attempts = list(agent.attempts)
    assert len(attempts) == 9
    said = '"' + "x" * 20_000 + '"'
    for seq, attempt in enumerate(attempts[:4], start=1):
        daemon.post(AgentReports(session=agent.session, reports=[builders.success(seq, attempt, {"data": said})]))
    daemon.decide()
    assert len(daemon.batch.fx.results) == 2, "the others wait for a commit"
    assert daemon.must_wait()
    daemon.finish()
    loud = builders.failure(5, attempts[4], message="x" * 20_000)
    daemon.post(AgentReports(session=agent.session, reports=[loud]))
    daemon.decide()
    assert daemon.batch.fx.weight() > daemon.batch.fx.size() + 50


def test_texts_that_were_taken_back_weigh_nothing(cluster: Cluster) -> None:
    """A batch that has nothing to commit any more keeps nobody waiting for a commit that never comes."""
    daemon = bounded(cluster)
    daemon.batch.fx.weigh(100_000_000)
    assert daemon.must_wait()
    assert daemon.seal() is None
    assert not daemon.must_wait()
