"""What results cost on disk: one copy where agent and daemon share a folder, told by `cache stats`, freed by `gc`."""

from pathlib import Path

import pytest

from tests.acceptance.processes import Cluster, cluster

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
WORKFLOW = {
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
    return [path for path in (made.data / "store").rglob("*") if path.is_file() and path.stat().st_size == SIZE]


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
