"""Trials that are ended early: what is killed, what that counts as, and what is left of it."""

import pytest

from accio.domain.halving import Halving
from accio.domain.states import Cause, RunState
from accio.domain.studies import Objective, Sampler, Study
from accio.domain.sweeps import Sweep
from accio_daemon.core.commands import PruneTrial
from accio_daemon.core.pruning import measuring
from accio_daemon.core.terms import RunNo
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> Cluster:
    """Make a cluster with an agent that has room for some children."""
    cluster = make_cluster(operators=(builders.step(unstable=True),))
    cluster.join("w1", builders.offer(4))
    return cluster


def study(trials: int, *, repeat: int = 1) -> Sweep:
    """Make the sweep of a study whose trials may be ended early."""
    return builders.sweep_of(trials, repeat=repeat).studied(
        Study(
            objectives=(Objective("A", "data"),),
            trials=trials,
            sampler=Sampler.GRID,
            prune=Halving(node="A", name="loss"),
        )
    )


def submitted(cluster: Cluster, trials: int, *, repeat: int = 1) -> RunNo:
    """Submit a study of a Step that takes x."""
    return cluster.submit(builders.graph({"A": []}, swept=("A",)), sweep=study(trials, repeat=repeat))


def prune(cluster: Cluster, run: RunNo, trial: int) -> None:
    """End a trial early, and let the agent say that it has."""
    cluster.daemon.carry_out(PruneTrial(run=run, trial=trial, why="behind"))
    agent = cluster.agents["w1"]
    cluster.ask(agent.telling(*agent.answer_stops()))


def pruned(cluster: Cluster, run: RunNo) -> list[int]:
    """Return the children that are stored as pruned."""
    return [index for (index,) in cluster.disk.rows("SELECT idx FROM pruned WHERE run_no = ? ORDER BY idx", run)]


def test_a_pruned_trial_is_killed_and_does_not_count(cluster: Cluster) -> None:
    """The study is a success, and the trial's node says why it was killed."""
    run = submitted(cluster, 3)
    prune(cluster, run, 1)
    assert cluster.child(run, 1) is RunState.KILLED
    ((cause,),) = cluster.disk.rows("SELECT cause FROM nodes WHERE run_no = ? AND idx = 1", run)
    assert f'"{Cause.PRUNED}"' in cause
    assert "behind" in cause
    cluster.succeed("0/A")
    cluster.succeed("2/A")
    assert cluster.run_is_over(run)
    assert cluster.state(run) is RunState.SUCCESS
    assert pruned(cluster, run) == [1]


def test_a_trial_ends_with_all_its_repetitions(cluster: Cluster) -> None:
    """What has succeeded stays, what runs is killed, what hasn't begun never does."""
    run = submitted(cluster, 2, repeat=6)
    cluster.succeed("0/A")
    prune(cluster, run, 0)
    assert cluster.child(run, 0) is RunState.SUCCESS
    assert pruned(cluster, run) == [1, 2, 3, 4, 5]
    assert all(cluster.child(run, index) is RunState.KILLED for index in range(1, 6))


def test_a_killed_study_stays_killed(cluster: Cluster) -> None:
    """Though one of its killed trials doesn't count."""
    run = submitted(cluster, 3)
    prune(cluster, run, 1)
    cluster.kill(run)
    assert cluster.state(run) is RunState.KILLED


def test_what_is_over_is_not_pruned(cluster: Cluster) -> None:
    """A trial that has ended, a run that is over, and one that is no study."""
    run = submitted(cluster, 2)
    cluster.succeed("0/A")
    prune(cluster, run, 0)
    assert pruned(cluster, run) == []
    cluster.succeed("1/A")
    prune(cluster, run, 1)
    other = cluster.submit(builders.graph({"A": []}, swept=("A",)), sweep=builders.sweep_of(2))
    prune(cluster, other, 0)
    assert pruned(cluster, run) == pruned(cluster, other) == []
    assert cluster.state(run) is RunState.SUCCESS


def test_a_restart_remembers_what_was_pruned(cluster: Cluster) -> None:
    """So that the study's state is the same."""
    run = submitted(cluster, 2)
    prune(cluster, run, 1)
    cluster.restart()
    agent = cluster.agents["w1"]
    cluster.rejoin(agent, held=agent.die())
    cluster.succeed("0/A")
    assert cluster.state(run) is RunState.SUCCESS


def test_a_retry_leaves_pruned_trials(cluster: Cluster) -> None:
    """What failed runs again; a trial that was pruned doesn't, though one names it."""
    run = submitted(cluster, 3)
    prune(cluster, run, 1)
    cluster.fail("0/A")
    cluster.succeed("2/A")
    assert cluster.state(run) is RunState.FAILED
    assert cluster.retry(run)
    cluster.succeed("0/A")
    assert cluster.state(run) is RunState.SUCCESS
    assert cluster.child(run, 1) is RunState.KILLED
    assert not cluster.retry(run, 1)
    assert pruned(cluster, run) == [1]


def test_a_deleted_trial_is_not_pruned_any_more(cluster: Cluster) -> None:
    """Nothing of it is left, nor of a run."""
    run = submitted(cluster, 3)
    prune(cluster, run, 1)
    prune(cluster, run, 2)
    cluster.delete(run, 1)
    assert pruned(cluster, run) == [2]
    cluster.delete(run)
    assert pruned(cluster, run) == []


def test_what_measures_is_told(cluster: Cluster) -> None:
    """Of each study whose trials may be ended early, the attempts that agents execute, by child."""
    run = submitted(cluster, 6)
    cluster.submit(builders.graph({"A": []}, swept=("A",)), sweep=builders.sweep_of(2))
    (found,) = measuring(cluster.world)
    assert (found.run, found.repeat, found.node, found.objective.output) == (run, 1, 0, "A/data")
    assert sorted(found.attempts) == [0, 1, 2, 3]
