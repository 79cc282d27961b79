"""The web interface at its sizes: a million runs, sweeps of a million and of ten million children, ten tabs."""

import asyncio
import math
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import httpx
import orjson
import psutil

from tests.acceptance.web import WebServer, entered, web_server
from tests.benchmarks.bed import Bed, bed, run_sweep
from tests.benchmarks.rows import Context, Measured, Row
from tests.benchmarks.seeding import seed_nodes, seed_runs, whole

QUERIES = {
    "none": "",
    "state": "state=failed",
    "tag": "tag=tag7",
    "owner": "owner=owner7@example.org",
    "name": 'name="name 77"',
    "part of a name": "name~77",
    "workflow": "workflow=fan",
    "text": "word77",
    "parameter": "i=77",
    "created": "created>2023-11-14T22:13:21Z",
    "two": "state=failed tag=tag7",
    "nothing": "owner=nobody",
}
GRID = {
    "id": "grid",
    "params": [{"name": "x", "kind": "integer"}, {"name": "y", "kind": "integer"}],
    "graph": [{"op": "Noop", "inputs": {"i": {"param": "x"}}}],
}
VALUE = "Noop/value"
REPEATED = 20
TABS = 10
PATIENCE_S = 120.0


class Timed:
    """A logged-in page that notes how long calls take."""

    def __init__(self, server: WebServer) -> None:
        headers = {"origin": server.origin, "sec-fetch-site": "same-origin"}
        self._http = httpx.Client(
            base_url=f"{server.origin}/api/v1",
            headers=headers,
            cookies=entered(server),
            timeout=PATIENCE_S,
            trust_env=False,
        )

    def ms(self, path: str, **query: str) -> float:
        """Ask for something, and return how many milliseconds the answer took."""
        began = time.perf_counter()
        answer = self._http.get(path, params=query)
        took = 1000 * (time.perf_counter() - began)
        assert answer.status_code == 200, answer.text
        return round(took, 1)

    def close(self) -> None:
        """Close it."""
        self._http.close()


def _p95(times: Sequence[float]) -> float:
    return sorted(times)[math.ceil(0.95 * len(times)) - 1]


@contextmanager
def _page(ready: Bed) -> Iterator[tuple[Timed, psutil.Process]]:
    with web_server(ready.cluster) as server:
        page = Timed(server)
        try:
            yield page, psutil.Process(server.process.popen.pid)
        finally:
            page.close()


def _list(context: Context) -> Measured:
    runs = 50_000 if context.quick else 1_000_000
    with bed(context.root) as ready:
        with ready.cluster.client() as client:
            sample = client.submit({"workflow": "fan", "params": {"i": 1}}).run.id
            client.wait(sample)
        ready.fill(lambda database: seed_runs(database, runs, sample))
        with _page(ready) as (page, _):
            page.ms("/runs")
            times = {
                name: _p95([page.ms("/runs", where=where) for _ in range(REPEATED)]) for name, where in QUERIES.items()
            }
        return Measured(value=max(times.values()), details={"runs": runs, "p95_ms": times})


def _sweep(context: Context, side: int, first: str) -> Measured:
    """The slowest of the pictures that a reader asks for once the columns are there; what came before is in details."""
    side = side // 10 if context.quick else side
    with bed(context.root, (GRID,)) as ready:
        with ready.cluster.client() as client:
            sample = client.submit({"workflow": "grid", "params": {"x": 1, "y": 1}}).run.id
            client.wait(sample)
        axes = whole("x", side), whole("y", side)
        seeding, _ = ready.fill(lambda database: seed_nodes(database, sample, *axes))
        with ready.cluster.client() as client:
            run = client.list_runs(limit=1).runs[0].id
        with _page(ready) as (page, process):
            header = page.ms(f"/runs/{run}")
            pictures = f"/runs/{run}/pictures"
            samples = [page.ms(f"{pictures}/states", sample="1"), page.ms(f"{pictures}/heat", y=VALUE, sample="1")]
            states = page.ms(f"{pictures}/states")
            complete = page.ms(f"{pictures}/heat", y=VALUE)
            asked: dict[str, tuple[str, dict[str, str]]] = {
                "states": ("states", {}),
                "heat": ("heat", {"y": VALUE}),
                "line": ("line", {"y": VALUE}),
                "brushed": ("line", {"y": VALUE, "where": f"x<-{side // 4} y>=-{side // 2}"}),
                "importance": ("importance", {"y": VALUE}),
                "parallel": ("parallel", {"y": VALUE}),
                "cdf": ("cdf", {"y": VALUE}),
            }
            later = {
                name: _p95([page.ms(f"{pictures}/{kind}", **query) for _ in range(context.repetitions + 2)])
                for name, (kind, query) in asked.items()
            }
            memory = process.memory_info().rss / 1e6
    steps = {"header": header, "sample": max(samples), "states": states, "complete": states + complete}
    return Measured(
        value={**steps, "later": max(later.values())}[first],
        details={
            "children": side * side,
            **steps,
            "p95_ms": later,
            "web_mb": round(memory),
            "seeding_s": round(seeding),
        },
    )


def _tabs(context: Context) -> Measured:
    """How many percent slower a fan-out is with ten tabs open that show the list of runs and follow what changes."""
    nodes = 1_000 if context.quick else 10_000
    with bed(context.root) as ready, web_server(ready.cluster) as server, ready.cluster.client() as client:
        cookies = entered(server)

        def once() -> tuple[float, float]:
            rate, spent = run_sweep(ready, client, {"workflow": "fan", "params": {"i": ready.fresh(nodes)}}, nodes)
            return rate, spent.per(nodes)["daemon_cpu_us"]

        async def watched() -> tuple[float, float]:
            async with _open_tabs(server, cookies):
                return await asyncio.to_thread(once)

        once()
        found = [(once(), asyncio.run(watched())) for _ in range(context.repetitions)]
    lost = [100 * (1 - with_tabs[0] / alone[0]) for alone, with_tabs in found]
    return Measured(
        value=round(statistics.median(lost), 1),
        details={
            "nodes": nodes,
            "per_second": [[round(rate) for rate, _ in pair] for pair in found],
            "daemon_cpu_us": [[round(cost, 1) for _, cost in pair] for pair in found],
        },
    )


@asynccontextmanager
async def _open_tabs(server: WebServer, cookies: dict[str, str]) -> AsyncIterator[None]:
    """Ten tabs: each has a stream, and asks for the list when it is told that a run changed, one call at a time."""
    headers = {"origin": server.origin, "sec-fetch-site": "same-origin"}
    async with (
        httpx.AsyncClient(
            base_url=f"{server.origin}/api/v1", headers=headers, cookies=cookies, timeout=PATIENCE_S, trust_env=False
        ) as http,
        asyncio.TaskGroup() as group,
    ):

        async def tab() -> None:
            async with http.stream("GET", "/live?topic=cluster&topic=runs") as answer:
                async for line in answer.aiter_lines():
                    if line.startswith("data: ") and orjson.loads(line[6:])["topic"] == "runs":
                        (await http.get("/runs")).raise_for_status()

        tabs = [group.create_task(tab()) for _ in range(TABS)]
        try:
            yield
        finally:
            for each in tabs:
                each.cancel()


def _row(name: str, title: str, unit: str, must: float, wish: float, measure: Callable[[Context], Measured]) -> Row:
    return Row(name=f"web-{name}", title=title, unit=unit, must=must, wish=wish, more=False, measure=measure)


def _of(side: int, step: str) -> Callable[[Context], Measured]:
    return lambda context: _sweep(context, side, step)


ROWS = (
    _row("list", "page: runs of 1,000,000, slowest query, p95", "ms", 80, 20, _list),
    _row("sweep", "page: sweep of 1,000,000, slowest picture, p95", "ms", 60, 30, _of(1_000, "later")),
    _row("sample", "page: sweep of 1,000,000, first pictures, of a sample", "ms", 500, 250, _of(1_000, "sample")),
    _row("whole", "page: sweep of 1,000,000, two pictures of all", "ms", 3_000, 1_500, _of(1_000, "complete")),
    _row("sweep10m", "page: sweep of 10,000,000, slowest picture, p95", "ms", 300, 100, _of(3_163, "later")),
    _row("tabs", "page: fan-out lost by ten open tabs", "%", 3, 0, _tabs),
)
