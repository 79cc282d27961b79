"""Code is edited while `accio up` runs it: whoever edits and whoever submits is told."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from accio.interpreter import python
from accio_client import Client
from tests.acceptance.processes import Cluster, eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

OPS = """
from accio import operator
from underlib import scale

@operator
def Under(x: int) -> int:
    return scale(x)
"""
WORKFLOW = {
    "id": "under",
    "params": [{"name": "x", "kind": "integer"}],
    "graph": [{"op": "Under", "inputs": {"x": {"param": "x"}}}],
}


def _submit(client: Client, x: int) -> tuple[object, list[str]]:
    """Return the result of a run, and what its submission warned of."""
    done = client.submit({"workflow": "under", "params": {"x": x}})
    assert client.wait(done.run.id).state == "success"
    return client.get_node(done.run.id, "Under").artifacts[0].value, [each.message for each in done.warnings]


def test_edits_under_up_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A helper is edited: `up` and submissions tell, runs go on as it was, until the edit is undone."""
    source = tmp_path / "source"
    source.mkdir()
    helper = source / "underlib.py"
    helper.write_text("def scale(x):\n    return 2 * x\n")
    (source / "underops.py").write_text(OPS)
    cluster, said = Cluster(tmp_path), tmp_path / "said"
    monkeypatch.setenv("ACCIO_DATA_DIR", str(cluster.data))
    monkeypatch.delenv("ACCIO_TOKEN", raising=False)
    with said.open("w") as output:
        up = subprocess.Popen(
            [*python("accio_client.cli.main", "up"), "-operators", "underops.py", "-cpus=1"],
            cwd=source,
            env=cluster.environment(PYTHONPATH=os.pathsep.join(sys.path)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        eventually(lambda: "Ctrl-C" in said.read_text(), what="being up")
        with Client(cluster.address) as client:
            client.push(WORKFLOW)
            assert _submit(client, 5) == (10, [])
            helper.write_text("def scale(x):\n    return 1000 * x\n")
            eventually(lambda: "underops.py: the code of operators has changed on disk" in said.read_text(), what="up")
            eventually(lambda: _submit(client, 6)[1], what="a warning")
            value, warnings = _submit(client, 7)
            assert value == 14
            assert ["the code of Under has changed on disk" in each for each in warnings] == [True]
            helper.write_text("def scale(x):\n    return 2 * x\n")
            eventually(lambda: not _submit(client, 5)[1], what="the end of the warnings")
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(60)
