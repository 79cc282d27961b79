"""Columns: data frames of sweeps that have ended, the daemon's memory meanwhile, and what a fan-out loses by them."""

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from accio_client import Client
from tests.benchmarks.bed import FAN, Bed, bed, run_sweep
from tests.benchmarks.reading import WIDE
from tests.benchmarks.rows import Context, Measured, Row
from tests.benchmarks.seeding import seed_nodes, whole

THREE = {
    "id": "three",
    "params": [{"name": "i", "kind": "integer"}],
    "graph": [{"op": "Three", "inputs": {"i": {"param": "i"}}}],
}
_FIGURES = {
    "a": "CAST(-1 - each.i AS TEXT)",
    "b": "(-1 - each.i) || '.375'",
    "c": "printf('%.16g', (-1 - each.i) / 7.0)",
}
_TURNS = 3  # of a fan-out beside frames, each after one alone


@contextmanager
def _peak(process: psutil.Process) -> Iterator[list[float]]:
    """Measure by how many megabytes a process grows during the block, at most."""
    before = process.memory_info().rss
    grown: list[float] = [0.0]
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            grown[0] = max(grown[0], (process.memory_info().rss - before) / 1e6)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield grown
    finally:
        over.set()
        looking.join()


def _frames(ready: Bed, client: Client, run: str, repetitions: int) -> dict[str, object]:
    times: list[float] = []
    shape: list[int] = []
    with _peak(ready.daemon_process()) as grown, ready.spending() as spent:
        for _ in range(repetitions):
            began = time.perf_counter()
            shape = list(client.frame(run).shape)
            times.append(time.perf_counter() - began)
    return {
        "shape": shape,
        "times": [round(each, 2) for each in times],
        "daemon_grows_mb": round(grown[0], 1),
        "daemon_cpu_s": round(spent.daemon / repetitions, 2),
        "client_cpu_s": round(spent.client / repetitions, 2),
    }


def _measured(found: dict[str, object]) -> Measured:
    times = found["times"]
    assert isinstance(times, list)
    return Measured(value=round(statistics.median(times), 2), details=found)


def _hundred_thousand(context: Context) -> Measured:
    runs = 10_000 if context.quick else 100_000
    with bed(context.root, (WIDE,)) as ready, ready.cluster.client() as client:
        run_sweep(ready, client, {"workflow": "wide", "params": {"i": ready.fresh(runs), "eps": 0.5}}, runs)
        return _measured(_frames(ready, client, client.list_runs().runs[0].id, context.repetitions))


def _seed_million(context: Context, ready: Bed) -> str:
    """Store a sweep of a million children with three outputs; return its id."""
    with ready.cluster.client() as client:
        sample = client.submit({"workflow": "three", "params": {"i": 1}}).run.id
        client.wait(sample)
    children = 100_000 if context.quick else 1_000_000
    ready.fill(lambda database: seed_nodes(database, sample, whole("i", children), outputs=_FIGURES))
    with ready.cluster.client() as client:
        return next(each.id for each in client.list_runs().runs if each.id != sample)


def _million(context: Context) -> Measured:
    with bed(context.root, (THREE,)) as ready:
        run = _seed_million(context, ready)
        with ready.cluster.client() as client:
            return _measured(_frames(ready, client, run, context.repetitions))


def _beside(context: Context) -> Measured:
    """Fan out alone and beside a frame of a million children by turns, the medians' ratio of what they took."""
    nodes = 10_000 if context.quick else 50_000
    with bed(context.root, (THREE, FAN)) as ready:
        run = _seed_million(context, ready)
        alone: list[float] = []
        beside: list[float] = []
        frames: list[float] = []

        def frame(reader: Client) -> None:
            began = time.perf_counter()
            reader.frame(run)
            frames.append(time.perf_counter() - began)

        with ready.cluster.client() as client, ready.cluster.client() as reader:
            fan = {"workflow": "fan", "params": {}}
            for _ in range(_TURNS):
                alone.append(run_sweep(ready, client, {**fan, "params": {"i": ready.fresh(nodes)}}, nodes)[0])
                reading = threading.Thread(target=frame, args=[reader])
                reading.start()
                beside.append(run_sweep(ready, client, {**fan, "params": {"i": ready.fresh(nodes)}}, nodes)[0])
                reading.join()
        lost = 1 - statistics.median(beside) / statistics.median(alone)
        details = {
            "alone": [round(each) for each in alone],
            "beside": [round(each) for each in beside],
            "frame_s": [round(each, 1) for each in frames],
        }
        return Measured(value=round(100 * lost, 1), details=details)


def _row(name: str, title: str, unit: str, must: float, wish: float, measure: object) -> Row:
    return Row(name=name, title=title, unit=unit, must=must, wish=wish, more=False, measure=measure)  # type: ignore[arg-type]  # names of fixed choices


ROWS = (
    _row("frame", "data frame of 100,000 children × 20 columns", "s", 1, 0.5, _hundred_thousand),
    _row("frame1m", "data frame of 1,000,000 children × 3 outputs", "s", 4, 2, _million),
    _row("framefan", "what a fan-out of 50,000 loses beside a data frame of 1,000,000", "%", 10, 5, _beside),
)
