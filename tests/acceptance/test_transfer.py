"""Agents that don't see the same folders: datasets travel between them, and nodes go where their inputs are."""

import os
import shutil
from pathlib import Path

import pytest

from accio_client import Client
from tests.acceptance.processes import Cluster, cluster, eventually, hiding

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


READING = {
    "id": "reading",
    "params": [{"name": "data", "kind": "dataset"}],
    "graph": [{"op": "Read", "inputs": {"data": {"param": "data"}}}],
}
BUSY = {"id": "busy", "graph": [{"op": "Gate", "inputs": {"label": "g"}}]}
WRITING = {
    "id": "writing",
    "params": [{"name": "text", "kind": "string"}],
    "graph": [{"op": "Write", "inputs": {"text": {"param": "text"}}}],
}


def _run(made: Cluster, *, hidden: bool) -> str:
    made.start_daemon()
    before = hiding(made.data / "store") if hidden else []
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


def _dataset(folder: Path, text: str) -> str:
    folder.mkdir(parents=True)
    (folder / "text.txt").write_text(text, encoding="utf-8")
    return str(folder)


def _where(client: Client, run: str) -> tuple[object, str | None]:
    """Return what a run read, and on which agent."""
    assert client.wait(run).state == "success", client.get_node(run, "Read").node.failure
    details = client.get_node(run, "Read")
    return details.artifacts[0].value, details.node.agent


def test_a_node_goes_where_its_path_is(tmp_path: Path) -> None:
    """An agent that can't see a path is passed over, for the digest and with the node; unless the store has it."""
    inputs = tmp_path / "inputs"
    first, second, third = (_dataset(inputs / name, name) for name in ("first", "second", "third"))
    with cluster(tmp_path / "made") as made:
        made.start_daemon()
        made.start_agent("a1", "--cpus", "1", before=hiding(inputs))
        made.start_agent("a2", "--cpus", "1")
        made.agents_are("a1", "a2")
        with made.client() as client:
            for workflow in (READING, BUSY, WRITING):
                client.push(workflow)

            def read(path: str) -> str:
                return client.submit({"workflow": "reading", "params": {"data": path}}).run.id

            assert _where(client, read(first)) == ("first", "a2")

            made.start_agent("a3", "--cpus", "1", before=hiding(inputs))  # idle: where work goes while a2 is busy
            made.agents_are("a1", "a2", "a3")
            gates = [client.submit({"workflow": "busy"}, cache="none").run.id for _ in range(3)]
            eventually(lambda: sum(" begins" in line for line in made.executed()) == 3, what="all being busy")
            waiting = read(second)
            client.kill([gate for gate in gates if client.get_node(gate, "Gate").node.agent != "a2"])

            def tried_in_vain() -> bool:
                found = client.get_node(waiting, "Read")
                return found.node.state == "queued" and sorted(each.agent for each in found.attempts) == ["a1", "a3"]

            eventually(tried_in_vain, what="a1 and a3 having been tried")
            assert client.why(waiting, "Read")[0].reason == "waits for room for 1 CPU on a2"
            tried = client.get_node(waiting, "Read")
            assert {attempt.failure.cause for attempt in tried.attempts if attempt.failure} == {"staging"}

            made_here = client.submit({"workflow": "writing", "params": {"text": "third"}}).run.id
            assert client.wait(made_here).state == "success"
            value, agent = _where(client, read(third))  # its content is in the store now
            assert (value, agent in ("a1", "a3")) == ("third", True)

            made.open_gate("g")
            assert _where(client, waiting) == ("second", "a2")

            nowhere = read(str(inputs / "nowhere"))
            assert client.wait(nowhere).state == "failed"
            failure = client.get_node(nowhere, "Read").node.failure
            assert failure is not None
            assert failure.cause == "staging"
            for text in (str(inputs / "nowhere"), "a1", "a2", "a3"):
                assert text in failure.message
