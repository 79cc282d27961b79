"""What others notice while somebody floods the daemon: their calls beside each flood, over the same calls in calm.

The calls are a list of ten runs, twenty times a second, from a process of its own. Generators of floods, workers and
daemon share the machine's processors with it: as a control the same process calls an idle daemon, too. What those calls
take beside a flood is the machine's part, which no daemon could do anything about. That part is larger for a daemon
that works: of two that want a processor the system prefers the one that had less. So each call is told, too, without
the time in which the daemon's event loop, or the caller's, was ready to go on and waited for a processor ("undelayed").
"""

import asyncio
import itertools
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

from accio.errors import AccioError
from accio.v1 import agents_pb2
from accio_client import AsyncClient
from accio_client.views import RunFilter
from tests.acceptance.probing import told
from tests.acceptance.processes import Cluster, cluster, token
from tests.acceptance.simulated_agents import hello, stream
from tests.benchmarks.bed import FAN, Bed, bed
from tests.benchmarks.rows import Context, Measured, Row

ECHO = {
    "id": "echo",
    "params": [{"name": "x", "kind": "integer"}],
    "graph": [{"op": "Echo", "inputs": {"x": {"param": "x"}}}],
}
_SETTLING_S = 1.0  # of a flood, before its effect is measured

Flood = Callable[[Bed, AsyncClient, str], Coroutine[Any, Any, None]]
"""Floods the daemon until it is cancelled; it is told a client, and the id of a large sweep that has ended."""


async def _together(count: int, make: Callable[[int], Coroutine[Any, Any, None]]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            tasks.create_task(make(number))


async def _submitters(ready: Bed, client: AsyncClient, _: str) -> None:
    """300 callers submit without a pause."""

    async def submit(_: int) -> None:
        while True:
            with suppress(AccioError):  # it refuses what is too much
                await client.submit({"workflow": "fan", "params": {"i": ready.fresh(1)["from"]}})

    await _together(300, submit)


async def _progress(ready: Bed, _: AsyncClient, __: str) -> None:
    """An agent sends progress as fast as it can."""
    async with stream(ready.cluster.address, token(ready.cluster)) as call:
        await call.write(agents_pb2.AgentMessage(hello=hello("chatty")))
        for number in itertools.count():
            await call.write(agents_pb2.AgentMessage(progress=agents_pb2.Progress(attempt=[number], fraction=[0.5])))


async def _deaf(ready: Bed, client: AsyncClient, _: str) -> None:
    """An agent takes sweeps and doesn't read what it is sent."""
    async with stream(ready.cluster.address, token(ready.cluster)) as call:
        await call.write(agents_pb2.AgentMessage(hello=hello("deaf", cpus=50_000)))
        await call.read()
        await client.push(dict(ECHO))
        while True:
            await client.submit({"workflow": "echo", "params": {"x": ready.fresh(5_000)}})
            await asyncio.sleep(1)


async def _exports(ready: Bed, client: AsyncClient, sweep: str) -> None:
    """20 callers export 20,000 rows, again and again."""

    async def export(_: int) -> None:
        while True:
            async for _chunk in client.export_chunks([sweep]):
                pass

    await _together(20, export)


async def _searches(ready: Bed, client: AsyncClient, sweep: str) -> None:
    """10 callers search for as many words, and filter by as long queries, as the contract allows."""
    words = "a " * 4_000
    query = " or ".join(f"name~x{number}" for number in range(400))
    hostile = (RunFilter(text=words), RunFilter(where=query), RunFilter(parent=sweep, where="i>0 and duration<1s"))

    async def search(number: int) -> None:
        while True:
            with suppress(AccioError):  # it refuses what is too much
                await client.list_runs(hostile[number % len(hostile)])
            await asyncio.sleep(0)

    await _together(10, search)


async def _watchers(ready: Bed, client: AsyncClient, _: str) -> None:
    """20 callers watch one run of 10,000 nodes while it is executed."""
    numbers = ready.fresh(10_000)
    nodes = [{"op": "Noop", "name": f"n{i}", "inputs": {"i": i}} for i in range(numbers["from"], numbers["to"] + 1)]
    await client.push({"id": "many", "graph": nodes})
    run = (await client.submit({"workflow": "many"})).run.id

    async def watch(_: int) -> None:
        async for _update in client.watch(run):
            pass

    await _together(20, watch)


FLOODS: dict[str, Flood] = {
    "submitters": _submitters,
    "progress": _progress,
    "deaf agent": _deaf,
    "exports": _exports,
    "searches": _searches,
    "watchers": _watchers,
}


class _Calls:
    """What the calls of another process took, in milliseconds, and their waits for a processor, by daemon."""

    def __init__(self, daemons: int) -> None:
        self._all: list[list[tuple[float, float, float]]] = [[] for _ in range(daemons)]
        self._more = asyncio.Event()

    def note(self, line: str) -> None:
        daemon, began, took, waited = line.split()
        self._all[int(daemon)].append((float(began), 1000 * float(took), 1000 * float(waited)))
        self._more.set()

    async def until_begun_after(self, when: float) -> None:
        """Wait until a call of each that began after *when* is over, and so all that were under way then."""
        while any(not calls or calls[-1][0] <= when for calls in self._all):
            self._more.clear()
            await self._more.wait()

    def between(self, daemon: int, first: float, last: float) -> list[tuple[float, float]]:
        """Return those of a daemon that were under way in a time."""
        return [
            (took, waited) for began, took, waited in self._all[daemon] if began < last and began + took / 1000 > first
        ]


@asynccontextmanager
async def _calling(*daemons: Cluster) -> AsyncIterator[_Calls]:
    calls = _Calls(len(daemons))
    where = [text for each in daemons for text in told(each)]
    command = [sys.executable, "-m", "tests.acceptance.probing", *where]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)

    async def read() -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            calls.note(line.decode())

    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(read())
        try:
            yield calls
        finally:
            process.terminate()
            await process.wait()
            await reading


async def _beside(
    name: str, ready: Bed, idle: Cluster, client: AsyncClient, sweep: str, seconds: float
) -> dict[str, float]:
    """Measure calls beside a flood, or in calm for an empty name; and those of an idle daemon."""
    async with _calling(ready.cluster, idle) as calls, asyncio.TaskGroup() as tasks:
        await calls.until_begun_after(0.0)
        flood = tasks.create_task(FLOODS[name](ready, client, sweep)) if name else None
        await asyncio.sleep(_SETTLING_S)
        began = time.monotonic()
        await asyncio.sleep(seconds)
        ended = time.monotonic()
        if flood is not None:
            flood.cancel()
        await calls.until_begun_after(ended)
        found, control = (calls.between(daemon, began, ended) for daemon in range(2))
    return {
        "p50": _share((took for took, _ in found), 0.5),
        "p99": _share((took for took, _ in found), 0.99),
        "undelayed_p99": _share((took - waited for took, waited in found), 0.99),
        "idle_p99": _share((took for took, _ in control), 0.99),
        "calls": len(found),
    }


def _share(found: Iterable[float], share: float) -> float:
    ordered = sorted(found)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)


async def _all(ready: Bed, idle: Cluster, seconds: float, rows: int) -> dict[str, dict[str, float]]:
    async with AsyncClient(ready.cluster.address, token=token(ready.cluster), user="Me") as client:
        sweep = (await client.submit({"workflow": "fan", "params": {"i": ready.fresh(rows)}})).run.id
        await client.wait(sweep)
        found = {"calm": await _beside("", ready, idle, client, sweep, seconds)}
        for name in FLOODS:
            found[name] = await _beside(name, ready, idle, client, sweep, seconds)
            sys.stderr.write(f"    {name}: {found[name]}\n")
            await client.kill(where="state=running or state=scheduled")
        return found


def _fairness(context: Context) -> Measured:
    with bed(context.root, (FAN,)) as ready, cluster(context.root / "idle") as idle:
        idle.start_daemon()
        found = asyncio.run(_all(ready, idle, 3.0 if context.quick else 15.0, 5_000 if context.quick else 20_000))
    calm = found.pop("calm")
    ratios = {name: round(each["p99"] / calm["p99"], 1) for name, each in found.items()}
    # Where an idle daemon's calls are slow, too, the processors are short: so much of it isn't the daemon's doing.
    machine = {name: round(each["idle_p99"] / calm["idle_p99"], 1) for name, each in found.items()}
    undelayed = {name: round(each["undelayed_p99"] / calm["undelayed_p99"], 1) for name, each in found.items()}
    details = {
        "over_calm": ratios,
        "undelayed_over_calm": undelayed,
        "idle_over_calm": machine,
        "calm_ms": calm,
        "ms": found,
    }
    return Measured(value=max(ratios.values()), details=details)


ROWS = (
    Row(
        name="fairness",
        title="p99 of others' calls beside the worst flood, over calm",
        unit="×",
        must=3.0,
        wish=2.0,
        more=False,
        measure=_fairness,
    ),
)
