"""What results cost on disk: one copy where agent and daemon share a folder, told by `cache stats`, freed by `gc`."""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.processes import Cluster, Process, cluster, eventually, hiding, sizes

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

SIZE = 5 << 20
OPERATORS = f"""
from accio import Dataset, OperatorContext, operator

@operator()
def Big(ctx: OperatorContext, n: int) -> Dataset:
    out = ctx.dataset()
    (out / "data").write_bytes(bytes([n]) * {SIZE})
    return out

@operator()
def Length(data: Dataset) -> int:
    return (data / "data").stat().st_size
"""
WORKFLOW: dict[str, Any] = {
    "id": "big",
    "params": [{"name": "n", "kind": "integer"}],
    "graph": [
        {"op": "Big", "inputs": {"n": {"param": "n"}}},
        {"op": "Length", "inputs": {"data": {"reference": "Big/value"}}},
    ],
}


def operators(folder: Path) -> list[str]:
    """Write the operators' file."""
    path = folder / "big_operators.py"
    path.write_text(OPERATORS, encoding="utf-8")
    return [str(path)]


def blobs(made: Cluster) -> list[Path]:
    """The large files of the daemon's store."""
    return [path for path, size in sizes(made.data / "store").items() if size == SIZE]


def test_a_large_result_is_the_file_that_was_written(tmp_path: Path) -> None:
    """It isn't copied into the store: no space was needed for a second one. `cache stats` counts it."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon()
        made.start_agent(operators=operators(tmp_path))
        made.agents_are("a1")
        with made.client() as client:
            client.push(WORKFLOW)
            run = client.submit({"workflow": "big", "params": {"n": 1}}).run.id
            assert client.wait(run).state == "success", client.get_node(run, "Big")
            assert client.get_node(run, "Length").artifacts[0].value == SIZE
            (found,) = client.cache(operator="Big", entries=True).operators
            assert SIZE < found.bytes < SIZE + 1_000
            assert client.cache(operator="Big", entries=True).entries[0].bytes == found.bytes
        (blob,) = blobs(made)
        assert blob.stat().st_nlink == 1  # the working folder has been emptied
        assert blob.stat().st_mode & 0o777 == 0o444


@pytest.mark.skipif(os.geteuid() != 0, reason="hiding the daemon's store from an agent needs root")
@pytest.mark.skipif(shutil.which("unshare") is None, reason="hiding the store needs unshare")
def test_gc_reaches_the_caches_of_agents(tmp_path: Path) -> None:
    """Of one that is connected at once, of one that was away when it is back; what runs refer to stays everywhere."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon()
        hide = hiding(made.data / "store")

        def start(name: str) -> Process:
            only = ("--cpus", "1", "--resource", f"{name}=1")
            return made.start_agent(name, *only, operators=operators(tmp_path), before=hide)

        def kept(name: str) -> list[int]:
            """Return the first bytes of what an agent keeps, in its cache and written out."""
            found = set()
            for path, size in sizes(made.root / name).items():
                with suppress(FileNotFoundError):  # it goes just now
                    if size == SIZE:
                        found.add(path.read_bytes()[0])
            return sorted(found)

        agents = {name: start(name) for name in ("a1", "a2")}
        made.agents_are("a1", "a2")
        with made.client() as client:
            runs = []
            for n, name in ((1, "a1"), (2, "a1"), (3, "a2"), (4, "a2")):
                there = [{**node, "resources": {"custom": {name: 1}}} for node in WORKFLOW["graph"]]
                client.push({**WORKFLOW, "id": f"on-{name}", "graph": there})
                runs.append(client.submit({"workflow": f"on-{name}", "params": {"n": n}}).run.id)
                assert client.wait(runs[-1]).state == "success"
            assert (kept("a1"), kept("a2")) == ([1, 2], [3, 4])
            agents["a2"].kill()
            agents["a2"].ended()
            made.agents_are("a1")
            client.delete(runs[1::2])
            assert client.collect_garbage().bytes > 2 * SIZE
            eventually(lambda: kept("a1") == [1], what="a1's cache being freed")
            start("a2")
            eventually(lambda: kept("a2") == [3], what="a2's cache being freed")
            assert len(blobs(made)) == 2
