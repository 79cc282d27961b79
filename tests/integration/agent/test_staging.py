"""Datasets and large values on their way in and out, with and without a shared folder."""

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from accio.content.datasets import materialise, put_tree
from accio.content.digest import Digest, digest_bytes
from accio.content.reading import digest_dataset
from accio.content.sharing import publish_nonce
from accio.content.store import FolderStore
from accio.v1 import agents_pb2
from tests.integration.agent.conftest import AgentProcess
from tests.integration.agent.fake_daemon import FakeDaemon

NOW = 1_700_000_000_000_000_000


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "daemon-store")


@pytest.fixture(params=["apart", "shared"])
async def connected(
    request: pytest.FixtureRequest, daemon: FakeDaemon, store: FolderStore, agent: AgentProcess
) -> AgentProcess:
    """An agent that sees the daemon's store, or doesn't."""
    daemon.store = store
    if request.param == "shared":
        daemon.store_folder, daemon.store_nonce = str(store.folder), publish_nonce(store.folder)
        daemon.hang_up()
        await daemon.connected(2)
    return agent


async def run(daemon: FakeDaemon, no: int, operator: str, inputs: object, **fields: Any) -> agents_pb2.Report:
    daemon.assign(daemon.node_class(operator, 100 + no), [no], json.dumps(inputs), **fields)
    return await daemon.report(no)


@pytest.mark.usefixtures("connected")
async def test_datasets_travel(daemon: FakeDaemon, store: FolderStore, tmp_path: Path) -> None:
    """A dataset that an operator made is in the daemon's store, whole, when its report comes, and can be an input."""
    made = await run(daemon, 1, "Make", {"text": "hello"})
    digest = Digest(json.loads(made.outputs["value"]))
    assert [(each.digest, each.bytes) for each in made.contents] == [(digest, 15)]
    materialise(store, digest, tmp_path / "copy")
    assert (tmp_path / "copy" / "sub" / "b.txt").read_text() == "hellohello"
    read = await run(daemon, 2, "Read", {"data": digest})
    assert read.outputs["value"] == '"a.txt=hello,b.txt=hellohello"'


@pytest.mark.usefixtures("connected")
async def test_files_keep_their_names(daemon: FakeDaemon, tmp_path: Path) -> None:
    """A file reaches the next operator under its name, and executable: made by a node, or lost at its path."""
    made = await run(daemon, 1, "MakeScript", {"name": "tool.v2.sh", "answer": "43"})
    text = json.loads(made.outputs["value"])
    (content,) = made.contents
    assert text == f"{content.digest}/tool.v2.sh"
    said = await run(daemon, 2, "Execute", {"data": text})
    assert json.loads(said.outputs["value"]) == "tool.v2.sh says 43"
    for no, name, expected in ((3, "", "moved.sh"), (4, "own.sh", "own.sh")):
        pinned = [agents_pb2.PinnedContent(text=str(tmp_path / "moved.sh"), digest=content.digest, name=name)]
        said = await run(daemon, no, "Execute", {"data": str(tmp_path / "moved.sh")}, contents=pinned)
        assert json.loads(said.outputs["value"]) == f"{expected} says 43"


@pytest.mark.usefixtures("connected")
async def test_workers_stay_warm_when_they_keep_what_an_operator_made(daemon: FakeDaemon) -> None:
    """A dataset or a large value, which the worker puts into the store, doesn't cost the worker."""
    before = await run(daemon, 1, "Pid", {})
    assert (await run(daemon, 2, "Make", {"text": "kept"})).success
    assert (await run(daemon, 3, "Large", {"size": 1_000_000})).success
    assert (await run(daemon, 4, "Pid", {})).outputs["value"] == before.outputs["value"]


@pytest.mark.usefixtures("connected")
async def test_datasets_of_the_store_are_fetched(daemon: FakeDaemon, store: FolderStore, tmp_path: Path) -> None:
    """A dataset that only the daemon's store has reaches the operator; one that nobody has is a staging failure."""
    (tmp_path / "file").write_text("content")
    digest = put_tree(store, tmp_path / "file", now_ns=NOW).digest
    assert (await run(daemon, 1, "Read", {"data": digest})).outputs["value"] == '"content"'
    missing = digest_bytes(b"nobody has this")
    report = await run(daemon, 2, "Read", {"data": missing})
    assert report.failure.cause == "staging"
    assert missing in report.failure.message
    assert list(report.missing) == [missing], "so that the daemon can have it made again"


@pytest.mark.usefixtures("connected")
async def test_a_changed_input_is_written_anew(daemon: FakeDaemon, store: FolderStore, tmp_path: Path) -> None:
    """An operator that damages its input harms neither the store nor the next reader."""
    (tmp_path / "file").write_text("content")
    digest = put_tree(store, tmp_path / "file", now_ns=NOW).digest
    await run(daemon, 1, "Change", {"data": digest})
    assert (await run(daemon, 2, "Read", {"data": digest})).outputs["value"] == '"content"'


@pytest.mark.usefixtures("connected")
async def test_large_values_are_blobs(daemon: FakeDaemon, store: FolderStore) -> None:
    """An output beyond 64 KiB is kept as a blob, and can be an input as one."""
    report = await run(daemon, 1, "Large", {"size": 100_000})
    assert not report.outputs
    (large,) = report.large_outputs
    assert (large.port, large.size) == ("value", 100_002)
    assert store.read(Digest(large.digest)) == b'"' + b"x" * 100_000 + b'"'
    given = [agents_pb2.LargeValue(port="text", digest=large.digest, size=large.size)]
    assert (await run(daemon, 2, "Length", {}, large_inputs=given)).outputs["value"] == "100000"
    small = await run(daemon, 3, "Large", {"size": 60_000})
    assert len(small.outputs["value"]) == 60_002


@pytest.mark.usefixtures("connected")
async def test_external_paths(daemon: FakeDaemon, store: FolderStore, tmp_path: Path) -> None:
    """A path is used if it holds what the run pinned; else the pinned content comes from the store, or it fails."""
    path = tmp_path / "data"
    path.write_text("first")
    digest = digest_dataset(path, now_ns=NOW).digest
    pinned = [agents_pb2.PinnedContent(text=str(path), digest=digest)]
    report = await run(daemon, 1, "Read", {"data": str(path)}, contents=pinned)
    assert report.outputs["value"] == '"first"'
    path.write_text("second")
    report = await run(daemon, 2, "Read", {"data": str(path)}, contents=pinned)
    assert report.failure.cause == "staging"
    assert "changed since the run began" in report.failure.message
    assert list(report.absent) == [str(path)], "so that the daemon gives the node to another agent"
    path.write_text("first")
    put_tree(store, path, now_ns=NOW)
    path.unlink()
    report = await run(daemon, 3, "Read", {"data": str(path)}, contents=pinned)
    assert report.outputs["value"] == '"first"'


@pytest.mark.usefixtures("agent")
async def test_a_path_that_changes_meanwhile(daemon: FakeDaemon, tmp_path: Path) -> None:
    """A success over an input that changed under it is a staging failure."""
    path = tmp_path / "data"
    path.write_text("first")
    pinned = [agents_pb2.PinnedContent(text=str(path), digest=digest_dataset(path, now_ns=NOW).digest)]
    report = await run(daemon, 1, "Change", {"data": str(path)}, contents=pinned)
    assert not report.success
    assert report.failure.cause == "staging"
    assert "changed while it was used" in report.failure.message
    assert not report.outputs


@pytest.mark.usefixtures("agent")
async def test_an_operator_that_writes_beside_its_input_gets_a_copy(daemon: FakeDaemon, tmp_path: Path) -> None:
    """What an operator adds to a folder that it reads fails nothing: it is executed again, on the folder as it was, and
    writes into no other folder any more.
    """
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        (folder / "data").write_text(folder.name)
    first, second = (
        [agents_pb2.PinnedContent(text=str(folder), digest=digest_dataset(folder, now_ns=NOW).digest)]
        for folder in folders
    )
    inputs = json.dumps({"data": str(folders[0])})
    daemon.assign(daemon.node_class("Index", 1), [1], inputs, contents=first)
    await daemon.until(lambda: [no for each in daemon.recalled for no in each.withdrawn] == [1])
    assert (folders[0] / "index").exists()
    report = await run(daemon, 2, "Index", {"data": str(folders[0])}, contents=first)
    assert report.outputs["value"] == '"data"'
    report = await run(daemon, 3, "Index", {"data": str(folders[1])}, contents=second)
    assert report.outputs["value"] == '"data"'
    assert [path.name for path in folders[1].iterdir()] == ["data"]
    assert 1 not in daemon.reports


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize("kind", ["file", "folder"])
async def test_an_input_that_is_only_touched_is_read_again(daemon: FakeDaemon, tmp_path: Path, kind: str) -> None:
    """A hard link to an input, made beside its reader or by the operator itself, fails nothing; nor does it go on for
    ever: the operator gets a copy of a folder, and isn't believed of a file.
    """
    path = tmp_path / "data"
    file = path
    if kind == "folder":
        path.mkdir()
        file = path / "part"
    file.write_text("first")
    pinned = [agents_pb2.PinnedContent(text=str(path), digest=digest_dataset(path, now_ns=NOW).digest)]
    repeated = 0
    for no in range(1, 10):
        daemon.assign(daemon.node_class("Link", no), [no], json.dumps({"data": str(path)}), contents=pinned)
        await daemon.until(partial(_is_over, daemon, no))
        if no in daemon.reports:
            break
        repeated += 1
    report = daemon.reports[repeated + 1]
    if kind == "folder":
        assert (repeated, dict(report.outputs)) == (2, {"value": '"first"'})
    else:
        assert repeated == 3
        assert "changed while it was used" in report.failure.message


def _is_over(daemon: FakeDaemon, no: int) -> bool:
    return no in daemon.reports or any(no in each.withdrawn for each in daemon.recalled)


async def test_reading_for_nobody_is_given_up(daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path) -> None:
    """A path is read no further once the daemon says that its digest isn't needed any more; there is no answer."""
    path, other = tmp_path / "huge", tmp_path / "small"
    with path.open("wb") as file:
        file.truncate(4 << 40)  # of zeros, without space: to read it takes hours
    other.write_text("small")

    def is_read() -> bool:
        folder = Path(f"/proc/{agent.process.pid}/fd")
        return str(path) in {os.path.realpath(each) for each in folder.iterdir()}

    daemon.send(agents_pb2.DaemonMessage(digest=agents_pb2.DigestRequest(request=7, paths=[str(path)])))
    await daemon.until(is_read)
    daemon.send(agents_pb2.DaemonMessage(stop=agents_pb2.Stop(digests=[7, 99])))
    await daemon.until(lambda: not is_read())
    daemon.send(agents_pb2.DaemonMessage(digest=agents_pb2.DigestRequest(request=8, paths=[str(other)])))
    await daemon.until(lambda: any(message.digests.request == 8 for message in daemon.others))
    assert not any(message.digests.request == 7 for message in daemon.others)


@pytest.mark.usefixtures("agent")
async def test_digest_requests(daemon: FakeDaemon, tmp_path: Path) -> None:
    """The content digests of paths are told, and why there is none."""
    path = tmp_path / "data"
    path.write_text("first")
    paths = [str(path), str(tmp_path / "absent"), "relative", f"file://{path}", "nowhere://x/y"]
    daemon.send(agents_pb2.DaemonMessage(digest=agents_pb2.DigestRequest(request=7, paths=paths)))
    await daemon.until(lambda: any(message.digests.request == 7 for message in daemon.others))
    found = list(daemon.others[-1].digests.paths)
    assert [each.path for each in found] == paths
    digest = digest_dataset(path, now_ns=NOW).digest
    assert (found[0].digest, found[0].bytes, found[0].error) == (digest, 5, "")
    assert "no file or folder" in found[1].error
    assert "absolute" in found[2].error
    assert found[3].digest == digest
    assert "nowhere" in found[4].error
