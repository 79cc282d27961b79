"""Code is edited while `accio up` runs it: it reloads, or tells whoever edits and whoever submits."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from accio.interpreter import python
from accio_client import Client
from tests.acceptance.processes import Cluster, eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400)]

OPS = """
from accio import operator
from underlib import scale

@operator
def Under(x: int) -> int:
    return scale(x)
"""
GATED = """
import time
from pathlib import Path

def scale(x):
    Path({begun!r}).touch()
    while not Path({gate!r}).exists():
        time.sleep(0.01)
    return {factor} * x
"""
MORE = """

@operator
def More() -> int:
    return 1
"""
WORKFLOW = {
    "id": "under",
    "params": [{"name": "x", "kind": "integer"}],
    "graph": [{"op": "Under", "inputs": {"x": {"param": "x"}}}],
}


def _written(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Write operators and the helper that they import; return their folder, the helper and the operators."""
    source = tmp_path / "source"
    source.mkdir()
    helper, ops = source / "underlib.py", source / "underops.py"
    helper.write_text("def scale(x):\n    return 2 * x\n")
    ops.write_text(OPS)
    return source, helper, ops


def _submit(client: Client, x: int) -> tuple[object, list[str]]:
    """Return the result of a run, and what its submission warned of."""
    done = client.submit({"workflow": "under", "params": {"x": x}})
    assert client.wait(done.run.id).state == "success"
    return client.get_node(done.run.id, "Under").artifacts[0].value, [each.message for each in done.warnings]


@contextmanager
def _up(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> Iterator[tuple[Client, Path]]:
    """Yield a client of an `accio up` that offers underops.py of the folder *source*, and the file of what it says."""
    cluster, said = Cluster(tmp_path), tmp_path / "said"
    monkeypatch.setenv("ACCIO_DATA_DIR", str(cluster.data))
    monkeypatch.delenv("ACCIO_TOKEN", raising=False)
    with said.open("w") as output:
        up = subprocess.Popen(
            [*python("accio_client.cli.main", "up"), "-operators", "underops.py", "-no-web", *options],
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
            yield client, said
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(60)


def test_edits_under_up_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without reloading: a helper is edited, `up` and submissions tell, runs go on as it was, until that is undone."""
    source, helper, _ = _written(tmp_path)
    with _up(tmp_path, source, monkeypatch, "-cpus=1", "-no-reload") as (client, said):
        assert _submit(client, 5) == (10, [])
        helper.write_text("def scale(x):\n    return 1000 * x\n")
        eventually(lambda: "underops.py: the code of operators has changed on disk" in said.read_text(), what="up")
        eventually(lambda: _submit(client, 6)[1], what="a warning")
        value, warnings = _submit(client, 7)
        assert value == 14
        assert ["the code of Under has changed on disk" in each for each in warnings] == [True]
        helper.write_text("def scale(x):\n    return 2 * x\n")
        eventually(lambda: not _submit(client, 5)[1], what="the end of the warnings")


def test_what_is_submitted_at_once_after_an_edit_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the memo serves what was computed before an edit, though the agent looks at files but twice a second."""
    source, helper, _ = _written(tmp_path)
    with _up(tmp_path, source, monkeypatch, "-cpus=1") as (client, _):
        assert _submit(client, 5)[0] == 10
        for factor in (3, 4, 5, 3):
            helper.write_text(f"def scale(x):\n    return {factor} * x\n")
            assert _submit(client, 5) == (5 * factor, [])


def test_edits_that_follow_one_another_are_all_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each edit comes while the agent starts what executes the one before, and is described as that is replaced; who
    pushes and submits waits for what the file has become, over the sessions that this takes.
    """
    source, _, ops = _written(tmp_path)
    with _up(tmp_path, source, monkeypatch, "-cpus=1") as (client, said):
        for number in range(10):
            ops.write_text(f"{OPS}\n@operator\ndef Under{number}(x: int) -> int:\n    return scale(x) + {number}\n")
            client.push({"id": "each", "graph": [{"op": f"Under{number}", "inputs": {"x": 1}}]})
            client.submit({"workflow": "each"})
        assert "can't be loaded" not in said.read_text()


def test_what_is_submitted_at_once_after_an_edit_is_told_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without reloading, or where what a file has become can't be loaded, the submission warns, from the first on."""
    source, helper, _ = _written(tmp_path)
    with _up(tmp_path, source, monkeypatch, "-cpus=1", "-no-reload") as (client, _):
        assert _submit(client, 5) == (10, [])  # its code is loaded
        for factor in (3, 2, 4):
            helper.write_text(f"def scale(x):\n    return {factor} * x\n")
            value, warnings = _submit(client, 5)
            assert value == 10
            assert ["the code of Under has changed on disk" in each for each in warnings] == [True] * (factor != 2)
    (tmp_path / "again").mkdir()
    with _up(tmp_path / "again", source, monkeypatch, "-cpus=1") as (client, _):
        assert _submit(client, 5) == (20, [])
        helper.write_text("def scale(:\n")
        value, warnings = _submit(client, 5)
        assert value == 20
        assert ["the code of Under has changed on disk" in each for each in warnings] == [True]


def test_up_reloads_what_is_edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The edit loop: what runs ends as it began, what waits says for what, new runs take the new code and operators;
    a mistake is told and changes nothing; `retry` with the latest operators moves a run on.
    """
    source, begun, gate = (tmp_path / name for name in ("source", "begun", "gate"))
    source.mkdir()
    helper, ops = source / "underlib.py", source / "underops.py"
    helper.write_text(GATED.format(begun=str(begun), gate=str(gate), factor=2))
    ops.write_text(OPS)
    with _up(tmp_path, source, monkeypatch, "-cpus=1") as (client, said):
        parent = client.submit({"workflow": "under", "params": {"x": {"values": [1, 2]}}}).run.id
        first, second = f"{parent}.0", f"{parent}.1"
        eventually(begun.exists, what="the first child")  # its state tells of the grant, before its code is loaded

        helper.write_text("def scale(x):\n    return 1000 * x\n")
        eventually(lambda: "reloaded: Under runs as it is now" in said.read_text(), what="the reload")
        eventually(lambda: "as pinned" in client.why(second, "Under")[0].reason, what="the reason to wait")
        assert client.get_node(first, "Under").node.state == "running"
        gate.touch()
        eventually(lambda: client.get_run(first).run.state == "success", what="the end of what ran")
        before = client.get_node(first, "Under")
        assert before.artifacts[0].value == 2
        assert _submit(client, 7) == (7000, [])
        assert client.get_node(second, "Under").node.state == "queued"

        ops.write_text(OPS + "\n\ndef half(:\n")
        eventually(lambda: "can't be loaded" in said.read_text(), what="the mistake")
        assert _submit(client, 8)[0] == 8000
        ops.write_text(OPS + MORE)
        eventually(lambda: "More is new" in said.read_text(), what="the new operator")
        eventually(lambda: "More" in [each.name for each in client.list_operators()], what="the daemon's knowing it")
        assert _submit(client, 9) == (9000, [])

        client.kill([parent])
        client.wait(parent)
        client.retry([parent], latest_operators=True)
        assert client.wait(parent).state == "success"
        assert client.get_node(second, "Under").artifacts[0].value == 2000
        after = client.get_node(first, "Under")
        assert after.artifacts[0].value == 2, "what has succeeded stays"
        assert after.operator_digest == before.operator_digest, "and says what code it is of"
        assert client.get_node(second, "Under").operator_digest != before.operator_digest
