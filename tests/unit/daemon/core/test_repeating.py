"""Sweeps that are repeated until precise: each point gets as many repetitions as what it gave says."""

import pytest

from accio.domain.datatypes import parse_type
from accio.domain.precision import Until
from accio.domain.states import RunState
from accio.domain.sweeps import Sweep
from accio.domain.workflows import Workflow
from accio_daemon.core.commands import PointMeasured
from accio_daemon.core.effects import MeasureRequest
from accio_daemon.core.terms import RunNo
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster


class DiedError(Exception):
    """The daemon died."""


DOUBLE = parse_type("double")


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> Cluster:
    """Make a cluster with an agent that has room for everything."""
    cluster = make_cluster(operators=(builders.step(unstable=True, kind=DOUBLE),))
    cluster.join("w1", builders.offer(100))
    return cluster


def workflow() -> Workflow:
    """Make a Step that takes x and draws a number."""
    return builders.graph({"A": []}, swept=("A",))


def sweep(points: int, *, least: int, most: int, ci95: float = 1.0) -> Sweep:
    """Make points that are repeated until the interval of what A gives is narrow enough."""
    until = Until(node="A", port="data", ci95=ci95, least=least)
    return builders.sweep_of(points, repeat=most).repeated_until(until)


def running(cluster: Cluster) -> list[int]:
    """Return the children that agents execute."""
    return sorted(
        int(name.partition("/")[0].rpartition(".")[2]) for agent in cluster.agents.values() for name in agent.running()
    )


def end(cluster: Cluster, run: RunNo, values: dict[int, float]) -> None:
    """End children with values."""
    for child, value in values.items():
        cluster.succeed(f"{child}/A", str(value))


def rounds(cluster: Cluster, run: RunNo) -> list[tuple[int, ...]]:
    """Return what is stored of each point: how many repetitions, and whether it has ended."""
    return cluster.disk.rows("SELECT point, repetitions, ended FROM rounds WHERE run_no = ? ORDER BY point", run)


def test_each_point_begins_with_as_many_as_are_asked_for(cluster: Cluster) -> None:
    """Numbers stay those of the largest sweep: the second point begins at the first number behind the first's."""
    cluster.submit(workflow(), sweep=sweep(2, least=3, most=10))
    assert running(cluster) == [0, 1, 2, 10, 11, 12]


def test_a_precise_point_gets_no_more(cluster: Cluster) -> None:
    """What it would have had at most is gone from the run, whose number of children says so."""
    run = cluster.submit(workflow(), sweep=sweep(2, least=3, most=10))
    end(cluster, run, {0: 1.0, 1: 1.1, 2: 0.9})
    assert rounds(cluster, run) == [(0, 3, 1)]
    assert cluster.run(run).counts.present == 13
    end(cluster, run, {10: 1.0, 12: 1.1, 11: 0.9})
    assert cluster.run_is_over(run)
    assert cluster.state(run) is RunState.SUCCESS
    assert cluster.disk.rows("SELECT count(*) FROM instances WHERE run_no = ?", run) == [(6,)]


def test_a_point_that_is_not_gets_more(cluster: Cluster) -> None:
    """At most as many again, then again, and no more than the most."""
    run = cluster.submit(workflow(), sweep=sweep(1, least=3, most=10, ci95=0.001))
    end(cluster, run, {0: 1.0, 1: 5.0, 2: 9.0})
    assert running(cluster) == [3, 4, 5]
    end(cluster, run, {3: 1.0, 4: 5.0, 5: 9.0})
    assert running(cluster) == [6, 7, 8, 9]
    end(cluster, run, {9: 1.0, 8: 5.0, 7: 9.0, 6: 5.0})
    assert rounds(cluster, run) == [(0, 10, 1)]
    assert cluster.run_is_over(run)


def test_nothing_is_decided_before_all_have_ended(cluster: Cluster) -> None:
    """Though those that ended first agree: what a point gets doesn't depend on which of its repetitions are quick."""
    run = cluster.submit(workflow(), sweep=sweep(1, least=3, most=10))
    end(cluster, run, {2: 1.0, 1: 1.0})
    assert rounds(cluster, run) == []
    assert cluster.why(run, 0, 5) == (
        "begins only if the first 3 repetitions of its point aren't enough: "
        "until the 95 % interval of A/data is ± 1 or narrower"
    )
    end(cluster, run, {0: 50.0})
    assert rounds(cluster, run) == [(0, 6, 0)]


@pytest.mark.parametrize("deaths", [0, 1, 2, 3])
def test_a_restart_decides_the_same(cluster: Cluster, deaths: int) -> None:
    """Whenever the daemon dies, in between or after a decision, the same children begin."""
    run = cluster.submit(workflow(), sweep=sweep(2, least=2, most=8, ci95=1.0))
    values = {0: 1.0, 1: 4.0, 8: 2.0, 9: 2.1}
    for at, (child, value) in enumerate(values.items()):
        if at == deaths:
            cluster.restart()
            agent = cluster.agents["w1"]
            cluster.rejoin(agent, held=agent.die())
        cluster.succeed(f"{child}/A", str(value))
    assert rounds(cluster, run) == [(0, 4, 0), (1, 2, 1)]
    assert running(cluster) == [2, 3]


def test_what_was_being_read_at_a_crash_is_asked_again(cluster: Cluster) -> None:
    """A point whose last repetition is durable, and about which nothing was decided, isn't forgotten."""
    run = cluster.submit(workflow(), sweep=sweep(1, least=2, most=8))
    end(cluster, run, {0: 1.0})

    def die(request: MeasureRequest) -> PointMeasured:
        raise DiedError

    cluster.daemon.outside.measured = die  # type: ignore[method-assign]  # the daemon dies while it reads
    with pytest.raises(DiedError):
        end(cluster, run, {1: 9.0})
    assert rounds(cluster, run) == []
    cluster.restart()
    assert rounds(cluster, run) == [(0, 4, 0)]


def test_failures_count_as_repetitions_and_give_no_value(cluster: Cluster) -> None:
    """So a point whose nodes fail comes to an end, too."""
    run = cluster.submit(workflow(), sweep=sweep(1, least=2, most=4))
    cluster.fail("0/A")
    cluster.fail("1/A")
    assert running(cluster) == [2, 3]
    end(cluster, run, {2: 1.0})
    cluster.fail("3/A")
    assert cluster.run_is_over(run)
    assert cluster.state(run) is RunState.FAILED
    assert cluster.disk.rows("SELECT repetitions, ended, count, half FROM rounds") == [(4, 1, 1, None)]


def test_a_deleted_child_is_not_waited_for(cluster: Cluster) -> None:
    """The others decide."""
    run = cluster.submit(workflow(), sweep=sweep(1, least=3, most=10))
    end(cluster, run, {0: 1.0, 1: 1.0})
    cluster.delete(run, 2)
    assert cluster.run_is_over(run)
    assert cluster.disk.rows("SELECT removed FROM runs WHERE no = ?", run) == [("[[2,9]]",)]


def test_a_killed_run_goes_on_when_it_is_retried(cluster: Cluster) -> None:
    """Nothing is decided about a killed run; once it is retried, what was killed runs, and then the rest."""
    run = cluster.submit(workflow(), sweep=sweep(1, least=2, most=6, ci95=0.1))
    end(cluster, run, {0: 1.0})
    cluster.kill(run)
    assert cluster.state(run) is RunState.KILLED
    agent = cluster.agents["w1"]
    cluster.ask(agent.telling(*agent.answer_stops()))
    assert cluster.retry(run)
    assert running(cluster) == [1]
    end(cluster, run, {1: 3.0})
    assert running(cluster) == [2, 3]
    end(cluster, run, {2: 1.0, 3: 3.0})
    end(cluster, run, {4: 1.0, 5: 3.0})
    assert cluster.run_is_over(run)
    assert cluster.state(run) is RunState.SUCCESS


def test_a_child_killed_ahead_of_its_turn_stays_killed(cluster: Cluster) -> None:
    """It stands in the run though its point would have needed no more."""
    run = cluster.submit(workflow(), sweep=sweep(1, least=2, most=6))
    cluster.kill(run, 4)
    end(cluster, run, {0: 1.0, 1: 1.0})
    assert cluster.run_is_over(run)
    assert cluster.child(run, 4) is RunState.KILLED
    assert cluster.disk.rows("SELECT removed FROM runs WHERE no = ?", run) == [("[[2,3],[5,5]]",)]


def test_a_retried_failure_of_an_ended_point_opens_no_others(cluster: Cluster) -> None:
    """What was decided stays decided."""
    run = cluster.submit(workflow(), sweep=sweep(1, least=3, most=6))
    cluster.fail("0/A")
    end(cluster, run, {1: 1.0, 2: 1.0})
    assert cluster.run_is_over(run)
    assert cluster.retry(run)
    assert running(cluster) == [0]
    end(cluster, run, {0: 100.0})
    assert cluster.run_is_over(run)
    assert cluster.state(run) is RunState.SUCCESS


def test_deleting_the_run_takes_its_rounds_along(cluster: Cluster) -> None:
    """Nothing of it is left."""
    run = cluster.submit(workflow(), sweep=sweep(2, least=2, most=6))
    end(cluster, run, {0: 1.0, 1: 1.0})
    assert rounds(cluster, run)
    cluster.delete(run)
    assert rounds(cluster, run) == []
