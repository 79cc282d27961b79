"""A store that is full for all agents: their nodes wait and say why, and go on by themselves once it has space."""

import os
from pathlib import Path

import pytest

from tests.acceptance.processes import cluster, eventually, hiding
from tests.acceptance.test_disk import fill, small_disk

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(180),
    pytest.mark.skipif(os.geteuid() != 0, reason="a small file system needs root"),
]
WRITING = {
    "id": "writing",
    "params": [{"name": "text", "kind": "string"}],
    "graph": [{"op": "Write", "inputs": {"text": {"param": "text"}}}],
}
NODES = 8


@pytest.mark.parametrize("shares", [True, False], ids=["agents see the store", "agents send to it"])
def test_nodes_wait_while_the_store_is_full_for_all(tmp_path: Path, shares: bool) -> None:
    """No node fails, each says what it waits for, no agent stays out, and the sweep ends well once there is space."""
    root = tmp_path / "made"
    (root / "data").mkdir(mode=0o700, parents=True)
    with small_disk(root / "data" / "store"), cluster(root) as made:
        made.start_daemon()
        for name in ("a1", "a2"):
            made.start_agent(name, before=() if shares else hiding(made.data / "store"))
        made.agents_are("a1", "a2")
        with made.client() as client:
            client.push(WRITING)
            ballast = fill(made.data / "store")
            run = client.submit(
                {"workflow": "writing", "params": {"text": {"values": [str(n) for n in range(NODES)]}}}
            ).run.id
            said = "waits for space"
            eventually(
                lambda: said in client.why(f"{run}.0", "Write")[0].reason, what="a node that says what it waits for"
            )
            assert client.get_run(run).run.state == "running"
            ballast.unlink()
            assert client.wait(run).state == "success"
            assert all(not agent.reason for agent in client.list_agents()), "no agent was left out"
