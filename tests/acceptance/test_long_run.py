"""Faults without a pause: everything ends well, and nothing grows. For as many hours as ACCIO_SOAK_HOURS says."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.acceptance.processes import Cluster, Process, cluster, sizes

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(0 if "ACCIO_SOAK_HOURS" in os.environ else 600)]

ROUNDS = 5
CHILDREN = 40
MIB = 1 << 20
WORKFLOW: dict[str, Any] = {
    "id": "sums",
    "params": [{"name": "x", "kind": "integer"}],
    "graph": [
        {"op": "Square", "inputs": {"x": {"param": "x"}}},
        {"op": "Sum", "inputs": {"numbers": {"gather": "Square/value"}}},
    ],
}


class Ward:
    """A daemon and two agents to which things happen."""

    def __init__(self, made: Cluster) -> None:
        self.made = made
        made.start_daemon()
        self.agents = {name: made.start_agent(name) for name in ("a1", "a2")}
        made.agents_are("a1", "a2")

    @property
    def daemon(self) -> Process:
        """The daemon of this moment."""
        assert self.made.daemon is not None
        return self.made.daemon

    def kill_daemon(self) -> None:
        """Kill the daemon, and start it again."""
        self.daemon.kill()
        self.daemon.ended()
        self.made.start_daemon()

    def end_daemon(self) -> None:
        """Have the daemon end by itself, and start it again."""
        self.daemon.kill(signal.SIGTERM)
        assert self.daemon.ended() == 0
        self.made.start_daemon()

    def kill_agent(self) -> None:
        """Kill an agent, and start it again."""
        self.agents["a1"].kill()
        self.agents["a1"].ended()
        self.agents["a1"] = self.made.start_agent("a1")

    def freeze_agent(self) -> None:
        """Stop an agent for as long as the daemon takes to start again."""
        self.agents["a2"].kill(signal.SIGSTOP)
        self.end_daemon()
        self.agents["a2"].kill(signal.SIGCONT)

    def sweep(self, first: int, fault: Callable[[], None]) -> str:
        """Have a sweep executed while something happens, and return its id."""
        numbers = range(first, first + CHILDREN)
        with self.made.client() as client:
            sweep = {"workflow": "sums", "params": {"x": {"from": first, "to": numbers[-1], "step": 1}}}
            run = client.submit(sweep).run.id
        fault()
        with self.made.client() as client:
            assert client.wait(run, patience=200).state == "success"
            (total,) = client.get_node(run, "Sum").artifacts
        assert total.value == sum(x * x for x in numbers)
        return run

    def measure(self) -> dict[str, int]:
        """Return what must not grow."""
        daemon = psutil.Process(self.daemon.popen.pid)
        held = sizes(self.made.root)
        return {
            "memory": daemon.memory_info().rss // MIB,
            "descriptors": daemon.num_fds(),
            "threads": daemon.num_threads(),
            "log": held.get(self.made.data / "accio.db-wal", 0) // MIB,
            "files": sum(path.suffix != ".log" for path in held),
            "processes": len(self.made.survivors()),
        }


def test_nothing_grows_under_faults(tmp_path: Path) -> None:
    """Sweep after sweep comes to its result despite a fault, and is deleted; at the end as little is held as before."""
    end = time.monotonic() + 3600 * float(os.environ.get("ACCIO_SOAK_HOURS", "0"))
    chance = random.Random(20261129)  # noqa: S311 - what happens needs no secrecy, but must be repeatable
    measured = list[dict[str, int]]()
    with cluster(tmp_path / "made") as made:
        ward = Ward(made)
        faults = [ward.kill_daemon, ward.end_daemon, ward.kill_agent, ward.freeze_agent]
        with made.client() as client:
            client.push(WORKFLOW)
        while len(measured) < ROUNDS or time.monotonic() < end:
            done = len(measured)
            run = ward.sweep(1 + CHILDREN * (done % 25), faults[done] if done < len(faults) else chance.choice(faults))
            made.agents_are("a1", "a2")
            with made.client() as client:
                client.delete([run])
                client.remove_from_cache(operator="Square")
                client.collect_garbage()
            measured.append(ward.measure())
    first, last = measured[1], measured[-1]
    room = {"memory": 64, "descriptors": 20, "threads": 10, "log": 64, "files": 40, "processes": 8}
    assert {what: (first[what], last[what]) for what in room if last[what] > first[what] + room[what]} == {}, measured
