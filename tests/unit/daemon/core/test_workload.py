"""What is left to do, and when it will have ended."""

import pytest

from accio.domain.resources import Resources
from accio.domain.retry_demand import read_retry_demand
from accio_daemon.core.commands import DrainAgent, RetryRun
from accio_daemon.core.readings.forecast import Forecast, Forecaster, Spread, spread_of
from accio_daemon.core.readings.workload import Workload, workload
from accio_daemon.core.terms import CacheMode, RunNo
from accio_daemon.core.world import Settings
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster
from tests.unit.daemon.core.test_agent_windows import window

TEN = Spread(low=10.0, high=20.0, measured=64)


def seen(cluster: Cluster) -> Workload:
    """Read the workload, now."""
    return workload(cluster.world, cluster.clock.now())


def forecasts(cluster: Cluster, spread: Spread | None = TEN) -> dict[RunNo, Forecast]:
    """Forecast each run, if every operator takes that long."""
    load = seen(cluster)
    spreads = {} if spread is None else {operator_no: spread for operator_no, _ in load.demands}
    forecaster = Forecaster(load, spreads)
    return {run.no: forecaster.serve(run.rests) for run in load.runs}


def test_what_is_left_is_counted_by_run_and_by_kind(cluster: Cluster) -> None:
    """Of ten children on two places two run, eight wait; what has ended isn't left."""
    cluster.join("w1", builders.offer(2))
    run = cluster.submit(builders.graph({"A": []}, swept=("A",)), sweep=builders.sweep_of(10))
    cluster.succeed("0/A" if cluster.agents["w1"].holds("0/A") else "A")
    load = seen(cluster)
    (mine,) = load.runs
    assert (mine.no, mine.children, mine.running, mine.executions) == (run, 9, 2, 9)
    assert mine.reserved == Resources(milli_cpus=2000)
    (demand,) = load.demands.values()
    assert (demand.operator, demand.running, demand.left, demand.slots) == ("Step", 2, 9, 2)
    assert demand.waits == "waits for room for 1 CPU on w1"
    assert not demand.never


@pytest.mark.parametrize(("cache", "left"), [(CacheMode.USE, 1), (CacheMode.NONE, 4)])
def test_children_that_share_an_execution_count_once(cluster: Cluster, cache: CacheMode, left: int) -> None:
    """A node that no parameter reaches is executed once for all children, unless the memo isn't used."""
    cluster.submit(builders.graph({"A": []}), sweep=builders.sweep_of(4), cache=cache)
    assert seen(cluster).runs[0].executions == left


def test_many_open_children_are_looked_at_by_a_sample(
    make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reading costs no more with many open children, and tells the same."""
    monkeypatch.setattr("accio_daemon.core.readings.workload.LOOKED_AT", 100)
    cluster = make_cluster(settings=Settings(open_children=500))
    cluster.submit(builders.graph({"A": []}, swept=("A",)), sweep=builders.sweep_of(400))
    (mine,) = seen(cluster).runs
    assert len(cluster.run(mine.no).open) == 400
    assert (mine.executions, mine.queued) == (400, 400)


def test_a_sweep_takes_as_long_as_its_nodes_on_the_places_that_there_are(cluster: Cluster) -> None:
    """Eight nodes of 10 to 20 seconds on two places: 40 seconds at least, 80 and one more node at most."""
    cluster.join("w1", builders.offer(2))
    run = cluster.submit(builders.graph({"A": []}, swept=("A",)), sweep=builders.sweep_of(8))
    found = forecasts(cluster)[run]
    assert (found.low, found.high) == (40.0, 100.0)
    assert (found.cpu_low, found.cpu_high) == (80.0, 160.0)


def test_a_chain_takes_as_long_as_its_nodes_one_after_the_other(cluster: Cluster) -> None:
    """More places don't make a chain shorter, and time that a node has run already counts."""
    cluster.join("w1", builders.offer(8))
    run = cluster.submit(builders.graph({"A": [], "B": ["A"], "C": ["B"]}))
    assert forecasts(cluster)[run].low == 30.0
    cluster.tick(6.0)
    assert forecasts(cluster)[run].low == pytest.approx(24.0)


def test_nodes_of_microseconds_end_no_faster_than_the_daemon_hands_them_on(cluster: Cluster) -> None:
    """A million nodes of 10 to 20 µs: not 5 to 10 seconds, but as long as a daemon needs for a million."""
    cluster.join("w1", builders.offer(2))
    quick = Spread(low=10e-6, high=20e-6, measured=64)
    first, second = (
        cluster.submit(builders.graph({name: []}, swept=(name,)), sweep=builders.sweep_of(size))
        for name, size in (("A", 1_000_000), ("B", 500_002))
    )
    found = forecasts(cluster, quick)
    assert [found[first].low, found[first].high] == pytest.approx([100, 600], rel=0.01)
    assert [found[second].low, found[second].high] == pytest.approx([150, 900], rel=0.01)
    assert found[first].cpu_high == pytest.approx(20, rel=0.01)


def test_runs_wait_for_those_ahead_of_them(cluster: Cluster) -> None:
    """The second of two equal runs ends when both have been served."""
    cluster.join("w1", builders.offer(1))
    first, second = (
        cluster.submit(builders.graph({name: []}, swept=(name,)), sweep=builders.sweep_of(4)) for name in ("A", "B")
    )
    found = forecasts(cluster)
    assert (found[first].low, found[second].low) == (40.0, 80.0)


def test_what_uses_other_things_is_in_nobodys_way(cluster: Cluster) -> None:
    """Nodes that need few CPUs of many aren't held up by what waits for GPUs."""
    cluster.join("w1", builders.offer(100, gpus=1))
    wanting = builders.graph({"G": []}, swept=("G",), demands={"G": builders.offer(1, gpus=1)})
    cluster.submit(wanting, sweep=builders.sweep_of(10))
    run = cluster.submit(builders.graph({"A": []}))
    assert forecasts(cluster)[run].low == 10.0


def test_nothing_is_said_of_what_nobody_knows(make_cluster: MakeCluster) -> None:
    """A run of an operator that was never executed has no forecast, nor has who waits behind it."""
    cluster = make_cluster(operators=(builders.step(), builders.step("Known")))
    cluster.join("w1", builders.offer(1))
    first = cluster.submit(builders.graph({"A": []}, swept=("A",)), sweep=builders.sweep_of(4))
    behind = cluster.submit(builders.graph({"B": []}, op="Known"))
    load = seen(cluster)
    known = {demand[0]: TEN for demand, each in load.demands.items() if each.operator == "Known"}
    forecaster = Forecaster(load, known)
    found = {run.no: forecaster.serve(run.rests) for run in load.runs}
    assert found[first].why == "nothing is known yet of how long Step takes"
    assert found[behind].why == "nothing is known yet of how long Step takes, ahead of it in the queue"


def test_what_is_not_known_is_listed(make_cluster: MakeCluster) -> None:
    """Operators of which nothing is known are told as a list."""
    names = ("Read", "Fit", "Score")
    cluster = make_cluster(operators=tuple(map(builders.step, names)))
    cluster.join("w1", builders.offer(1))
    cluster.submit(builders.graph({"A": []}, op="Score"))
    for name in names:
        cluster.submit(builders.graph({"A": []}, op=name))
    load = seen(cluster)
    forecaster = Forecaster(load, {})
    found = forecaster.serve(tuple(rest for run in load.runs for rest in run.rests))
    assert found.why == "nothing is known yet of how long Fit, Read and Score take"


def test_what_no_agent_can_execute_never_ends(cluster: Cluster) -> None:
    """The forecast says what is wanted and what there is; it holds up nobody else."""
    cluster.join("w1", builders.offer(2))
    large = cluster.submit(builders.graph({"L": []}, demands={"L": builders.offer(16)}))
    small = cluster.submit(builders.graph({"A": []}))
    found = forecasts(cluster)
    assert found[large].never
    assert found[large].why == "needs 16 CPUs; the largest agent that offers Step has 2 CPUs"
    assert found[small] == Forecast(low=10.0, high=30.0, cpu_low=10.0, cpu_high=20.0)


def test_where_all_agents_drain_nothing_ends(cluster: Cluster) -> None:
    """That every agent drains is said instead of a forecast."""
    cluster.join("w1", builders.offer(2))
    cluster.ask(DrainAgent(name="w1", draining=True))
    run = cluster.submit(builders.graph({"A": []}))
    found = forecasts(cluster)[run]
    assert found.never
    assert "drains" in found.why


def test_agents_in_a_window_do_not_count(cluster: Cluster) -> None:
    """What could begin only at them is put off until one of their windows is over; elsewhere it goes on meanwhile."""
    cluster.join("w1", builders.offer(4))
    window(cluster, "patch day", 0, 600, "w1")
    run = cluster.submit(builders.graph({"A": []}, swept=("A",)), sweep=builders.sweep_of(3))
    cluster.tick(1)
    put_off = forecasts(cluster)[run]
    assert 590 < put_off.low < put_off.high
    assert (put_off.never, put_off.why) == (False, "")
    cluster.join("w2", builders.offer(1))
    ((_, load),) = seen(cluster).demands.items()
    assert (load.slots, load.begins_in_s) == (1, 0.0)
    assert forecasts(cluster)[run].high < 590


def test_nodes_that_were_retried_with_more_count_with_what_they_demand_now(cluster: Cluster) -> None:
    """One of three children needs two CPUs since its retry: it is told of by itself, and takes more of the cluster."""
    cluster.join("w1", builders.offer(4))
    run = cluster.submit(builders.graph({"A": []}, swept=("A",)), sweep=builders.sweep_of(3))
    before = forecasts(cluster)[run]
    cluster.fail("1/A")
    cluster.ask(RetryRun(run=run, index=1, demand=read_retry_demand(cpus="4")))
    load = seen(cluster)
    left = {demand[1].milli_cpus: (each.left, each.running, each.slots) for demand, each in load.demands.items()}
    assert left == {1000: (2, 2, 4), 4000: (1, 0, 1)}
    after = forecasts(cluster)[run]
    assert (after.cpu_low, before.cpu_low) == (60.0, 30.0)
    assert after.low > before.low


def test_durations_are_quartiles_further_apart_where_they_are_few() -> None:
    """One execution says little, many say how much they differ."""
    assert spread_of([]) is None
    assert spread_of([4.0]) == Spread(low=2.0, high=8.0, measured=1)
    many = spread_of([1.0] * 32 + [3.0] * 32)
    assert many is not None
    assert (many.low, many.high) == (0.9375, 3.375)
