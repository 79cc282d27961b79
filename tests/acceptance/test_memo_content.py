"""Stored content is damaged or taken away under a running cluster: never served, and made again where it is needed."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from accio.content.digest import digest_bytes, hex_of, parse_digest
from accio.errors import NotFound
from accio_client import Client
from tests.acceptance.processes import Cluster, Process, cluster

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

OPERATORS = ("tests.acceptance.memo_operators",)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def _truncate(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])


def _link(path: Path) -> None:
    copy = path.parents[3] / f"copy of {path.name}"
    copy.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(copy)


HARM: Mapping[str, Callable[[Path], None]] = {
    "flip": _flip,
    "truncate": _truncate,
    "delete": Path.unlink,
    "link": _link,
}
WORKFLOWS: Mapping[str, dict[str, Any]] = {
    "dataset": {
        "id": "dataset",
        "params": [{"name": "text", "kind": "string"}, {"name": "label", "kind": "string"}],
        "graph": [
            {"op": "Make", "inputs": {"text": {"param": "text"}}},
            {"op": "Use", "inputs": {"data": {"reference": "Make/data"}, "label": {"param": "label"}}},
        ],
    },
    "large": {
        "id": "large",
        "params": [{"name": "text", "kind": "string"}, {"name": "label", "kind": "string"}],
        "graph": [
            {"op": "Long", "inputs": {"text": {"param": "text"}, "times": {"value": 100_000}}},
            {"op": "Length", "inputs": {"text": {"reference": "Long/text"}, "label": {"param": "label"}}},
        ],
    },
}


def begin(made: Cluster) -> Process:
    """Start a daemon and an agent, push the workflows."""
    made.start_daemon()
    agent = made.start_agent("a1", operators=OPERATORS)
    made.agents_are("a1")
    with made.client() as client:
        for workflow in WORKFLOWS.values():
            client.push(workflow)
    return agent


def restart(made: Cluster, agent: Process) -> None:
    """Start the agent anew: it doesn't trust the copies of its former life."""
    agent.kill()
    agent.ended()
    made.start_agent("a1", operators=OPERATORS)
    made.agents_are("a1")


def submit(client: Client, workflow: str, text: str, label: str) -> str:
    """Return the id of a run that succeeded."""
    run = client.submit({"workflow": workflow, "params": {"text": text, "label": label}}).run.id
    assert client.wait(run).state == "success", [node.failure for node in client.get_run(run).nodes]
    return run


def output(client: Client, run: str, node: str) -> Any:
    """Return the first output of a node."""
    return client.get_node(run, node).artifacts[0].value


def blob(made: Cluster, digest: str) -> Path:
    """Find a blob in the daemon's store."""
    name = hex_of(parse_digest(digest))
    return made.data / "store" / "blobs" / name[:2] / name


def executions(made: Cluster, event: str) -> int:
    """Count executions by what they noted."""
    return sum(line.split(" ", 3)[3] == event for line in made.executed())


def test_a_harmed_dataset_is_made_again(tmp_path: Path) -> None:
    """However its files or its manifest are harmed: a hit's new consumer gets the right content, made once more."""
    with cluster(tmp_path / "made") as made:
        agent = begin(made)
        with made.client() as client:
            cases = [(victim, kind) for victim in ("file", "manifest") for kind in HARM]
            for victim, kind in cases:
                text = f"{victim} {kind}"
                run = submit(client, "dataset", text, "before")
                manifest = output(client, run, "Make")
                HARM[kind](blob(made, manifest if victim == "manifest" else digest_bytes(text.encode())))
            restart(made, agent)
            for victim, kind in cases:
                text = f"{victim} {kind}"
                run = submit(client, "dataset", text, "after")
                assert output(client, run, "Use") == f"text.txt={text}"
                assert executions(made, f"Make {text}") == 2, text
                again = submit(client, "dataset", text, "later")
                assert output(client, again, "Use") == f"text.txt={text}"
                assert client.get_node(again, "Make").node.cached
                assert executions(made, f"Make {text}") == 2, "what was made again is hit again"
            assert executions(made, "Use after") == len(cases)


def test_a_harmed_large_value_is_made_again(tmp_path: Path) -> None:
    """The same for values that are kept as blobs because of their length."""
    with cluster(tmp_path / "made") as made:
        agent = begin(made)
        with made.client() as client:
            for kind, harm in HARM.items():
                run = submit(client, "large", kind, "before")
                artifact = client.get_node(run, "Long").artifacts[0]
                assert artifact.blob
                harm(blob(made, artifact.blob))
            restart(made, agent)
            for kind in HARM:
                run = submit(client, "large", kind, "after")
                assert output(client, run, "Length") == 100_000 * len(kind)
                assert executions(made, f"Long {kind}") == 2, kind


def test_a_damaged_file_of_a_dataset_is_noticed_by_who_fetches_it(tmp_path: Path) -> None:
    """It isn't served; from then on the dataset's result is no hit, so that submitting again makes it again."""
    with cluster(tmp_path / "made") as made:
        begin(made)
        with made.client() as client:
            run = submit(client, "dataset", "text", "before")
            _flip(blob(made, digest_bytes(b"text")))
            with pytest.raises(NotFound):
                client.fetch_artifact(run, "Make", "data", tmp_path / "out")
            assert not list((tmp_path / "out").rglob("text.txt"))
            again = submit(client, "dataset", "text", "before")
            assert executions(made, "Make text") == 2
            assert client.get_node(again, "Use").node.cached, "equal content again: what depends on it is a hit"
            client.fetch_artifact(again, "Make", "data", tmp_path / "out")
            assert [path.read_text() for path in (tmp_path / "out").rglob("text.txt")] == ["text"]
