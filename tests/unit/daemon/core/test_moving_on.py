"""Retries with the latest operators: what a run pins, and when that changes."""

from dataclasses import replace

import pytest

from accio.domain.retry_demand import read_retry_demand
from accio.errors import FailedPrecondition
from accio_daemon.core.commands import RetryRun
from accio_daemon.core.terms import Announced, RunNo
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster

A = builders.graph({"A": []}, swept=("A",))
OLD = replace(builders.step(digest="1"), components=(("function f", "1"),))
NEW = replace(builders.step(digest="2"), components=(("function f", "2"),))


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> Cluster:
    """A cluster whose runs pin the old version of their operator."""
    return make_cluster(operators=(OLD,))


def announced(cluster: Cluster, number: int) -> Announced:
    """Return a version by its number."""
    return Announced(no=number, spec=cluster.world.specs[number])


def move_on(cluster: Cluster, run: RunNo, index: int | None = None, *, memory: str = "") -> bool:
    """Retry with the version that was announced last."""
    latest = announced(cluster, cluster.world.latest["Step"][1])
    demand = read_retry_demand(memory=memory) or None
    return bool(cluster.ask(RetryRun(run=run, index=index, operators=(latest,), demand=demand)))


def pinned(cluster: Cluster, run: RunNo) -> str:
    """Return the digest of the version that a run pins, as it is stored."""
    ((number,),) = cluster.disk.rows("SELECT json_extract(operators, '$[0]') FROM runs WHERE no = ?", run)
    return cluster.world.specs[number].digest or ""


def test_what_waits_for_earlier_code_goes_on_with_the_latest(cluster: Cluster) -> None:
    """Nothing has failed, and yet something changed: nodes of code that nobody offers any more are executed."""
    cluster.leave(cluster.join("old", operators=(OLD,)))
    run = cluster.submit(A, sweep=builders.sweep_of(2))
    cluster.join("new", operators=(NEW,))
    assert cluster.why(run, 0).startswith("no connected agent offers version")
    assert move_on(cluster, run)
    cluster.succeed("0/A")
    assert not move_on(cluster, run), "it is there already"
    cluster.succeed("1/A")
    assert cluster.run_is_over(run)
    assert pinned(cluster, run) == NEW.digest
    told = cluster.disk.rows("SELECT detail FROM events WHERE run_no = ? AND kind = 'retried'", run)
    assert told == [("retried by a user, with the latest operators",)]


def test_a_run_that_has_succeeded_pins_what_it_was_made_by(cluster: Cluster) -> None:
    """There is nothing to execute again, of the run or of a child of it."""
    cluster.join("old", builders.offer(2), operators=(OLD,))
    run = cluster.submit(A, sweep=builders.sweep_of(2))
    cluster.fail("0/A")
    cluster.succeed("1/A")
    cluster.leave(cluster.agents["old"])
    cluster.join("new", operators=(NEW,))
    assert not move_on(cluster, run, 1)
    assert pinned(cluster, run) == OLD.digest
    assert move_on(cluster, run, 0)
    assert pinned(cluster, run) == NEW.digest
    cluster.succeed("0/A")
    cluster.join("newer", operators=(replace(NEW, digest="3"),))
    assert not move_on(cluster, run)
    assert pinned(cluster, run) == NEW.digest


def test_a_refused_retry_leaves_what_is_pinned(cluster: Cluster) -> None:
    """A run whose nodes would demand more than any agent has keeps its version, now and after a restart."""
    cluster.join("old", builders.offer(1, memory=1 << 20), operators=(OLD,))
    run = cluster.submit(A)
    cluster.fail("A")
    cluster.leave(cluster.agents["old"])
    cluster.join("new", builders.offer(1, memory=1 << 20), operators=(NEW,))
    with pytest.raises(FailedPrecondition, match="could never be executed"):
        move_on(cluster, run, memory="1TiB")
    assert pinned(cluster, run) == OLD.digest
    cluster.restart()
    assert pinned(cluster, run) == OLD.digest
