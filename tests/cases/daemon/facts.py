"""What is true of runs, nodes and artifacts, in the form in which cases expect it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accio.content.digest import parse_digest
from accio.content.store import FolderStore
from accio_client import documents
from accio_client.views import ArtifactView
from tests.acceptance.processes import eventually
from tests.cases.daemon.system import System


@dataclass(frozen=True, slots=True)
class Place:
    """A node of a run."""

    run: str
    node: str


def run_facts(system: System, run: str) -> dict[str, Any]:
    """Say what is true of a run: the fields of its document, and a few words of the cases' own."""
    found = system.client.get_run(run)
    document: dict[str, Any] = system.as_in_case(documents.run_details(found))
    seed = document["seed"]
    counted = document.get("children", {})
    return document | {
        "document": document,
        "seed": int(seed),
        "seed_text": seed,
        "workflow": f"{found.run.workflow_id}:{found.run.workflow_version}",
        "created": document["created_at"],
        "children": counted.get("total", 0) if isinstance(counted, dict) else 0,
        "by_state": counted.get("by_state"),
        "mentions": json.dumps(document),
    }


def node_facts(system: System, place: Place) -> dict[str, Any]:
    """Say what is true of a node: the fields of its document, and of its failure."""
    found = system.client.get_node(place.run, place.node)
    document: dict[str, Any] = system.as_in_case(documents.node_details(found))
    error = document["error"] or {}
    return document | {
        "document": document,
        "attempts": [attempt.state for attempt in found.attempts],
        "code": error.get("exit_code"),
        "signal": error.get("signal"),
        "exception": (error.get("exception") or "").rpartition(".")[2] or None,
        "traceback": error.get("traceback"),
        "stdout": error.get("stdout") or "",
        "stderr": error.get("stderr") or "",
        "predecessor": error.get("predecessor"),
        "seed": None if found.seed is None else int(found.seed),
        "mentions": json.dumps([error, document["reason"]], ensure_ascii=False),
    }


def process_of(system: System, place: Place) -> str:
    """Say whether the processes that executed a node are there: "gone" or "there". Those of pools may live on."""
    pids = {execution.pid for execution in system.executions() if execution.node == f"{place.run}/{place.node}"}

    def gone() -> bool:
        return not any(Path(f"/proc/{pid}").exists() for pid in pids)

    try:
        eventually(gone, patience=60, what="the end of the process")
    except AssertionError:
        return "there"
    return "gone"


def artifacts(system: System, run: str) -> dict[str, ArtifactView]:
    """Return every artifact of a run, by `Node/port`."""
    found: dict[str, ArtifactView] = {}
    for node in system.client.get_run(run).nodes:
        for artifact in system.client.get_node(run, node.name).artifacts:
            found[f"{node.name}/{artifact.port}"] = artifact
    return found


def value_of(system: System, place: Place, port: str) -> Any:
    """Return an artifact: a dataset of files as their contents by name, anything else as its value."""
    artifact = next((one for one in system.client.get_node(place.run, place.node).artifacts if one.port == port), None)
    assert artifact is not None, f"{place} has no artifact {port}"
    if artifact.type != "dataset":
        return artifact.value if artifact.blob is None else json.loads(read(system, artifact.blob))
    return contents(fetched(system, place, port))


def fetched(system: System, place: Place, port: str) -> Path:
    """Fetch a dataset to a folder of its own."""
    number = len(list(system.cluster.root.glob("fetched-*")))
    folder = system.cluster.root / f"fetched-{number}"
    folder.mkdir()
    path, _ = system.client.fetch_artifact(place.run, place.node, port, folder)
    return path


def contents(path: Path) -> dict[str, str]:
    """Return the texts of the files of a folder."""
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return {file.relative_to(path).as_posix(): file.read_bytes().decode(errors="replace") for file in files}


def read(system: System, digest: str) -> bytes:
    """Return the bytes of a blob."""
    return b"".join(system.client.read_blob(digest))


def is_stored(system: System, digest: str) -> bool:
    """Return whether the store has a blob; looking is no use of it, which would keep it."""
    with FolderStore(system.cluster.data / "store", writable=False) as store:
        return bool(store.has([parse_digest(digest)]))


def copies_in_store(system: System, content: bytes) -> int:
    """Count the files of the store with this content."""
    size = len(content)
    files = (path for path in (system.cluster.data / "store").rglob("*") if path.is_file())
    return sum(path.stat().st_size == size and path.read_bytes() == content for path in files)
