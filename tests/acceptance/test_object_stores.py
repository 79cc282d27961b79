"""A daemon whose blobs are in an object store, on a real S3 server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from accio_client import Client
from tests.acceptance.processes import Cluster, cluster, eventually
from tests.acceptance.s3 import KEY, S3, SECRET, s3_server
from tests.acceptance.sweeps import GATED
from tests.acceptance.test_transfer import WORKFLOW, WRITING

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3]:
    with s3_server(tmp_path / "s3") as found:
        yield found


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    with cluster(tmp_path / "made") as found:
        yield found


def start(made: Cluster, s3: S3) -> None:
    """Start a daemon with its blobs there; only it gets the credentials."""
    made.start_daemon("--store", s3.url("blobs-of-a-lab"), wait=True, **s3.environment)


def value_of(client: Client, run: str, node: str) -> object:
    """Wait for a run and give what a node of it put out."""
    assert client.wait(run).state == "success"
    (artifact,) = client.get_node(run, node).artifacts
    return artifact.value


def test_datasets_pass_through_an_object_store(made: Cluster, s3: S3) -> None:
    """Two agents exchange a dataset by it; a killed daemon finds it again, memoized; nothing is left in the folder."""
    start(made, s3)
    made.start_agent("a1", "--cpus", "1", "--resource", "left=1")
    made.start_agent("a2", "--cpus", "1", "--resource", "right=1")
    made.agents_are("a1", "a2")
    with made.client() as client:
        client.push(WORKFLOW)
        run = client.submit({"workflow": "across", "params": {"text": "here and there"}}).run.id
        assert value_of(client, run, "Read") == "here and there"
        assert made.daemon is not None
        made.daemon.kill()
        made.daemon.ended()
        start(made, s3)
        made.agents_are("a1", "a2")
        again = client.submit({"workflow": "across", "params": {"text": "here and there"}}).run.id
        assert value_of(client, again, "Read") == "here and there"
        assert [node.cached for node in client.get_run(again).nodes] == [True, True]
        made.daemon.kill(15)
        made.daemon.ended()
    assert not (made.data / "store").exists()
    checked = subprocess.run(
        [sys.executable, "-m", "accio_daemon", "--store", s3.url("blobs-of-a-lab"), "check"],
        env=made.environment(**s3.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout) == (0, "no problems found\n"), checked.stderr
    for process in made.processes:
        assert SECRET not in process.output()
        assert KEY not in process.output()


def test_work_outlives_a_store_that_is_away(made: Cluster, s3: S3) -> None:
    """While the object store is away nothing fails and no agent is lost: what can't be stored waits for it."""
    start(made, s3)
    made.start_agent("a1", "--cpus", "2")
    made.agents_are("a1")
    with made.client() as client:
        client.push(WRITING)
        client.push(GATED)
        s3.stop()
        run = client.submit({"workflow": "writing", "params": {"text": "in the dark"}}).run.id
        gated = client.submit({"workflow": "gated", "params": {"label": "g"}}).run.id
        eventually(lambda: any("Gate g begins" in line for line in made.executed()), what="another node's beginning")
        made.open_gate("g")
        assert client.wait(gated).state == "success"
        assert client.get_run(run).run.state == "running"
        s3.start()
        assert client.wait(run).state == "success"
        assert [each.state for each in client.get_node(run, "Write").attempts] == ["success"]
