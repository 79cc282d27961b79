"""Facts about clients in other languages: Node, with nothing of Accio but its contract."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import Cluster, cluster
from tests.wheels import ROOT

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

PACKAGES = ("@grpc/grpc-js@1.14.7", "@grpc/proto-loader@0.8.1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example and the packages of Node that it imports."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no Node (npm) here")
    made = tmp_path_factory.mktemp("node")
    shutil.copy2(ROOT / "examples" / "node" / "sweep.mjs", made)
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(made), *PACKAGES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        if os.environ.get("ACCIO_REQUIRE_NODE"):
            pytest.fail(done.stderr)
        pytest.skip(f"npm installs nothing here: {done.stderr.strip()}")
    return made


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Cluster]:
    """A daemon with an agent that offers operators of the tests, and a workflow that squares its parameter."""
    with cluster(tmp_path / "cluster") as found:
        found.start_daemon()
        found.start_agent()
        found.agents_are("a1")
        with found.client() as client:
            graph = [{"op": "Square", "inputs": {"x": {"param": "x"}}}]
            client.push({"id": "squares", "params": [{"name": "x", "kind": "integer"}], "graph": graph})
        yield found


def run_example(folder: Path, here: Cluster, definition: object) -> "subprocess.CompletedProcess[str]":
    """Submit a definition by the example."""
    (folder / "run.json").write_text(json.dumps(definition))
    environment = here.environment(ACCIO_TOKEN=(here.data / "token").read_text().strip())
    command = ["node", "sweep.mjs", str(ROOT / "protos"), "run.json"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_client_in_node_submits_follows_and_reads(folder: Path, here: Cluster) -> None:
    """By the contract alone: a sweep is submitted, followed to its end, and its outputs are read."""
    done = run_example(folder, here, {"workflow": "squares", "params": {"x": {"values": [2, 3]}}})
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows == [{"child": 0, "x": 2, "Square": {"value": 4}}, {"child": 1, "x": 3, "Square": {"value": 9}}]
    assert done.stderr.splitlines()[-1].endswith(" RUN_STATE_SUCCESS")


def test_a_client_in_node_is_told_what_is_wrong(folder: Path, here: Cluster) -> None:
    """A definition that can't be is refused with the words of the command line."""
    done = run_example(folder, here, {"workflow": "squares", "params": {"y": 2}})
    assert done.returncode == 2
    assert "'squares' has no parameter 'y'" in done.stderr
