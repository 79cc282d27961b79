"""`accio publish` and `accio replay` on a real daemon: what is written, and how it agrees with what is run again."""

import asyncio
import hashlib
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from accio.content.digest import Digest, digest_bytes
from accio.content.manifest import FileEntry, of_file, of_folder
from accio.v1 import artifacts_pb2, runs_pb2
from accio_client.cli.main import main
from tests.integration.daemon.harness import Serving, configured, serving
from tests.integration.daemon.scripted_agent import Outputs, ScriptedAgent, joined
from tests.integration.daemon.workflows import DRAWING, LOADING

SWEEP = {
    "workflow": "drawing",
    "name": "Draws",
    "notes": "of Ada",
    "tags": ["paper"],
    "params": {"x": {"values": [3, 1, 2, 8]}},
    "repeat": 2,
}


def behave(name: str, inputs: dict[str, Any], seed: int | None) -> Outputs | runs_pb2.Failure:
    """Fail at one point, and draw by the seed."""
    if name == "Load":
        return {"data": orjson.dumps(inputs["data"]).decode()}
    if name == "Double":
        if inputs["x"] == 8.0:
            return runs_pb2.Failure(cause="exception", message="8 is refused", exception="builtins.ValueError")
        return {"value": repr(inputs["x"] * 2)}
    return {"value": repr((seed or 0) % 1000 / 997)}


def drift(name: str, inputs: dict[str, Any], seed: int | None) -> Outputs | runs_pb2.Failure:
    """As before, but for the last digits of draws; and now another point is refused."""
    if name == "Double" and inputs["x"] == 1.0:
        return runs_pb2.Failure(cause="exception", message="1 is refused", exception="builtins.ValueError")
    found = behave(name, inputs, seed)
    if name == "Draw" and isinstance(found, dict):
        return {"value": repr(float(found["value"]) * (1 + 1e-12))}
    return found


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Serving]:
    """A daemon."""
    with capture_logs():  # what the daemon says in this process isn't what a command prints
        async with serving(configured(tmp_path / "data")) as running:
            yield running


@pytest.fixture
async def agent(daemon: Serving) -> AsyncIterator[ScriptedAgent]:
    """An agent that behaves."""
    async with joined(daemon.agents, behaviour=behave) as agent:
        yield agent


@pytest.fixture
async def run(daemon: Serving, agent: ScriptedAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A sweep that has ended; the environment names its daemon, and the current folder is an empty one."""
    monkeypatch.setenv("ACCIO_ADDR", daemon.daemon.address)
    monkeypatch.setenv("ACCIO_TOKEN", daemon.config.token.read_text().split()[0])
    monkeypatch.setenv("ACCIO_USER", "Ada <ada@example.org>")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    await daemon.push(DRAWING)
    return (await daemon.finished(SWEEP)).id


async def called(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Call the command line beside the daemon's loop."""
    code = await asyncio.to_thread(main, words)
    out, err = capsys.readouterr()
    assert "internal error" not in err
    return code, out, err


async def test_a_crate_is_the_same_bytes_and_describes_its_parts(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whenever it is written: parts and digests are all there, and each part is described."""
    code, out, _ = await called(capsys, "publish", run, "-out=a.zip", "-json")
    assert code == 0
    parts = orjson.loads(out)["parts"]
    await called(capsys, "publish", run, "-out=b.zip")
    assert _content("a.zip") == _content("b.zip")
    with zipfile.ZipFile("a.zip") as archive:
        lines = [line.split("  ") for line in archive.read("manifest-sha256.txt").decode().splitlines()]
        manifest = {name: digest for digest, name in lines}
        assert set(manifest) == set(parts) == set(archive.namelist()) - {"manifest-sha256.txt"}
        assert all(hashlib.sha256(archive.read(name)).hexdigest() == digest for name, digest in manifest.items())
        graph = {each["@id"]: each for each in orjson.loads(archive.read("ro-crate-metadata.json"))["@graph"]}
        children = [orjson.loads(line) for line in archive.read("outputs.jsonl").splitlines()]
    assert {each["@id"] for each in graph["./"]["hasPart"]} == set(parts) - {"ro-crate-metadata.json"}
    assert graph["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    assert graph["#run"]["instrument"] == graph["./"]["mainEntity"] == {"@id": "workflow.json"}
    assert graph["#run"]["agent"] == {"@id": "#author"}
    assert graph["#value-x"]["exampleOfWork"] == {"@id": "#param-x"}
    referred = {each["@id"] for entity in graph.values() for value in entity.values() for each in _references(value)}
    assert referred - set(graph) <= {
        "https://w3id.org/ro/crate/1.1",
        "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE",
    }
    assert [(line["params"], line["repeat"]) for line in children[:3]] == [
        ({"x": 3.0}, 1),
        ({"x": 3.0}, 2),
        ({"x": 1.0}, 1),
    ]
    assert children[0]["outputs"]["Plain/value"] == 6.0


def _content(name: str) -> bytes:
    return Path(name).read_bytes()


def _write(name: str, content: bytes) -> None:
    Path(name).write_bytes(content)


def _references(value: Any) -> list[dict[str, str]]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


async def test_a_crate_includes_datasets(
    run: str, daemon: Serving, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Files are below the digest of their dataset, once, empty folders too; without them there is the digest alone."""
    await daemon.push(LOADING)
    folder = await stored(daemon, {"sub/b é.txt": b"b\n", "a": b""}, ("empty/inside",))
    file = await stored(daemon, {"": b"x,y\n"})
    loads = [folder, f"{file}/table.csv", f"{file}/other.csv"]
    loaded = (await daemon.finished({"workflow": "loading", "params": {"data": {"values": loads}}})).id
    code, out, _ = await called(capsys, "publish", loaded, "-out=a.zip", "-data=include", "-json")
    assert code == 0
    found = orjson.loads(out)
    inside, alone = (f"data/{digest.removeprefix('blake3:')}/" for digest in (folder, file))
    assert sorted(found["datasets"], key=lambda each: str(each["bytes"])) == [
        {"digest": folder, "files": 2, "bytes": 2},
        {"digest": file, "files": 1, "bytes": 4},
    ]
    with zipfile.ZipFile("a.zip") as archive:
        data = {name: archive.read(name) for name in archive.namelist() if name.startswith("data/")}
        graph = {each["@id"]: each for each in orjson.loads(archive.read("ro-crate-metadata.json"))["@graph"]}
    assert {name: content for name, content in data.items() if not name.endswith("/")} == {
        f"{inside}sub/b é.txt": b"b\n",
        f"{inside}a": b"",
        f"{alone}table.csv": b"x,y\n",
    }
    assert {inside, f"{inside}sub/", f"{inside}empty/", f"{inside}empty/inside/", alone} <= set(data)
    assert {inside, alone} <= {each["@id"] for each in graph["./"]["hasPart"]}
    assert graph[inside]["identifier"] == folder
    await called(capsys, "publish", loaded, "-out=b.zip", "-data=include")
    assert _content("a.zip") == _content("b.zip")
    code, out, _ = await called(capsys, "replay", "a.zip", "-verify", "-json")
    assert (code, orjson.loads(out)["agrees"]) == (0, True), out
    _, out, _ = await called(capsys, "publish", loaded, "-out=c.zip")
    assert "data/" not in out
    with zipfile.ZipFile("c.zip") as archive:
        assert not [name for name in archive.namelist() if name.startswith("data/")]


async def test_a_dataset_that_cannot_be_included_is_named(
    run: str, daemon: Serving, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that the store lacks, and one with a name that no list of digests holds: no file is written."""
    await daemon.push(LOADING)
    lost = of_folder((), ("lost",)).digest
    odd = await stored(daemon, {"two\nlines": b"x"})
    folder = Path.cwd()
    for data, advice in ((lost, "without -data=include"), (odd, "names of files that a ZIP can hold")):
        loaded = (await daemon.finished({"workflow": "loading", "params": {"data": data}})).id
        code, _, err = await called(capsys, "publish", loaded, "-out=a.zip", "-data=include")
        assert code == 1
        assert data in err
        assert advice in err
    assert not _names_in(folder)


def _names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def stored(daemon: Serving, files: dict[str, bytes], empty: tuple[str, ...] = ()) -> Digest:
    """Put a dataset into the store: a folder, or the file whose name is empty."""
    entries = [FileEntry(path=path, size=len(data), digest=digest_bytes(data)) for path, data in files.items()]
    only = files.get("")
    manifest = of_folder(entries, empty) if only is None else of_file(size=len(only), digest=digest_bytes(only))
    for data in (*files.values(), manifest.encoded):
        await daemon.artifacts.Write(iter([artifacts_pb2.WriteChunk(digest=digest_bytes(data), data=data)]))
    return manifest.digest


async def test_an_anonymous_crate_names_nobody(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the owner nor the notes are anywhere in it; the licence is."""
    license_ = "https://creativecommons.org/licenses/by/4.0/"
    await called(capsys, "publish", run, "-out=a.zip", "-anonymous", f"-license={license_}")
    with zipfile.ZipFile("a.zip") as archive:
        content = b"".join(archive.read(name) for name in archive.namelist() if not name.endswith(".parquet"))
    assert b"Ada" not in content
    assert license_.encode() in content


async def test_what_is_run_again_is_identical(
    run: str, capsys: pytest.CaptureFixture[str], agent: ScriptedAgent
) -> None:
    """Nothing is taken from the memo, and all outputs are the same: seeds are part of what was published."""
    await called(capsys, "publish", run, "-out=a.zip")
    before = agent.executed
    code, out, told = await called(capsys, "replay", "a.zip", "-verify", "-json")
    found = orjson.loads(out)
    assert code == 0, found
    assert f"{found['run']} {found['state']} 100%" in told, "it is shown how the run goes on"
    assert found["agrees"]
    assert found["other_operators"] == []
    counts = {each["name"]: each["identical"] for each in found["outputs"]}
    assert counts == {"Draw/value": 8, "Double/value": 8, "Plain/value": 6}
    assert agent.executed > before
    code, out, _ = await called(capsys, "replay", "a.zip", "-verify", "-sample=2", "-json")
    assert code == 0
    assert {each["name"]: each["identical"] for each in orjson.loads(out)["outputs"]}["Draw/value"] == 4


async def test_what_differs_is_told_with_its_place(
    run: str, capsys: pytest.CaptureFixture[str], agent: ScriptedAgent
) -> None:
    """Other digits agree within the tolerance alone; outputs that are gone are missing; either makes exit 3."""
    await called(capsys, "publish", run, "-out=a.zip")
    agent.behaviour = drift
    code, out, _ = await called(capsys, "replay", "a.zip", "-verify")
    assert code == 3
    assert "Draw/value at x=3.0, repeat 1: published" in out
    assert "Plain/value at x=1.0, repeat 1: published 2.0, found nothing" in out
    code, out, _ = await called(capsys, "replay", "a.zip", "-verify", "-tolerance=1e-9", "-json")
    assert code == 3
    found = {each.pop("name"): each for each in orjson.loads(out)["outputs"]}
    assert found["Draw/value"] == {"identical": 0, "within": 8, "differs": 0, "missing": 0}
    assert found["Plain/value"] == {"identical": 4, "within": 0, "differs": 0, "missing": 2}


async def test_wrong_use_gives_advice(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A child, a file that is there, one that is no crate, and one that has changed."""
    await called(capsys, "publish", run, "-out=a.zip")
    content = bytearray(_content("a.zip"))
    content[300] ^= 1  # within the first part; another value than it had, whatever that was
    _write("changed.zip", bytes(content))
    _write("other.zip", b"no zip")
    cases = {
        ("publish", f"{run}.1", "-out=b.zip"): "publish the sweep",
        ("publish", run, "-out=a.zip"): "-force",
        ("publish", run, "-out=nowhere/a.zip"): "can't be written",
        ("replay", "other.zip"): "expected a crate",
        ("replay", "none.zip"): "there is no file",
        ("replay", "changed.zip"): "isn't as it was published",
    }
    for words, advice in cases.items():
        code, _, err = await called(capsys, *words)
        assert code == 1, words
        assert advice in err
