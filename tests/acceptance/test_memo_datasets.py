"""Inputs at paths count by their content: never stale, not executed again for equal bytes; unreadable ones fail."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from accio_client import Client
from tests.acceptance.processes import Cluster, cluster, eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

OPERATORS = ("tests.acceptance.ledger_operators", "tests.acceptance.memo_operators")
READING = {
    "id": "reading",
    "params": [{"name": "data", "kind": "dataset"}],
    "graph": [{"op": "Use", "inputs": {"data": {"param": "data"}}}],
}
TWICE = {
    "id": "twice",
    "params": [{"name": "data", "kind": "dataset"}, {"name": "label", "kind": "string"}],
    "graph": [
        {"op": "Use", "name": "First", "inputs": {"data": {"param": "data"}, "label": {"value": "first"}}},
        {"op": "Gate", "inputs": {"label": {"param": "label"}}},
        {"op": "UseAfter", "inputs": {"data": {"param": "data"}, "gate": {"reference": "Gate/value"}}},
    ],
}
OVERWRITING = {
    "id": "overwriting",
    "params": [{"name": "data", "kind": "dataset"}, {"name": "target", "kind": "string"}],
    "graph": [{"op": "Overwrite", "inputs": {"data": {"param": "data"}, "target": {"param": "target"}}}],
}


# What starts a process for which the modes of files count, also if root runs the tests.
ORDINARY = ["setpriv", *(f"--{kind}=-dac_override,-dac_read_search" for kind in ("inh-caps", "bounding-set"))]


def _begin(made: Cluster, before: Sequence[str] = ()) -> None:
    made.start_daemon()
    made.start_agent("a1", operators=OPERATORS, before=before)
    made.agents_are("a1")
    with made.client() as client:
        for workflow in (READING, TWICE, OVERWRITING):
            client.push(workflow)


def _read(client: Client, path: Path) -> tuple[Any, bool]:
    """Return what the operator found at a path, and whether that was a hit."""
    run = client.submit({"workflow": "reading", "params": {"data": str(path)}}).run.id
    assert client.wait(run).state == "success", client.get_node(run, "Use").node.failure
    details = client.get_node(run, "Use")
    return details.artifacts[0].value, details.node.cached


def _failure(client: Client, run: str, node: str) -> tuple[str, str]:
    assert client.wait(run).state == "failed"
    failure = client.get_node(run, node).node.failure
    assert failure is not None
    return failure.cause, failure.message


def test_a_file_counts_by_its_content(tmp_path: Path) -> None:
    """Changed in place: executed at once, as often as it changes. Touched, copied, moved, linked to: a hit."""
    with cluster(tmp_path / "made") as made:
        _begin(made)
        file = tmp_path / "file"
        with made.client() as client:
            for no in range(6):  # each within the file system's time resolution of the one before, at the same size
                file.write_text(f"content {no}")
                assert _read(client, file) == (f"content {no}", False)
            assert _read(client, file) == ("content 5", True)
            os.utime(file, (1, 1))
            assert _read(client, file) == ("content 5", True)
            shutil.copy(file, tmp_path / "copy")
            assert _read(client, tmp_path / "copy") == ("content 5", True)
            file.rename(tmp_path / "moved")
            assert _read(client, tmp_path / "moved") == ("content 5", True)
            (tmp_path / "link").symlink_to(tmp_path / "moved")
            assert _read(client, tmp_path / "link") == ("content 5", True)
            (tmp_path / "moved").write_text("content 0")
            assert _read(client, tmp_path / "link") == ("content 0", True), "a link counts as what it leads to"
            (tmp_path / "empty").touch()
            assert _read(client, tmp_path / "empty") == ("", False)
            (tmp_path / "empty too").touch()
            assert _read(client, tmp_path / "empty too") == ("", True)


def test_a_folder_counts_by_all_that_it_holds(tmp_path: Path) -> None:
    """A file changed, added or renamed deep inside is seen; an equal copy elsewhere is a hit; or one made of links."""
    with cluster(tmp_path / "made") as made:
        _begin(made)
        folder = tmp_path / "folder"
        (folder / "sub").mkdir(parents=True)
        (folder / "a").write_text("1")
        (folder / "sub" / "b").write_text("2")
        with made.client() as client:
            assert _read(client, folder) == ("a=1,sub/b=2", False)
            shutil.copytree(folder, tmp_path / "equal")
            assert _read(client, tmp_path / "equal") == ("a=1,sub/b=2", True)
            (tmp_path / "farm" / "sub").mkdir(parents=True)
            (tmp_path / "farm" / "a").symlink_to(folder / "a")
            (tmp_path / "farm" / "sub" / "b").symlink_to(tmp_path / "equal" / "sub" / "b")
            assert _read(client, tmp_path / "farm") == ("a=1,sub/b=2", True)
            (folder / "sub" / "b").write_text("3")
            assert _read(client, folder) == ("a=1,sub/b=3", False)
            (folder / "sub" / "b").rename(folder / "sub" / "c")
            assert _read(client, folder) == ("a=1,sub/c=3", False)
            (folder / "sub" / "c").unlink()
            assert _read(client, folder) == ("a=1", False), "an empty folder is content too"


def test_what_cannot_be_read_fails_with_the_reason(tmp_path: Path) -> None:
    """Nothing at the path, a FIFO, a link to nothing, a folder that holds itself: failures that name the path."""
    with cluster(tmp_path / "made") as made:
        _begin(made)
        os.mkfifo(tmp_path / "fifo")
        (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
        (tmp_path / "loop").mkdir()
        (tmp_path / "loop" / "self").symlink_to(tmp_path / "loop")
        with made.client() as client:
            for name in ("absent", "fifo", "dangling", "loop"):
                run = client.submit({"workflow": "reading", "params": {"data": str(tmp_path / name)}}).run.id
                cause, message = _failure(client, run, "Use")
                assert cause == "staging"
                assert str(tmp_path / name) in message
            (tmp_path / "absent").write_text("here now")
            assert _read(client, tmp_path / "absent") == ("here now", False)


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may read all without setpriv")
def test_what_may_not_be_read_fails_with_the_reason(tmp_path: Path) -> None:
    """A file, a folder, a file deep in a folder that the agent has no right to: failures that name what it is."""
    with cluster(tmp_path / "made") as made:
        _begin(made, before=ORDINARY if os.geteuid() == 0 else ())
        (tmp_path / "deep" / "sub").mkdir(parents=True)
        (tmp_path / "folder").mkdir()
        for name in ("file", "deep/sub/file"):
            (tmp_path / name).write_text("secret")
        with made.client() as client:
            for name, forbidden in (("file", "file"), ("folder", "folder"), ("deep", "deep/sub/file")):
                mode = (tmp_path / forbidden).stat().st_mode
                (tmp_path / forbidden).chmod(0)
                run = client.submit({"workflow": "reading", "params": {"data": str(tmp_path / name)}}).run.id
                cause, message = _failure(client, run, "Use")
                (tmp_path / forbidden).chmod(mode)
                assert cause == "staging"
                assert str(tmp_path / forbidden) in message
                assert "permission denied" in message.lower()
            assert _read(client, tmp_path / "file") == ("secret", False), "nothing is remembered of the failures"


def test_a_file_that_changes_under_a_run_is_noticed(tmp_path: Path) -> None:
    """Changed after its digest was taken, or while an operator uses it: a failure, and nothing is remembered of it."""
    with cluster(tmp_path / "made") as made:
        _begin(made)
        file = tmp_path / "file"
        file.write_text("before")
        with made.client() as client:
            params = {"data": str(file), "label": "g"}
            run = client.submit({"workflow": "twice", "params": params}).run.id
            eventually(lambda: client.get_node(run, "First").node.state == "success", what="the first reading")
            file.write_text("after!")
            made.open_gate("g")
            cause, message = _failure(client, run, "UseAfter")
            assert cause == "staging"
            assert "changed since the run began" in message

            params = {"data": str(file), "target": str(file)}
            run = client.submit({"workflow": "overwriting", "params": params}).run.id
            cause, message = _failure(client, run, "Overwrite")
            assert cause == "staging"
            assert "changed while it was used" in message
            assert file.read_text() == "after!!"
            file.write_text("after!")
            other = {"data": str(file), "target": str(tmp_path / "other")}
            again = client.submit({"workflow": "overwriting", "params": other}).run.id
            assert client.wait(again).state == "success"
            assert not client.get_node(again, "Overwrite").node.cached
