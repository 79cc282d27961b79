"""Studies that ask for their trials: when the next one is asked for, what its sampler knows, and how sweeps grow."""

import pytest

from accio.domain.states import RunState
from accio.domain.sweeps import Sweep
from accio.domain.workflows import Workflow
from accio_daemon.core.commands import TrialAsked
from accio_daemon.core.effects import AskRequest
from accio_daemon.core.terms import RunNo
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster


class DiedError(Exception):
    """The daemon died."""


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> Cluster:
    """Make a cluster with an agent that has room for everything."""
    cluster = make_cluster(operators=(builders.step(unstable=True),))
    cluster.join("w1", builders.offer(100))
    return cluster


@pytest.fixture
def asked(cluster: Cluster) -> list[AskRequest]:
    """Return the list of what samplers are asked, which grows; answers are those of the cluster's daemon."""
    requests: list[AskRequest] = []
    answer = cluster.daemon.outside.asked

    def note(request: AskRequest) -> TrialAsked:
        requests.append(request)
        return answer(request)

    cluster.daemon.outside.asked = note  # type: ignore[method-assign]
    return requests


def workflow() -> Workflow:
    """Make a Step that takes x."""
    return builders.graph({"A": []}, swept=("A",))


def running(cluster: Cluster) -> list[int]:
    """Return the children that agents execute."""
    return sorted(
        int(name.partition("/")[0].rpartition(".")[2]) for agent in cluster.agents.values() for name in agent.running()
    )


def told(cluster: Cluster, run: RunNo) -> list[int]:
    """Return the trials that ended, in the stored order."""
    return [trial for (trial,) in cluster.disk.rows("SELECT trial FROM told WHERE run_no = ? ORDER BY place", run)]


def values(cluster: Cluster, run: RunNo) -> list[str]:
    """Return the stored value of x of each child."""
    ((text,),) = cluster.disk.rows("SELECT sweep FROM runs WHERE no = ?", run)
    sweep = Sweep.from_text(text)
    return [sweep.child(number)["x"] for number in range(sweep.size)]


def test_so_many_trials_are_in_flight(cluster: Cluster, asked: list[AskRequest]) -> None:
    """Each one that ends makes room for another, until there are as many as are wanted; then the run is over."""
    run = cluster.submit(workflow(), sweep=builders.study_of(4))
    assert running(cluster) == [0, 1]
    cluster.succeed("1/A")
    assert running(cluster) == [0, 2]
    assert cluster.run(run).counts.present == 4
    cluster.succeed("0/A")
    assert running(cluster) == [2, 3]
    cluster.succeed("2/A")
    cluster.succeed("3/A")
    assert cluster.run_is_over(run)
    assert cluster.state(run) is RunState.SUCCESS
    assert [(each.trial, each.told) for each in asked] == [(2, (1,)), (3, (1, 0))]
    assert told(cluster, run) == [1, 0, 2, 3]
    assert len(values(cluster, run)) == 4


def test_a_trial_ends_with_its_last_repetition(cluster: Cluster, asked: list[AskRequest]) -> None:
    """Failures end repetitions, too."""
    run = cluster.submit(workflow(), sweep=builders.study_of(3, at_once=1, repeat=2))
    cluster.fail("1/A")
    assert asked == []
    cluster.succeed("0/A")
    assert [(each.trial, each.told) for each in asked] == [(1, (0,))]
    assert running(cluster) == [2, 3]
    assert cluster.run(run).counts.present == 6


@pytest.mark.parametrize("deaths", range(6))
def test_a_restart_asks_the_same(cluster: Cluster, deaths: int) -> None:
    """Whenever the daemon dies, the same trials begin, known by the order in which the others ended."""
    run = cluster.submit(workflow(), sweep=builders.study_of(6))
    for at, child in enumerate([1, 0, 2, 3, 5, 4]):
        if at == deaths:
            cluster.restart()
            agent = cluster.agents["w1"]
            cluster.rejoin(agent, held=agent.die())
        cluster.succeed(f"{child}/A")
    assert cluster.run_is_over(run)
    assert told(cluster, run) == [1, 0, 2, 3, 5, 4]
    assert values(cluster, run) == ["40", "41", "14", "21", "32", "48"]


def test_what_was_being_asked_at_a_crash_is_asked_again(cluster: Cluster) -> None:
    """A study whose sampler hadn't answered goes on."""
    run = cluster.submit(workflow(), sweep=builders.study_of(3, at_once=1))

    def die(request: AskRequest) -> TrialAsked:
        raise DiedError

    cluster.daemon.outside.asked = die  # type: ignore[method-assign]  # the daemon dies while it asks
    with pytest.raises(DiedError):
        cluster.succeed("0/A")
    assert (told(cluster, run), len(values(cluster, run))) == ([0], 1)
    cluster.restart()
    assert len(values(cluster, run)) == 2


def test_an_answer_that_comes_late_changes_nothing(cluster: Cluster) -> None:
    """One for a trial that is there, for a run that is over, and for one that never was."""
    run = cluster.submit(workflow(), sweep=builders.study_of(3, at_once=1))
    cluster.succeed("0/A")
    before = values(cluster, run)
    for late in (run, RunNo(99)):
        cluster.daemon.carry_out(TrialAsked(run=late, trial=1, row=(3,)))
    assert values(cluster, run) == before
    cluster.kill(run)
    cluster.daemon.carry_out(TrialAsked(run=run, trial=2, row=(3,)))
    assert values(cluster, run) == before


def test_a_killed_study_goes_on_when_it_is_retried(cluster: Cluster) -> None:
    """What it hadn't asked for counts as killed; the retry runs what was killed again, and asks for the rest."""
    run = cluster.submit(workflow(), sweep=builders.study_of(4, at_once=1))
    cluster.succeed("0/A")
    cluster.kill(run)
    assert cluster.state(run) is RunState.KILLED
    agent = cluster.agents["w1"]
    cluster.ask(agent.telling(*agent.answer_stops()))
    assert cluster.retry(run)
    cluster.succeed("1/A")
    cluster.succeed("2/A")
    cluster.succeed("3/A")
    assert cluster.run_is_over(run)
    assert cluster.state(run) is RunState.SUCCESS
    assert told(cluster, run) == [0, 1, 2, 3]


def test_a_deleted_trial_is_not_waited_for(cluster: Cluster) -> None:
    """The study goes on without it."""
    run = cluster.submit(workflow(), sweep=builders.study_of(3, at_once=1))
    cluster.delete(run, 0)
    assert len(values(cluster, run)) == 2
    cluster.succeed("1/A")
    cluster.succeed("2/A")
    assert cluster.run_is_over(run)


def test_a_study_that_stops_at_a_failure_asks_no_more(cluster: Cluster) -> None:
    """It has failed, and what was left never begins."""
    run = cluster.submit(workflow(), sweep=builders.study_of(9, at_once=1), on_failure=builders.STOP)
    cluster.fail("0/A")
    assert cluster.run_is_over(run)
    assert cluster.state(run) is RunState.FAILED
    assert len(values(cluster, run)) == 1


def test_deleting_the_run_takes_its_order_along(cluster: Cluster) -> None:
    """Nothing of it is left."""
    run = cluster.submit(workflow(), sweep=builders.study_of(9))
    cluster.succeed("0/A")
    assert told(cluster, run) == [0]
    cluster.delete(run)
    assert told(cluster, run) == []
