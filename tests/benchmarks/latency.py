"""How long somebody waits for one node: on an idle system, and from nothing at all."""

import asyncio
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from accio_client import AsyncClient, Client
from tests.acceptance.processes import free_port
from tests.benchmarks import operators
from tests.benchmarks.bed import FAN, MODULE, Bed, bed
from tests.benchmarks.rows import Context, Measured, Row

SAMPLES, WARM = 400, 40


def _idle(context: Context) -> tuple[list[float], float]:
    """Milliseconds of each sample, sorted, and of a plain commit on this disk, of which each sample holds two."""
    with bed(context.root) as ready:
        found = asyncio.run(_samples(ready, SAMPLES // 4 if context.quick else SAMPLES))
        return found, _commit(context.root / "commit.db")


def _commit(path: Path) -> float:
    """The median of a transaction of one row with nothing around it."""
    times: list[float] = []
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
        for _ in range(200):
            began = time.perf_counter()
            connection.execute("INSERT INTO t (b) VALUES ('x')")
            times.append(1000 * (time.perf_counter() - began))
    return round(statistics.median(times), 2)


async def _samples(ready: Bed, count: int) -> list[float]:
    token = (ready.cluster.data / "token").read_text(encoding="utf-8").split()[0]
    found: list[float] = []
    async with AsyncClient(ready.cluster.address, token=token, user="Me") as client:
        for number in range(-WARM, count):
            definition = {"workflow": "fan", "params": {"i": ready.fresh(1)["from"]}}
            began = time.perf_counter()
            async for update in client.submit_and_watch(definition):
                if update.run.ended:
                    break
            if number >= 0:
                found.append(1000 * (time.perf_counter() - began))
    return sorted(found)


def _median(context: Context) -> Measured:
    found, commit = _idle(context)
    details = {"samples": len(found), "best": round(found[0], 2), "plain_commit_ms": commit}
    return Measured(value=round(statistics.median(found), 2), details=details)


def _slow(context: Context) -> Measured:
    found, commit = _idle(context)
    details = {"samples": len(found), "plain_commit_ms": commit}
    return Measured(value=round(found[int(0.99 * len(found))], 2), details=details)


def _cold(context: Context) -> Measured:
    """Measure starts of an agent that knows its operators: the first one, which may describe them, is told apart."""
    first, *times = (round(_cold_once(context.root / str(number)), 2) for number in range(context.repetitions + 1))
    return Measured(value=round(statistics.median(times), 2), details={"times": times, "first": first})


def _cold_once(root: Path) -> float:
    (root / "counters").mkdir(parents=True)
    address = f"127.0.0.1:{free_port()}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ACCIO_")} | {
        "ACCIO_ADDR": address,
        "ACCIO_DATA_DIR": str(root / "data"),
        "ACCIO_CONFIG_ROOT": str(root / "config"),
        "PYTHONPATH": os.pathsep.join(sys.path),
        operators.COUNTERS: str(root / "counters"),
    }
    command = [sys.executable, "-m", "accio_client.cli.main", "up", "--operators", MODULE, "--cpus", "2"]
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as up:
        try:
            assert up.stdout is not None
            if not up.stdout.readline():
                raise RuntimeError(f"accio up ended with {up.wait()}")
            token = (root / "data" / "token").read_text(encoding="utf-8").split()[0]
            with Client(address, token=token, user="Me") as client:
                client.push(dict(FAN))
                for update in client.submit_and_watch({"workflow": "fan", "params": {"i": 1}}):
                    if update.run.ended:
                        break
            return time.perf_counter() - began
        finally:
            up.send_signal(signal.SIGINT)


def _row(name: str, title: str, unit: str, must: float, wish: float, measure: object) -> Row:
    return Row(name=name, title=title, unit=unit, must=must, wish=wish, more=False, measure=measure)  # type: ignore[arg-type]  # names of fixed choices


ROWS = (
    _row("p50", "submit → result, idle, median", "ms", 3.0, 1.7, _median),
    _row("p99", "submit → result, idle, 99 %", "ms", 10.0, 10.0, _slow),
    _row("cold", "accio up → first result", "s", 1.5, 0.9, _cold),
)
