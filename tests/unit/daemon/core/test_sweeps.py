"""Sweeps are formulas: whatever is done to ten million children costs what is open, in time, memory and rows."""

import tracemalloc
from collections.abc import Callable
from time import process_time

import pytest

from accio.domain.axes import Axis
from accio.domain.ranges import WholePoints
from accio.domain.sweeps import Sweep
from accio.domain.workflows import Workflow
from accio_daemon.core.terms import RunNo
from accio_daemon.core.world import Settings
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster

MILLIONS = 10_000_000
WORKFLOW = builders.graph({"A": [], "B": ["A"]}, swept=("A",))


def huge() -> Sweep:
    """Make a sweep of ten million children as a formula."""
    return Sweep((Axis("x", builders.INTEGER, WholePoints(start=0, step=1, size=MILLIONS)),))


def written(cluster: Cluster) -> tuple[int, int]:
    """Count the rows of runs, and the bytes of the database that are in use."""
    rows = 0
    for table in ("runs", "instances", "nodes", "executions", "attempts", "run_params", "tags"):
        rows += cluster.disk.rows(f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608 — constants
    ((pages,),) = cluster.disk.rows("PRAGMA page_count")
    ((free,),) = cluster.disk.rows("PRAGMA freelist_count")
    ((size,),) = cluster.disk.rows("PRAGMA page_size")
    return rows, (pages - free) * size


def measured(what: Callable[[], object]) -> tuple[float, int]:
    """Return the seconds that something took, and the bytes that it left in memory."""
    tracemalloc.start()
    began = process_time()
    what()
    seconds = process_time() - began
    left, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return seconds, left


@pytest.fixture
def small(make_cluster: MakeCluster) -> Cluster:
    """Make a cluster that opens few children at a time."""
    return make_cluster(settings=Settings(open_children=100), restored_every=1000)


def submit(cluster: Cluster, workflow: Workflow = WORKFLOW) -> RunNo:
    """Submit ten million children."""
    return cluster.submit(workflow, sweep=huge())


def test_submitting_millions_costs_one_row(small: Cluster) -> None:
    """No row and no object exists for a child that hasn't been reached."""
    before = written(small)
    seconds, left = measured(lambda: submit(small))
    rows, size = (now - then for now, then in zip(written(small), before, strict=True))
    assert rows == 2, "the run, and one for its parameter"
    assert size <= 65_536
    assert left < 2_000_000, "a hundred open children, and none else"
    assert seconds < 2


@pytest.mark.parametrize("begun", [False, True])
def test_killing_millions_costs_what_is_open(small: Cluster, begun: bool) -> None:
    """A mark, and the open children."""
    run = submit(small)
    if begun:
        small.join("w1", builders.offer(10))
        small.succeed("0/A")
    seconds, left = measured(lambda: small.kill(run))
    assert small.run_is_over(run)
    assert small.disk.rows("SELECT count(*) FROM instances") == [(100,)]
    assert left < 1_000_000
    assert seconds < 2
    assert small.queue() == []


def test_deleting_millions_costs_what_is_open(small: Cluster) -> None:
    """All rows go; there were few."""
    run = submit(small)
    small.join("w1", builders.offer(10))
    seconds, _ = measured(lambda: small.delete(run))
    assert not small.exists(run)
    assert small.disk.rows("SELECT count(*) FROM instances") == [(0,)]
    assert seconds < 2


def test_retrying_millions_costs_what_was_open(small: Cluster) -> None:
    """The mark goes, the cursor goes on; children that were reached begin again."""
    run = submit(small)
    small.kill(run)
    seconds, left = measured(lambda: small.retry(run))
    assert small.state(run) == "running"
    assert len(small.run(run).open) == 100
    assert left < 3_000_000
    assert seconds < 2


def test_restarting_with_millions_costs_what_is_open(small: Cluster) -> None:
    """The cursor opens again at the lowest child without a row."""
    run = submit(small)
    small.join("w1", builders.offer(3))
    small.succeed("0/A")
    seconds, _ = measured(small.restart)
    assert seconds < 2
    assert small.run(run).taken.low == 4
    assert small.nodes(run, 0) == {"A": "success", "B": "queued"}
    small.rejoin(small.agents["w1"])
    small.succeed("1/A")


def test_any_child_can_be_named_before_anything_ran(small: Cluster) -> None:
    """Killing or deleting the last child costs one row or none."""
    run = submit(small)
    assert small.kill(run, MILLIONS - 1)
    assert small.child(run, MILLIONS - 1) == "killed"
    small.delete(run, MILLIONS - 2)
    small.delete(run, MILLIONS - 3)
    assert small.run(run).taken.removed == [(MILLIONS - 3, MILLIONS - 2)]
    assert len(small.run(run).open) == 100


def test_deleted_children_never_open(make_cluster: MakeCluster) -> None:
    """The cursor passes them by, before and after a restart."""
    cluster = make_cluster(settings=Settings(open_children=2))
    run = cluster.submit(WORKFLOW, sweep=builders.sweep_of(6))
    for index in (2, 3, 4):
        cluster.delete(run, index)
    cluster.delete(run, 0)
    assert sorted(cluster.run(run).open) == [1, 5]
    cluster.restart()
    assert sorted(cluster.run(run).open) == [1, 5]
    cluster.join("w1", builders.offer(2))
    for node in ("1/A", "5/A", "1/B", "5/B"):
        cluster.succeed(node)
    assert cluster.state(run) == "success"


def test_a_node_that_no_axis_reaches_is_executed_once(small: Cluster) -> None:
    """All children share the prefix that doesn't vary."""
    run = small.submit(builders.graph({"A": [], "B": ["A"]}, swept=("B",)), sweep=builders.sweep_of(50))
    small.join("w1", builders.offer(60))
    assert len(small.agents["w1"].attempts) == 1
    small.succeed("0/A")
    assert len(small.agents["w1"].attempts) == 50
    assert small.disk.rows("SELECT count(*) FROM nodes WHERE run_no = ? AND cached = 1", run) == [(49,)]


def test_killing_many_that_share_one_execution_isnt_quadratic(make_cluster: MakeCluster) -> None:
    """Each leaves the execution at the cost of one; the last one out stops it."""
    cluster = make_cluster(restored_every=1000)
    run = cluster.submit(builders.graph({"A": []}), sweep=builders.sweep_of(1, repeat=8000))
    agent = cluster.join()
    assert len(cluster.run(run).open) == 8000
    began = process_time()
    cluster.kill(run)
    assert process_time() - began < 15, "it takes a second"
    assert cluster.run_is_over(run)
    assert agent.stopped == list(agent.attempts)
