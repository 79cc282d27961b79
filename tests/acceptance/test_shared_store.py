"""Blobs on a file system that hosts share: a daemon and its agents see one folder through mounts of their own, whose
locks don't reach each other (two sshfs mounts, each with a server of its own).
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import which

import pytest

from tests.acceptance.engines import LEASE
from tests.acceptance.machines import Machines, reached_by_ssh
from tests.acceptance.processes import Cluster, cluster, eventually, sizes
from tests.acceptance.sweeps import table

WORKFLOW = Path(__file__).resolve().parents[2] / "examples" / "geoind_workflow.json"

pytestmark = [pytest.mark.acceptance, pytest.mark.root, pytest.mark.timeout(300)]


@contextmanager
def mounted(machines: Machines, name: str, folder: Path, at: Path) -> Iterator[Path]:
    """Mount a folder of a machine."""
    at.mkdir()
    command = ["sshfs", *machines.options, f"{name}:{folder}", str(at)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a folder can't be mounted here: {done.stderr.strip()}")
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Two mounts of one folder."""
    if which("sshfs") is None or not os.access("/dev/fuse", os.W_OK):
        pytest.skip("not installed: sshfs, or there is no /dev/fuse; scripts/setup-system installs it")
    with ExitStack() as stack:
        machines = stack.enter_context(reached_by_ssh(tmp_path / "ssh", "disk1", "disk2"))
        (tmp_path / "disk").mkdir()
        places = ("disk1", tmp_path / "here"), ("disk2", tmp_path / "there")
        here, there = [stack.enter_context(mounted(machines, name, tmp_path / "disk", at)) for name, at in places]
        yield here, there


def run(made: Cluster, traces: Path, *agent: str) -> list[tuple[str, ...]]:
    """Run a sweep over noise on traces by an agent; return its table."""
    made._start("agent", ["accio_agent", "--name", "a1", "--cpus", "2", *agent], made.environment())
    made.agents_are("a1")
    with made.client() as client:
        client.push(json.loads(WORKFLOW.read_text()), default_id="geoind_workflow")
        params = {"uri": str(traces), "epsilon": {"values": [0.001, 0.01, 0.1]}}
        found = client.submit({"workflow": "geoind_workflow", "seed": 1, "params": params}).run.id
        assert client.wait(found).state == "success"
        return table(client, found)


def test_agents_read_and_write_a_shared_folder_themselves(tmp_path: Path, mounts: tuple[Path, Path]) -> None:
    """What an agent writes through its mount the daemon has through its own; nothing is copied, nothing in between
    removed, though neither sees the other's locks, and another daemon is refused the folder.
    """
    here, there = mounts
    traces = tmp_path / "traces"
    make = [sys.executable, "-m", "accio_locapriv.synthetic", str(traces), "--users", "1", "--days", "1"]
    subprocess.run(make, check=True)
    with cluster(tmp_path / "made") as made, cluster(tmp_path / "calm") as calm:
        made.start_daemon("--lease", LEASE, "--store", f"shared:{here / 'store'}")
        found = run(made, traces, "--store", str(there / "store"))
        disk = tmp_path / "disk" / "store"  # mounts may show what was there some seconds ago
        blobs = sizes(disk / "blobs")
        assert len(blobs) > 3
        assert sizes(made.data / "agents" / "a1" / "store" / "blobs") == {}
        with made.client() as client:
            client.collect_garbage()
        assert sizes(disk / "blobs") == blobs
        calm.start_daemon("--lease", LEASE)
        assert run(calm, traces) == found
        other = made._start(
            "other",
            ["accio_daemon", "--store", f"shared:{there / 'store'}"],
            calm.environment(ACCIO_DATA_DIR=str(tmp_path / "other"), ACCIO_ADDR="127.0.0.1:0"),
        )
        assert other.ended() != 0
        assert "is another daemon's, which alone deletes there" in other.output()
        eventually(lambda: not list((disk / "incoming").iterdir()), what="no writer being left")
