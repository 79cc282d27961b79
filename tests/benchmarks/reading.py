"""Reading: lists of a million runs, exports of a hundred thousand."""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from accio.domain.states import RunState
from accio_client import Client
from accio_client.export.exporting import Options
from accio_client.export.files import Format
from accio_client.views import RunFilter
from tests.benchmarks.bed import bed, run_sweep
from tests.benchmarks.rows import Context, Measured, Row
from tests.benchmarks.seeding import seed_runs

FILTERS = {
    "none": RunFilter(),
    "state": RunFilter(states=(RunState.FAILED,)),
    "tag": RunFilter(tags=("tag7",)),
    "owner": RunFilter(owner="owner7@example.org"),
    "part of an owner": RunFilter(owner="wner 1"),
    "unknown owner": RunFilter(owner="nobody"),
    "name": RunFilter(name="name 77"),
    "workflow": RunFilter(workflow="fan"),
    "text": RunFilter(text="word77"),
    "parameter": RunFilter(params={"i": "77"}),
    "created after": RunFilter(created_after=datetime.fromtimestamp(1_700_000_000, UTC)),
    "created before": RunFilter(created_before=datetime.fromtimestamp(1_700_000_001, UTC)),
}
WIDE = {
    "id": "wide",
    "params": [{"name": "i", "kind": "integer"}, {"name": "eps", "kind": "double"}],
    "graph": [{"op": "Many", "inputs": {"i": {"param": "i"}, "eps": {"param": "eps"}}}],
}


def _list(context: Context) -> Measured:
    runs = 50_000 if context.quick else 1_000_000
    with bed(context.root) as ready:
        with ready.cluster.client() as client:
            sample = client.submit({"workflow": "fan", "params": {"i": 1}}).run.id
            client.wait(sample)
        seeded, _ = ready.fill(lambda database: seed_runs(database, runs, sample))
        with ready.cluster.client() as client:
            times = {name: round(_list_once(client, wanted), 1) for name, wanted in FILTERS.items()}
        return Measured(value=max(times.values()), details={"runs": runs, "ms": times, "seeding_s": round(seeded)})


def _list_once(client: Client, wanted: RunFilter) -> float:
    times: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        client.list_runs(wanted, limit=50)
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def _export(context: Context, kind: Format) -> Measured:
    runs = 10_000 if context.quick else 100_000
    with bed(context.root, (WIDE,)) as ready, ready.cluster.client() as client:
        sweep = {"workflow": "wide", "params": {"i": ready.fresh(runs), "eps": 0.5}}
        run_sweep(ready, client, sweep, runs)
        run = client.list_runs().runs[0].id
        times: list[float] = []
        files: tuple[Path, ...] = ()
        for number in range(context.repetitions):
            began = time.perf_counter()
            exported = client.export(run, Options(folder=context.root / str(number), format=kind, wide=True))
            times.append(time.perf_counter() - began)
            files = tuple(file.path for file in exported)
        size = sum(path.stat().st_size for path in files)
        return Measured(
            value=round(statistics.median(times), 2),
            details={"runs": runs, "times": [round(each, 2) for each in times], "megabytes": round(size / 1e6, 1)},
        )


def _row(name: str, title: str, unit: str, must: float, wish: float, measure: Callable[[Context], Measured]) -> Row:
    return Row(name=name, title=title, unit=unit, must=must, wish=wish, more=False, measure=measure)


ROWS = (
    _row("list", "newest 50 of 1,000,000 runs, slowest single filter", "ms", 50, 10, _list),
    _row("csv", "export 100,000 runs × 20 columns, CSV", "s", 5, 2, lambda context: _export(context, "csv")),
    _row(
        "parquet", "export 100,000 runs × 20 columns, Parquet", "s", 3, 1, lambda context: _export(context, "parquet")
    ),
)
