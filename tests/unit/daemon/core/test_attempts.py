"""Attempts of one node: their numbers, and the back-off between them, over restarts and retries by users."""

import pytest

from accio.domain.limits import LONGEST_MS
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster

A = builders.graph({"A": []})


def _number(cluster: Cluster, node: str = "A") -> int:
    agent = cluster.holder(node)
    return agent.attempts[agent.attempt_of(node)].assignment.number


@pytest.fixture
def patient(make_cluster: MakeCluster) -> Cluster:
    """Return a cluster whose operator is retried twice, after 10 and after 20 seconds."""
    return make_cluster(operators=(builders.step(retries=2, backoff_ms=10_000),))


def test_a_restart_of_the_daemon_shortens_no_back_off(patient: Cluster) -> None:
    """A node whose daemon died while it waited begins when it would have begun."""
    patient.submit(A)
    agent = patient.join()
    patient.fail("A")
    patient.tick(4.0)
    patient.restart()
    patient.rejoin(agent)
    patient.tick(5.5)
    assert agent.attempts == {}
    patient.tick(1.0)
    assert _number(patient) == 2
    patient.fail("A")
    patient.restart()
    patient.rejoin(agent)
    patient.tick(19.0)
    assert agent.attempts == {}
    patient.tick(1.5)
    assert _number(patient) == 3


def test_a_back_off_beyond_all_numbers_ends_nobody(make_cluster: MakeCluster) -> None:
    """The longest back-off that a long holds, as stored workflows may have it, makes a node wait for ten years."""
    cluster = make_cluster(operators=(builders.step(retries=2, backoff_ms=2**63 - 1),))
    cluster.submit(A)
    agent = cluster.join()
    cluster.fail("A")
    cluster.restart()
    cluster.rejoin(agent)
    assert agent.attempts == {}
    cluster.clock.advance(LONGEST_MS / 1000 + 1)
    cluster.tick(1.0)
    cluster.rejoin(agent)
    assert _number(cluster) == 2


def test_time_without_a_daemon_counts_for_the_back_off(patient: Cluster) -> None:
    """A daemon that was away for longer than the back-off begins the node at once."""
    patient.submit(A)
    agent = patient.join()
    patient.fail("A")
    patient.clock.advance(60.0)
    patient.restart()
    patient.rejoin(agent)
    assert _number(patient) == 2


def test_a_wall_clock_that_was_set_back_makes_nobody_wait_longer(patient: Cluster) -> None:
    """After a restart with a clock a day behind, the node waits for a whole back-off, not for a day."""
    patient.submit(A)
    agent = patient.join()
    patient.fail("A")
    patient.clock.wall_ms -= 86_400_000
    patient.restart()
    patient.rejoin(agent)
    patient.tick(10.5)
    assert _number(patient) == 2


@pytest.mark.parametrize("restarted", [False, True])
def test_a_retry_by_a_user_counts_on(patient: Cluster, restarted: bool) -> None:
    """What tells attempts apart outside never repeats, also after a retry of a run that was over, or a restart."""
    run = patient.submit(A)
    agent = patient.join()
    for number in (1, 2, 3):
        assert _number(patient) == number
        patient.fail("A")
        patient.tick(21.0)
    assert patient.state(run) == "failed"
    if restarted:
        patient.restart()
        patient.rejoin(agent)
    patient.retry(run)
    assert _number(patient) == 4
    patient.lose(agent)
    patient.restart()
    patient.rejoin(agent)
    assert _number(patient) == 5


def test_a_retry_while_the_run_goes_on_counts_on(patient: Cluster) -> None:
    """Also where the child of the failed node is still open, and no stored facts are read."""
    run = patient.submit(builders.graph({"A": [], "B": []}))
    patient.join("w1", builders.offer(2))
    for _ in range(3):
        patient.fail("A")
        patient.tick(21.0)
    assert patient.state(run) == "running"
    patient.retry(run)
    assert (_number(patient), _number(patient, "B")) == (4, 1)
