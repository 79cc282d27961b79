"""The test bed: a real daemon and a real agent with two workers, in a folder that lasts as long as the measurements."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import psutil

from accio.v1 import accio_pb2, accio_pb2_grpc
from accio_client import Client
from tests.acceptance.processes import Cluster, Process, cluster
from tests.benchmarks import operators

MODULE = "tests.benchmarks.operators"
FAN = {
    "id": "fan",
    "params": [{"name": "i", "kind": "integer"}],
    "graph": [{"op": "Noop", "inputs": {"i": {"param": "i"}}}],
}
_BOTH = {"s": {"reference": "Source/value"}, "t": {"reference": "Transform/value"}}
DAG = {
    "id": "dag",
    "params": [{"name": "i", "kind": "integer"}],
    "graph": [
        {"op": "Source", "inputs": {"i": {"param": "i"}}},
        {"op": "Transform", "inputs": {"s": {"reference": "Source/value"}, "eps": {"value": 0.5}}},
        {"op": "MetricA", "inputs": _BOTH},
        {"op": "MetricB", "inputs": _BOTH},
    ],
}


@dataclass
class Spent:
    """Processor seconds (user and system) that a piece of work cost, by process, and its wall time."""

    wall: float = 0.0
    daemon: float = 0.0
    agent: float = 0.0
    workers: float = 0.0
    client: float = 0.0

    @property
    def total(self) -> float:
        """Of all processes together."""
        return self.daemon + self.agent + self.workers + self.client

    def per(self, nodes: int) -> dict[str, float]:
        """Microseconds of processor time for each node."""
        parts = {"daemon": self.daemon, "agent": self.agent, "workers": self.workers, "client": self.client}
        return {f"{name}_cpu_us": round(1e6 * seconds / nodes, 1) for name, seconds in parts.items()}


@dataclass
class Bed:
    """A cluster with its client, and the numbers that no run has used yet."""

    cluster: Cluster
    agent: Process | None = None
    next_number: int = 1

    @property
    def counters(self) -> Path:
        """Where operators count."""
        return self.cluster.root / "counters"

    def executed(self) -> int:
        """How many operators have run."""
        return sum(file.stat().st_size for file in self.counters.iterdir())

    def fresh(self, count: int) -> dict[str, int]:
        """Return a range of numbers that no run had: nothing of it can be in the memo."""
        first, self.next_number = self.next_number, self.next_number + count
        return {"from": first, "to": first + count - 1, "step": 1}

    def start_daemon(self) -> Process:
        """Start the daemon."""
        return self.cluster.start_daemon()

    def start(self) -> None:
        """Start the daemon and the agent."""
        self.counters.mkdir(exist_ok=True)
        self.start_daemon()
        self.agent = self.cluster.start_agent("a1", operators=(MODULE,), **{operators.COUNTERS: str(self.counters)})
        self.cluster.agents_are("a1")

    def fill(self, store: Callable[[Path], None]) -> tuple[float, float]:
        """Call *store* with the database between two lives of the daemon; return its seconds and the start's."""
        assert self.cluster.daemon is not None
        self.cluster.daemon.kill(signal.SIGTERM)
        self.cluster.daemon.ended()
        began = time.perf_counter()
        store(self.cluster.data / "accio.db")
        stored = time.perf_counter()
        self.start_daemon()
        return stored - began, time.perf_counter() - stored

    def daemon_process(self) -> psutil.Process:
        """The daemon, as the system sees it."""
        assert self.cluster.daemon is not None
        return psutil.Process(self.cluster.daemon.popen.pid)

    def synchronous(self) -> str:
        """What PRAGMA synchronous said, as GetClusterState tells it."""
        token = (self.cluster.data / "token").read_text(encoding="utf-8").split()[0]
        with grpc.insecure_channel(self.cluster.address) as channel:
            state = accio_pb2_grpc.AccioStub(channel).GetClusterState(
                accio_pb2.GetClusterStateRequest(), metadata=(("authorization", f"Bearer {token}"),)
            )
        return str(state.synchronous)

    def database_bytes(self) -> int:
        """The size of the database with its log."""
        return sum(path.stat().st_size for path in self.cluster.data.glob("accio.db*"))

    @contextmanager
    def spending(self) -> Iterator[Spent]:
        """Measure what the block costs."""
        spent = Spent()
        before, began = self._cpu(), time.perf_counter()
        yield spent
        spent.wall = time.perf_counter() - began
        after = self._cpu()
        spent.daemon, spent.agent, spent.workers, spent.client = (b - a for a, b in zip(before, after, strict=True))

    def _cpu(self) -> tuple[float, float, float, float]:
        workers = 0.0
        agent = 0.0
        if self.agent is not None:
            process = psutil.Process(self.agent.popen.pid)
            agent = _own(process)
            for child in process.children(recursive=True):
                try:
                    times = child.cpu_times()
                except psutil.NoSuchProcess:
                    continue
                workers += times.user + times.system + times.children_user + times.children_system
        return _own(self.daemon_process()), agent, workers, _own(psutil.Process(os.getpid()))


def _own(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def bed(root: Path, workflows: tuple[Mapping[str, Any], ...] = (FAN, DAG)) -> Iterator[Bed]:
    """Return a running bed whose daemon knows the workflows."""
    root.mkdir(parents=True)
    with cluster(root / "cluster") as made:
        found = Bed(made)
        found.start()
        if (level := found.synchronous()) != "FULL":
            raise RuntimeError(f"expected PRAGMA synchronous to be FULL, found {level}: nothing was measured")
        with found.cluster.client() as client:
            for workflow in workflows:
                client.push(dict(workflow))
        yield found


def run_sweep(
    bed: Bed, client: Client, definition: Mapping[str, Any], nodes: int, *, state: str = "success"
) -> tuple[float, Spent]:
    """Submit a sweep and wait until it has ended in the *state*: nodes per second, and what it cost."""
    with bed.spending() as spent:
        run = client.submit(dict(definition)).run.id
        ended = client.wait(run)
    if ended.state != state:
        raise RuntimeError(f"expected the run {run} to end as {state}, found it {ended.state}")
    return nodes / spent.wall, spent
