"""Agents that come and go again and again."""

import pytest

from accio.domain.states import RunState
from tests import builders
from tests.simulator.cluster import Cluster

ROUNDS = 900  # of two seconds with a session and two without: an hour


@pytest.mark.slow
def test_an_agent_that_comes_and_goes_for_an_hour() -> None:
    """It keeps what it runs, others aren't disturbed, and nothing of its sessions is left."""
    cluster = Cluster()
    unsteady = cluster.join("w1")
    long = cluster.submit(builders.graph({"Long": []}))
    attempt = unsteady.attempt_of("Long")
    steady = cluster.join("w2")
    for number in range(ROUNDS):
        cluster.checked = number % 100 == 0
        cluster.leave(unsteady)
        cluster.tick(2.0)
        run = cluster.submit(builders.graph({f"Short{number}": []}))
        assert steady.holds(f"Short{number}")
        cluster.succeed(f"Short{number}")
        assert cluster.run_is_over(run)
        cluster.rejoin(unsteady)
        cluster.tick(2.0)
    cluster.checked = True
    cluster.check()
    assert cluster.world.by_attempt.keys() == {attempt}
    assert [(no, held.granted) for no, held in unsteady.attempts.items()] == [(attempt, True)]
    assert cluster.run(long).state is RunState.RUNNING
    assert len(cluster.world.sessions) == len(cluster.daemon.links.welcomed) == 2
    assert len(cluster.world.agents) == 2
    assert not cluster.disk.rows("SELECT 1 FROM attempts")
    cluster.close()
