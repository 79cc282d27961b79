"""Whoever unpickles what others wrote runs what they wrote: nothing of Accio does, wherever it comes from."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.pickled_operators import Bomb, write_bombs
from tests.acceptance.processes import cluster

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

WORKFLOWS = (
    {
        "id": "texts",
        "params": [{"name": "text", "kind": "string"}],
        "graph": [{"op": "Echo", "inputs": {"text": {"param": "text"}}}],
    },
    {
        "id": "files",
        "params": [{"name": "path", "kind": "string"}],
        "graph": [
            {"op": "Make", "inputs": {"path": {"param": "path"}}},
            {"op": "Count", "inputs": {"values": {"reference": "Make/array"}}},
            {"op": "Size", "inputs": {"data": {"reference": "Make/pickled"}}},
        ],
    },
    {
        "id": "given",
        "params": [{"name": "data", "kind": "dataset"}],
        "graph": [{"op": "Count", "inputs": {"values": {"param": "data"}}}],
    },
)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    """Texts, metadata, files and arrays of objects pass through daemon, agent, worker, client and exports unread."""
    marker = tmp_path / "unpickled"
    payload = pickle.dumps(Bomb(str(marker)), protocol=0).decode("ascii")
    pickle.loads(payload.encode())  # noqa: S301 - it is this test's own
    assert marker.exists(), "the payload doesn't do what this test is about"
    marker.unlink()
    given = tmp_path / "given"
    given.mkdir()
    write_bombs(given, str(marker))
    with cluster(tmp_path / "made") as made:
        made.start_daemon()
        made.start_agent(operators=("tests.acceptance.pickled_operators",))
        made.agents_are("a1")
        with made.client() as client:
            for workflow in WORKFLOWS:
                client.push(workflow)
            texts = client.submit({"workflow": "texts", "params": {"text": payload}, "notes": payload}).run.id
            files = client.submit({"workflow": "files", "params": {"path": str(marker)}}).run.id
            array = client.submit({"workflow": "given", "params": {"data": str(given / "bomb.npy")}}).run.id
            assert client.wait(texts).state == "success"
            assert client.get_node(texts, "Echo").artifacts[0].value == payload
            for run in (files, array):  # NumPy refuses an array of objects
                assert client.wait(run).state == "failed"
                failure = client.get_node(run, "Count").node.failure
                assert failure is not None
                assert "allow_pickle" in failure.message + failure.traceback
            assert client.get_node(files, "Size").node.state == "success"
            for port in ("array", "pickled"):
                client.fetch_artifact(files, "Make", port, tmp_path / f"fetched-{port}")
            client.table([texts, files], artifacts="ALL").to_arrow()
        for words in (
            ["export", texts, "-artifacts=ALL", f"-out={tmp_path / 'out'}"],
            ["describe", "run", files],
            ["get", "runs"],
        ):
            subprocess.run(
                [sys.executable, "-m", "accio_client.cli.main", *words],
                env=made.environment(),
                check=True,
                capture_output=True,
            )
    assert not marker.exists()
