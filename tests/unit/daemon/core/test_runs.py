"""Runs, children and nodes: how they end, and what failures, kills, deletions and retries do to them."""

import pytest

from accio.domain.runs import OnFailure
from accio.domain.states import Cause, RunState
from accio.errors import AlreadyExists, NotFound
from accio_daemon.core.commands import DeleteRun, KillRun, RetryRun
from accio_daemon.core.facts import StaleFacts
from accio_daemon.core.world import Settings
from accio_daemon.engine.prepare import Preparation
from tests import builders
from tests.fakes import FakeAgent, Reply
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster

CHAIN: dict[str, list[str]] = {"A": [], "B": ["A"]}
DIAMOND: dict[str, list[str]] = {"A": [], "B": ["A"], "C": ["A"], "D": ["B", "C"]}
ONE = builders.graph({"A": []}, swept=("A",))


def test_a_run_succeeds_when_all_its_nodes_do(cluster: Cluster) -> None:
    """Each node begins when all its predecessors have succeeded."""
    run = cluster.submit(builders.graph(DIAMOND))
    cluster.join("w1", builders.offer(4))
    cluster.succeed("A")
    assert cluster.nodes(run) == {"A": "success", "B": "running", "C": "running", "D": "waiting"}
    cluster.succeed("B")
    assert cluster.state_of(run, "D") == "waiting"
    cluster.succeed("C")
    cluster.succeed("D")
    assert cluster.state(run) == "success"


def test_a_failure_cancels_all_that_follows_and_nothing_else(cluster: Cluster) -> None:
    """Other branches go on, and the run ends when they have."""
    run = cluster.submit(builders.graph(DIAMOND | {"E": ["C"]}))
    cluster.join("w1", builders.offer(4))
    cluster.succeed("A")
    cluster.fail("B")
    assert cluster.nodes(run) == {"A": "success", "B": "failed", "C": "running", "D": "cancelled", "E": "waiting"}
    assert '"predecessor":"B"' in cluster.cause(run, 3)
    cluster.succeed("C")
    cluster.succeed("E")
    assert cluster.state(run) == "failed"


@pytest.mark.parametrize(
    ("cause", "retried"),
    [(Cause.EXCEPTION, True), (Cause.EXIT_CODE, True), (Cause.TIME_OUT, True), (Cause.BAD_OUTPUT, True),
     (Cause.BAD_INPUT, False), (Cause.STAGING, False)],
)  # fmt: skip
def test_retries_are_for_failures_of_the_operator(make_cluster: MakeCluster, cause: Cause, retried: bool) -> None:
    """A bad input stays bad: only what the operator did is tried again."""
    cluster = make_cluster(operators=(builders.step(retries=1),))
    run = cluster.submit(builders.graph({"A": []}))
    cluster.join()
    cluster.fail("A", cause)
    assert cluster.state_of(run, "A") == ("running" if retried else "failed")


def test_a_retry_waits_for_its_back_off(make_cluster: MakeCluster) -> None:
    """The second attempt begins when the back-off is over, and it doubles."""
    cluster = make_cluster(operators=(builders.step(retries=2, backoff_ms=1000),))
    run = cluster.submit(builders.graph({"A": []}))
    cluster.join()
    for wait in (1.0, 2.0):
        cluster.fail("A")
        cluster.tick(wait - 0.1)
        assert cluster.state_of(run, "A") == "queued"
        assert "more before attempt" in cluster.why(run, 0)
        cluster.tick(0.2)
        assert cluster.state_of(run, "A") == "running"


@pytest.mark.parametrize(
    ("policy", "goes_on"), [(builders.STOP, False), (builders.at_most(1), True), (builders.at_most(0), False)]
)
def test_on_failure_stops_the_rest(cluster: Cluster, policy: OnFailure, goes_on: bool) -> None:
    """Queued and waiting nodes are cancelled, running ones go on, unreached children count as failed."""
    run = cluster.submit(builders.graph(CHAIN, swept=("A",)), sweep=builders.sweep_of(3), on_failure=policy)
    cluster.join("w1", builders.offer(2))
    cluster.fail("0/A")
    if goes_on:
        assert cluster.state_of(run, "A", 2) == "running"
        return
    assert cluster.nodes(run, 1) == {"A": "running", "B": "cancelled"}
    assert cluster.nodes(run, 2) == {"A": "cancelled", "B": "cancelled"}
    cluster.succeed("1/A")
    assert cluster.state(run) == "failed"


def test_a_stopped_run_that_shares_an_execution_survives_a_restart(cluster: Cluster) -> None:
    """A child of which only a shared execution goes on is found again after a restart."""
    other = cluster.submit(builders.graph({"A": []}))
    cluster.join()
    run = cluster.submit(builders.graph({"A": [], "B": ["A"], "F": []}), on_failure=builders.STOP)
    cluster.join("w2")
    cluster.fail("F")
    assert cluster.nodes(run) == {"A": "queued", "B": "cancelled", "F": "failed"}
    cluster.restart()
    agent = cluster.agents["w1"]
    cluster.rejoin(agent)
    cluster.succeed("A")
    assert (cluster.state(other), cluster.state(run)) == ("success", "failed")
    assert cluster.nodes(run)["A"] == "success"


def test_kill_ends_what_runs_and_what_waits(cluster: Cluster) -> None:
    """Running and queued nodes become killed, waiting ones cancelled; the agent is told to stop."""
    run = cluster.submit(builders.graph({"A": [], "B": [], "C": ["A", "B"]}))
    agent = cluster.join()
    attempt = agent.attempt_of("A")
    assert cluster.kill(run)
    assert cluster.nodes(run) == {"A": "killed", "B": "killed", "C": "cancelled"}
    assert cluster.state(run) == "killed"
    assert agent.stopped == [attempt]
    assert agent.no is not None
    assert cluster.world.agents[agent.no].account.reservations == 1, "the capacity is free once the agent says so"
    agent.answer_stops()
    cluster.ask(agent.telling())
    assert cluster.world.agents[agent.no].account.reservations == 0
    assert not cluster.kill(run), "an ended run stays as it is"


def test_what_another_run_waits_for_goes_on(cluster: Cluster) -> None:
    """Killing the run that began an execution leaves it to those who share it, also over a restart."""
    first = cluster.submit(builders.graph({"A": []}))
    agent = cluster.join()
    second = cluster.submit(builders.graph({"A": []}))
    cluster.kill(first)
    assert agent.stopped == []
    assert cluster.state_of(second, "A") == "running"
    cluster.restart()
    cluster.rejoin(agent)
    assert agent.running() != []
    cluster.succeed("A")
    assert (cluster.state(first), cluster.state(second)) == ("killed", "success")


def test_nobody_adopts_an_execution_that_is_being_stopped(cluster: Cluster) -> None:
    """A node that is retried while its old execution is being stopped gets a new one, also over a restart."""
    run = cluster.submit(builders.graph({"A": []}))
    agent = cluster.join()
    cluster.kill(run)
    cluster.retry(run)
    cluster.restart()
    cluster.rejoin(agent)
    assert cluster.state_of(run, "A") == "running"
    cluster.succeed("A")
    assert cluster.state(run) == "success"


def test_killing_a_parent_costs_what_is_open(make_cluster: MakeCluster) -> None:
    """Unreached children are killed without a row of theirs."""
    cluster = make_cluster(settings=Settings(open_children=2))
    run = cluster.submit(ONE, sweep=builders.sweep_of(1000))
    cluster.join()
    cluster.kill(run)
    assert cluster.state(run) == "killed"
    assert cluster.disk.rows("SELECT count(*) FROM instances") == [(2,)]


def test_killing_a_child_leaves_its_siblings(cluster: Cluster) -> None:
    """A child can be killed before it was opened; the last open one ends its parent."""
    run = cluster.submit(ONE, sweep=builders.sweep_of(3))
    cluster.join()
    assert cluster.kill(run, 2)
    cluster.succeed("0/A")
    cluster.succeed("1/A")
    assert [cluster.child(run, index) for index in range(3)] == ["success", "success", "killed"]
    assert cluster.state(run) == "killed"


def test_many_open_children_are_killed_in_steps(make_cluster: MakeCluster) -> None:
    """However many are open, each decision stays short, and a retry in between wins."""
    cluster = make_cluster(restored_every=100)
    run = cluster.submit(ONE, sweep=builders.sweep_of(600))
    cluster.kill(run)
    assert cluster.state(run) == "killed"
    assert cluster.retry(run)
    assert cluster.state(run) == "running"
    assert len(cluster.run(run).open) == 600


def test_kills_of_many_runs_share_a_step(make_cluster: MakeCluster) -> None:
    """However many runs are killed at once, each decision ends no more children than one kill's would, and all get
    their turns.
    """
    cluster = make_cluster(settings=Settings(killed_at_once=3))
    runs = [cluster.submit(ONE, sweep=builders.sweep_of(20)) for _ in range(8)]
    for run in runs:
        cluster.daemon.ask(KillRun(run=run), Reply())
    cluster.daemon.decide()

    def left() -> list[int]:
        return [len(cluster.run(run).open) for run in runs if cluster.world.runs.get(run)]

    while cluster.world.killing:
        before = left()
        cluster.daemon.decide()
        assert sum(before) - sum(left()) <= 3
        assert max(left(), default=0) - min(left(), default=0) <= 6
    cluster.daemon.finish()
    assert [cluster.state(run) for run in runs] == ["killed"] * 8


@pytest.mark.parametrize("joined", [True, False])
def test_a_restart_goes_on_with_a_kill_of_many(make_cluster: MakeCluster, joined: bool) -> None:
    """A daemon that dies right after a kill was acknowledged ends the run in its next life."""
    cluster = make_cluster(settings=Settings(killed_at_once=2))
    run = cluster.submit(ONE, sweep=builders.sweep_of(20))
    if joined:
        cluster.join(resources=builders.offer(5))
    reply = Reply()
    cluster.daemon.ask(KillRun(run=run), reply)
    cluster.daemon.decide()
    cluster.daemon.seal()
    committed = cluster.daemon.commit()
    cluster.daemon.act(committed)
    cluster.daemon.answer(committed)
    assert reply.result is True, "the kill is acknowledged"
    assert len(cluster.run(run).open) > 10, "most children are open still"
    cluster.restart()
    assert cluster.run_is_over(run)
    assert cluster.state(run) == "killed"
    assert cluster.retry(run)
    assert len(cluster.run(run).open) == 20


@pytest.mark.parametrize("started", [True, False])
def test_deleting_a_run_leaves_nothing(cluster: Cluster, started: bool) -> None:
    """All rows go, what runs is stopped, and what the agent says later changes nothing; the result stays a hit."""
    run = cluster.submit(builders.graph(CHAIN, swept=("A",)), sweep=builders.sweep_of(2))
    agent = cluster.join() if started else None
    assert cluster.delete(run)
    assert not cluster.exists(run)
    if agent is not None:
        cluster.restart()
        cluster.rejoin(agent)
        assert agent.attempts == {}
    assert cluster.queue() == []
    for table in ("instances", "nodes", "executions", "attempts", "runs"):
        assert cluster.disk.rows(f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608 — constants


def test_a_deleted_runs_stopped_attempt_leaves_no_row(cluster: Cluster) -> None:
    """The report that ends a stopped attempt is taken, and kept nowhere, once its run is deleted."""
    run = cluster.submit(builders.graph({"A": []}))
    agent = cluster.join()
    cluster.kill(run)
    cluster.delete(run)
    agent.answer_stops()
    cluster.ask(agent.telling())
    assert cluster.disk.rows("SELECT count(*) FROM attempts") == [(0,)]


def test_the_last_child_takes_its_parent_along(cluster: Cluster) -> None:
    """Children that ended can be deleted one by one."""
    run = cluster.submit(ONE, sweep=builders.sweep_of(2))
    cluster.join("w1", builders.offer(2))
    cluster.succeed("0/A")
    cluster.succeed("1/A")
    ended = cluster.disk.rows("SELECT ended_at FROM runs")
    cluster.tick(5)
    cluster.delete(run, 0)
    assert cluster.disk.rows("SELECT ended_at FROM runs") == ended, "the parent ended when it ended"
    assert cluster.run_is_over(run)
    cluster.delete(run, 1)
    assert not cluster.exists(run)


def test_numbers_of_deleted_runs_are_never_given_again(cluster: Cluster) -> None:
    """Results outlive their runs and name them: another run must not take the name."""
    run = cluster.submit(ONE)
    cluster.join()
    cluster.succeed("A")
    cluster.delete(run)
    cluster.restart()
    assert cluster.submit(ONE) > run


def test_facts_that_changed_are_refused(cluster: Cluster) -> None:
    """What the engine read about an ended child must fit what the core knows; nothing changes otherwise."""
    run = cluster.submit(ONE, sweep=builders.sweep_of(2))
    cluster.join()
    cluster.succeed("0/A")
    with pytest.raises(StaleFacts):
        cluster.daemon.carry_out(DeleteRun(run=run, index=0), prepared=False)
    cluster.succeed("1/A")
    for late in (RetryRun(run=run), DeleteRun(run=run, index=1)):
        with pytest.raises(StaleFacts):
            cluster.daemon.carry_out(late, prepared=False)
    assert cluster.exists(run)


def test_a_run_whose_end_isnt_durable_yet_isnt_taken_from_the_database(cluster: Cluster) -> None:
    """What the database says of a run that has ended since is stale; once its end is durable, it can be retried."""
    run = cluster.submit(builders.graph({"A": []}))
    agent = cluster.join()
    daemon = cluster.daemon
    daemon.post(agent.telling(agent.end(builders.failure(1, agent.attempt_of("A")))))
    daemon.decide()
    steps = Preparation(cluster.world, cluster.disk.records, daemon.is_undurable).steps(RetryRun(run=run))
    assert next(steps) is None
    assert steps.send(None) is None, "the facts are stale: it waits again"
    assert daemon.seal() is not None
    assert steps.send(None) is None
    committed = daemon.commit()
    assert steps.send(None) is None, "whoever is to be told of the end isn't yet"
    daemon.act(committed)
    daemon.answer(committed)
    assert isinstance(steps.send(None), RetryRun)
    steps.close()
    assert cluster.retry(run)


def test_unknown_children_are_not_found(cluster: Cluster) -> None:
    """A child beyond the sweep, or deleted, doesn't exist; an ended parent that was asked about stays as it was."""
    run = cluster.submit(ONE, sweep=builders.sweep_of(2))
    cluster.join("w1", builders.offer(2))
    cluster.delete(run, 1)
    with pytest.raises(NotFound):
        cluster.kill(run, 1)
    cluster.succeed("0/A")
    with pytest.raises(NotFound):
        cluster.delete(run, 1)
    assert cluster.run_is_over(run)


def test_retry_runs_again_what_did_not_succeed(cluster: Cluster) -> None:
    """Successes stay; the run is the same one."""
    run = cluster.submit(builders.graph({"A": [], "B": ["A"], "C": ["B"]}))
    cluster.join()
    cluster.succeed("A")
    cluster.fail("B")
    assert cluster.retry(run)
    assert cluster.nodes(run) == {"A": "success", "B": "running", "C": "waiting"}
    cluster.succeed("B")
    cluster.succeed("C")
    assert cluster.state(run) == "success"


def test_retrying_what_succeeded_changes_nothing(cluster: Cluster) -> None:
    """Not even the time at which it ended."""
    run = cluster.submit(builders.graph({"A": []}))
    cluster.join()
    cluster.succeed("A")
    before = cluster.disk.rows("SELECT state, ended_at FROM runs")
    cluster.tick(5)
    assert not cluster.retry(run)
    assert cluster.disk.rows("SELECT state, ended_at FROM runs") == before
    assert cluster.run_is_over(run)


@pytest.mark.parametrize("children", [1, 3])
def test_what_was_killed_before_it_was_opened_can_be_retried(make_cluster: MakeCluster, children: int) -> None:
    """A kill that leaves no row is undone like any other."""
    cluster = make_cluster(settings=Settings(backlog=0))
    run = cluster.submit(ONE, sweep=builders.sweep_of(children))
    cluster.kill(run)
    assert cluster.disk.rows("SELECT count(*) FROM instances") == [(0,)]
    assert cluster.retry(run)
    assert cluster.state(run) == RunState.RUNNING


def test_what_was_killed_before_it_began_can_be_retried(cluster: Cluster) -> None:
    """A child that was open and hadn't begun runs after a retry, also over a restart."""
    run = cluster.submit(ONE, sweep=builders.sweep_of(2))
    cluster.kill(run)
    assert cluster.retry(run)
    cluster.restart()
    cluster.join("w1", builders.offer(2))
    cluster.succeed("0/A")
    cluster.succeed("1/A")
    assert cluster.state(run) == "success"


def test_one_child_of_a_killed_parent_can_be_retried(make_cluster: MakeCluster) -> None:
    """Also one that was never opened; its siblings stay killed."""
    cluster = make_cluster(settings=Settings(open_children=1))
    run = cluster.submit(ONE, sweep=builders.sweep_of(5))
    cluster.kill(run)
    assert cluster.retry(run, 3)
    cluster.join()
    cluster.succeed("3/A")
    assert cluster.child(run, 3) == "success"
    assert cluster.state(run) == "killed"


def test_a_retry_lifts_the_stop_even_if_nothing_else_changes(cluster: Cluster) -> None:
    """Once what failed was retried by itself, the run is open again, also after a restart."""
    run = cluster.submit(ONE, sweep=builders.sweep_of(2), on_failure=builders.STOP)
    cluster.join("w1", builders.offer(2))
    cluster.fail("0/A")
    cluster.retry(run, 0)
    assert not cluster.retry(run)
    cluster.restart()
    assert cluster.run(run).closed == 0


def test_a_submission_is_made_once(cluster: Cluster) -> None:
    """The same key gives the same run; another request under it is refused."""
    command = cluster.submission(ONE, idempotency=("Ada", "k", b"1"))
    first = cluster.ask(command)
    again = cluster.ask(command)
    assert (again.no, again.created) == (first.no, False)
    with pytest.raises(AlreadyExists):
        cluster.ask(cluster.submission(ONE, idempotency=("Ada", "k", b"2")))


def test_nothing_of_a_run_begins_after_its_kill(cluster: Cluster) -> None:
    """A kill of many open children takes several decisions; what it hasn't reached isn't begun in between."""
    run = cluster.submit(ONE, sweep=builders.sweep_of(999))
    agent = cluster.join("w1", builders.offer(2))
    begun = set(agent.running())
    assert len(begun) == 2
    daemon = cluster.daemon
    daemon.post(KillRun(run=run))
    daemon.decide()
    assert len(cluster.run(run).open) > 256, "the kill isn't done"
    late = cluster.agents["w2"] = FakeAgent(name="w2", resources=builders.offer(64), operators=cluster.operators)
    session = daemon.next_session()
    daemon.links.attach(session, late)
    daemon.post(late.hello(session))
    daemon.finish()
    cluster.check()
    assert late.attempts == {}
    assert cluster.state(run) == "killed"
    assert cluster.queue() == []


@pytest.mark.parametrize("how", ["kill", "delete"])
def test_what_is_stopped_and_ends_in_one_batch_leaves_nothing(cluster: Cluster, how: str) -> None:
    """A kill or a deletion that is decided together with the end of what it stops gives the reservation back."""
    run = cluster.submit(builders.graph({"A": []}))
    agent = cluster.join()
    report = agent.end(builders.failure(agent.next_seq, agent.attempt_of("A"), Cause.EXCEPTION))
    daemon = cluster.daemon
    daemon.post(KillRun(run=run) if how == "kill" else DeleteRun(run=run, index=None, ended=None))
    daemon.post(agent.telling(report))
    daemon.finish()
    cluster.check()
    assert agent.outbox == {}
    assert cluster.exists(run) == (how == "kill")
    assert cluster.disk.rows("SELECT 1 FROM executions") == []
    cluster.submit(builders.graph({"B": []}))
    assert agent.running()
