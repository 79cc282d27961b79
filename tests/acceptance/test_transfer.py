"""Datasets travel between agents that share no folder with the daemon."""

import os
import shutil
from pathlib import Path

import pytest

from tests.acceptance.processes import Cluster, cluster

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(120),
    pytest.mark.skipif(os.geteuid() != 0, reason="hiding the daemon's store from an agent needs root"),
    pytest.mark.skipif(shutil.which("unshare") is None, reason="hiding the store needs unshare"),
]

WORKFLOW = {
    "id": "across",
    "params": [{"name": "text", "kind": "string"}],
    "graph": [
        {"op": "Write", "inputs": {"text": {"param": "text"}}, "resources": {"custom": {"left": 1}}},
        {"op": "Read", "inputs": {"data": {"reference": "Write/data"}}, "resources": {"custom": {"right": 1}}},
    ],
}


def _hide(made: Cluster) -> list[str]:
    """Give the start of a command in whose mount namespace the daemon's store is an empty folder."""
    store = made.data / "store"
    return ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none "{store}" && exec "$0" "$@"']


def _run(made: Cluster, *, hidden: bool) -> str:
    made.start_daemon()
    before = _hide(made) if hidden else []
    made.start_agent("a1", "--cpus", "1", "--resource", "left=1", before=before)
    made.start_agent("a2", "--cpus", "1", "--resource", "right=1", before=before)
    made.agents_are("a1", "a2")
    with made.client() as client:
        client.push(WORKFLOW)
        run = client.submit({"workflow": "across", "params": {"text": "here and there"}}).run.id
        assert client.wait(run).state == "success"
        artifacts = client.get_node(run, "Read").artifacts
        assert [artifact.value for artifact in artifacts] == ["here and there"]
        assert client.get_node(run, "Write").node.agent == "a1"
        assert client.get_node(run, "Read").node.agent == "a2"
        assert client.get_node(run, "Write").artifacts[0].size == len("here and there")
        return client.get_node(run, "Write").artifacts[0].value  # type: ignore[no-any-return]  # a dataset's id


def test_agents_without_a_common_folder_give_the_same(tmp_path: Path) -> None:
    """A dataset written by an agent that can't see the store is read by another such agent, byte for byte the same."""
    with cluster(tmp_path / "together") as made:
        together = _run(made, hidden=False)
    with cluster(tmp_path / "apart") as made:
        apart = _run(made, hidden=True)
    assert apart == together
