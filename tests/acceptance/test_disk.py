"""A disk that is full, or that fails: nothing acknowledged is lost, and what can't be stored isn't acknowledged."""

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from accio.errors import ResourceExhausted, Unavailable
from tests.acceptance.processes import Cluster, Process, cluster, eventually
from tests.acceptance.sweeps import GATED, SQUARE

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a small file system needs root")
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="failing system calls need strace")

FULL = "the disk of the data folder is full"


@contextmanager
def small_disk(folder: Path, megabytes: int = 16) -> Iterator[None]:
    """Put a small file system where the daemon's data will be."""
    folder.mkdir(parents=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)], check=False, capture_output=True
    )
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill all the space that is left, down to the last byte; return the file that has it."""
    ballast = folder / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with suppress(OSError):
                while file.write(b"\0" * size):
                    pass
    return ballast


def check(made: Cluster) -> None:
    """Assert that `check` finds nothing wrong with the folder of a daemon that was stopped."""
    assert made.daemon is not None
    made.daemon.kill(signal.SIGTERM)
    assert made.daemon.ended() == 0
    command = [sys.executable, "-m", "accio_daemon", "check"]
    found = subprocess.run(command, env=made.environment(), capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, "no problems found\n", "")


def fill_until_refusing(made: Cluster, pool: ThreadPoolExecutor) -> tuple[Path, list[str]]:
    """Fill the disk and submit until the daemon can't store it; gives the ballast and the keys of what was submitted.

    The log of the database may have room left from before, so that some are still accepted.
    """
    ballast = fill(made.data)
    keys: list[str] = []

    def submit(key: str) -> None:
        with made.client() as client, suppress(ResourceExhausted, Unavailable):
            client.submit({"workflow": "square", "params": {"x": int(key)}}, idempotency_key=key)

    with made.client() as client:

        def refusing() -> str:
            keys.append(str(len(keys)))
            pool.submit(submit, keys[-1])
            return client.cluster_state().refusing

        assert FULL in eventually(refusing, what="the daemon's refusal")
    return ballast, keys


@needs_root
def test_a_full_disk_stops_new_work_and_loses_nothing(tmp_path: Path) -> None:
    """A full disk refuses submissions with the reason, agents keep their reports, and all goes on once it has space."""
    root = tmp_path / "made"
    with small_disk(root / "data"), cluster(root) as made, ThreadPoolExecutor(64) as pool:
        made.start_daemon()
        made.start_agent("a1")
        made.agents_are("a1")
        with made.client() as client:
            client.push(GATED)
            client.push(SQUARE)
            run = client.submit({"workflow": "gated", "params": {"label": "g"}}).run.id
            eventually(lambda: any("Gate g begins" in line for line in made.executed()), what="the node's beginning")
            ballast, keys = fill_until_refusing(made, pool)
            try:
                with pytest.raises(ResourceExhausted, match=FULL):
                    client.submit({"workflow": "square", "params": {"x": 1_000_000}})
                made.open_gate("g")
                eventually(lambda: any("Gate g ends" in line for line in made.executed()), what="the node's end")
                assert client.get_run(run).run.state == "running", "reading works, and what isn't durable isn't shown"
                assert [agent.state for agent in client.list_agents()] == ["connected"]
            finally:
                ballast.unlink()
            eventually(lambda: not client.cluster_state().refusing, what="the end of the refusal")
            assert client.wait(run).state == "success"
            # Whoever repeats a submission under its key finds the run that it made, or makes it now.
            runs = [
                client.submit({"workflow": "square", "params": {"x": int(key)}}, idempotency_key=key).run.id
                for key in keys
            ]
            assert {client.wait(each).state for each in runs} == {"success"}
            assert client.list_runs().total == len(set(runs)) + 1 == len(keys) + 1
        assert made.daemon is not None
        assert "Traceback" not in made.daemon.output()
        assert set(Counter(line.split()[0] for line in made.executed() if "Square" in line).values()) == {1}
        check(made)


@needs_root
def test_a_daemon_killed_on_a_full_disk_comes_back(tmp_path: Path) -> None:
    """Killed while the disk is full, the daemon says so when it can't start, and afterwards has all it acknowledged."""
    root = tmp_path / "made"
    with small_disk(root / "data"), cluster(root) as made, ThreadPoolExecutor(64) as pool:
        daemon = made.start_daemon()
        made.start_agent("a1")
        made.agents_are("a1")
        with made.client() as client:
            client.push(GATED)
            client.push(SQUARE)
            run = client.submit({"workflow": "gated", "params": {"label": "g"}}).run.id
            eventually(lambda: any("Gate g begins" in line for line in made.executed()), what="the node's beginning")
        ballast, _ = fill_until_refusing(made, pool)
        daemon.kill()
        daemon.ended()
        made.open_gate("g")
        eventually(lambda: any("Gate g ends" in line for line in made.executed()), what="the node's end")
        refused = made.start_daemon(wait=False)
        assert refused.ended() != 0
        assert "Traceback" not in refused.output()
        assert "full" in refused.output()
        ballast.unlink()
        made.start_daemon()
        with made.client() as client:
            assert client.wait(run).state == "success"
            assert [a.state for a in client.get_node(run, "Gate").attempts] == ["success"]
        check(made)


def _start_failing(made: Cluster, nth: int) -> Process:
    """Start a daemon whose n-th sync of the database's log fails."""
    strace = ["strace", "-f", "-qq", "-o", str(made.root / "strace"), "-P", str(made.data / "accio.db-wal")]
    inject = ["-e", "trace=fdatasync,fsync", "-e", f"inject=fdatasync,fsync:error=EIO:when={nth}"]
    daemon = made._start("daemon", ["accio_daemon"], made.environment(), [*strace, *inject])
    made.daemon = daemon
    eventually(lambda: daemon.popen.poll() is not None or made._answers(daemon), what="the daemon's answer")
    return daemon


@needs_strace
@pytest.mark.parametrize("nth", [6, 20])
def test_a_sync_that_fails_ends_the_daemon(tmp_path: Path, nth: int) -> None:
    """A failed sync isn't acknowledged or tried again: the daemon ends, and the next one has all that was."""
    with cluster(tmp_path / "made") as made:
        first = made.start_daemon()
        made.start_agent("a1")
        made.agents_are("a1")
        with made.client() as client:
            client.push(SQUARE)
        first.kill(signal.SIGTERM)
        first.ended()
        doomed = _start_failing(made, nth)
        acknowledged: list[str] = []
        with made.client() as client, ThreadPoolExecutor(1) as pool:

            def submit_on() -> None:
                with suppress(Unavailable):
                    while doomed.popen.poll() is None:
                        definition = {"workflow": "square", "params": {"x": len(acknowledged)}}
                        key = str(len(acknowledged))
                        acknowledged.append(client.submit(definition, idempotency_key=key).run.id)

            submitting = pool.submit(submit_on)
            assert doomed.ended() == 5
            made.start_daemon()
            submitting.result()
            assert "the state can't be stored" in doomed.output()
            assert acknowledged
            stored = {run.id for run in client.list_runs(limit=1000).runs}
            assert set(acknowledged) <= stored
            assert {client.wait(run).state for run in acknowledged} == {"success"}
        check(made)
