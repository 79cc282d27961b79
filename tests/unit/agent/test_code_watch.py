"""Edits of what operators reach are noticed while they run."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from accio.sdk.catalogue import Catalogue, discover
from accio.sdk.fingerprint import Fingerprint
from accio.sdk.glances import Glances
from accio_agent.agent import code_watch
from accio_agent.agent.code_watch import CodeWatch
from accio_agent.agent.reloading import Reloader
from tests.unit.sdk.packages import write

OPS = """
from accio import operator
import watched_helper, watched_package

@operator
def Watched() -> int:
    return watched_helper.N + watched_package.N
"""
EDITS = {
    "the file": ("ops/watched_ops.py", OPS + "# edited\n"),
    "a helper": ("ops/watched_helper.py", "N = 30\n"),
    "an installed package": ("site-packages/watched_package/__init__.py", "N = 30\n"),
    "a module added to an installed package": ("site-packages/watched_package/more.py", "N = 30\n"),
    "a file that is found first": ("front/watched_helper.py", "N = 30\n"),
}


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_is_noticed_and_its_end_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Whatever a fresh start would describe anew is told, until it is as it was."""
    write(tmp_path, {"ops/watched_ops.py": OPS, "ops/watched_helper.py": "N = 1\n", "front/other.py": ""})
    info = "watched_package-1.0.dist-info"
    site = {"watched_package/__init__.py": "N = 1\n", f"{info}/top_level.txt": "watched_package\n"}
    metadata = "Metadata-Version: 2.1\nName: watched_package\nVersion: 1.0\n"
    record = "watched_package/__init__.py,,\n"
    write(tmp_path / "site-packages", {**site, f"{info}/METADATA": metadata, f"{info}/RECORD": record})
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    monkeypatch.syspath_prepend(tmp_path / "front")
    catalogue = discover(["ops/watched_ops.py"], folder=tmp_path, cache=None, installed=False)
    watch = CodeWatch(catalogue, lambda changed, loading: None)

    def found() -> frozenset[str]:
        watch.look(Glances.at_source)
        watch.look(Glances.at_packages)
        return watch.changed

    assert found() == frozenset()
    name, text = EDITS[what]
    path = tmp_path / name
    was = path.read_text() if path.exists() else None
    write(tmp_path, {name: text})
    assert found() == found() == {str(tmp_path / "ops/watched_ops.py")}
    path.unlink() if was is None else path.write_text(was)
    assert found() == frozenset()


async def test_a_package_that_was_just_installed_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same version, too, and though packages are looked at seldom; then answers are quick again."""
    monkeypatch.setattr(code_watch, "QUICK_S", float("inf"))
    site, info = tmp_path / "site-packages", "anew_package-1.0.dist-info"
    metadata = "Metadata-Version: 2.1\nName: anew_package\nVersion: 1.0\n"
    package = {"anew_package/__init__.py": "N = 1\n", f"{info}/RECORD": "anew_package/__init__.py,,\n"}
    package |= {f"{info}/METADATA": metadata, f"{info}/top_level.txt": "anew_package\n"}
    write(site, package)
    (tmp_path / "anew_ops.py").write_text(
        "from accio import operator\nimport anew_package\n\n@operator\ndef Anew() -> int:\n    return anew_package.N\n"
    )
    monkeypatch.syspath_prepend(site)
    catalogue = discover(["anew_ops.py"], folder=tmp_path, cache=None, installed=False)
    told: list[frozenset[str]] = []
    watch = CodeWatch(catalogue, lambda changed, _: told.append(changed))
    watch.look(Glances.at_source)
    watch.look(Glances.at_packages)
    assert watch.nothing_new()
    shutil.rmtree(site / info)
    (site / "anew_package/__init__.py").unlink()
    write(site, package | {"anew_package/__init__.py": "N = 2\n"})
    assert not watch.nothing_new()
    await watch.look_now()
    assert told == [{str(tmp_path / "anew_ops.py")}]
    assert watch.nothing_new()


def test_what_changed_before_the_first_look_is_told(tmp_path: Path) -> None:
    """An edit between the announcement and the first look isn't taken for what was announced."""
    write(tmp_path, {"early_ops.py": "from accio import operator\n\n@operator\ndef Early() -> int:\n    return 1\n"})
    catalogue = discover(["early_ops.py"], folder=tmp_path, cache=None, installed=False)
    write(tmp_path, {"early_ops.py": "from accio import operator\n\n@operator\ndef Early() -> int:\n    return 2\n"})
    watch = CodeWatch(catalogue, lambda changed, loading: None)
    watch.look(Glances.at_source)
    assert watch.changed == {str(tmp_path / "early_ops.py")}


@pytest.mark.parametrize("broken", ["the look", "the comparison"])
def test_a_look_that_fails_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """Code that can't be compared with what was announced counts as changed, and is looked at again later."""
    path = tmp_path / "odd_ops.py"
    write(tmp_path, {path.name: "from accio import operator\n\n@operator\ndef Odd() -> int:\n    return 1\n"})
    catalogue = discover([path.name], folder=tmp_path, cache=None, installed=False)
    watch = CodeWatch(catalogue, lambda changed, loading: None)
    watch.look(Glances.at_source)

    def fail(*_: object) -> int:
        raise KeyError("tests")

    with monkeypatch.context() as patched:
        if broken == "the comparison":
            patched.setattr(Catalogue, "is_current", fail)
            path.write_text(path.read_text() + "# edited\n")
            watch.look(Glances.at_source)
        else:
            path.write_text(path.read_text().replace("1", "2"))
            watch.look(fail)
            watch.look(Glances.at_source)
        assert watch.changed == {str(path)}
    path.write_text(path.read_text().replace("2", "1").replace("# edited\n", ""))
    watch.look(Glances.at_source)
    assert watch.changed == frozenset()


async def test_nothing_is_looked_at_while_the_agent_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it offers was compared with the files just before: a look at all only keeps the first run waiting."""
    catalogue = discover([], folder=Path(), cache=None, installed=False)
    happened: list[float | str] = []
    pause = asyncio.sleep

    async def noted(seconds: float) -> None:
        happened.append(seconds)
        await pause(0)

    def look(self: CodeWatch, _: object) -> float:
        happened.append("look")
        return 0

    monkeypatch.setattr(asyncio, "sleep", noted)
    monkeypatch.setattr(CodeWatch, "look", look)
    watch = CodeWatch(catalogue, lambda changed, loading: None)
    watch.expect()
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch.run())
        while "look" not in happened:
            await pause(0)
        watching.cancel()
    assert happened.index("look") == 1
    assert happened[0] == code_watch.FIRST_LOOK_AFTER_S > 0


@pytest.mark.timeout(400)
async def test_edits_are_reloaded_until_one_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each edit is reloaded once, and looked at anew; what can't be loaded counts as changed until it is mended."""
    for pause in ("SPARE", "SPARE_OF_WAITING"):
        monkeypatch.setattr(code_watch, pause, 0)
    text = "from accio import operator\n\n@operator\ndef Loop() -> int:\n    return 1\n"
    path = tmp_path / "loop_ops.py"
    path.write_text(text)
    catalogue = discover([path.name], folder=tmp_path, cache=None, installed=False)
    offered: asyncio.Queue[tuple[str | None, ...]] = asyncio.Queue()
    told: asyncio.Queue[tuple[frozenset[str], bool]] = asyncio.Queue()
    reloader = Reloader(
        catalogue,
        lambda following, _: offered.put_nowait(tuple(each.spec.digest for each in following.offers)),
        cache=tmp_path / "cache",
        shared=None,
    )
    watch = CodeWatch(catalogue, lambda *said: told.put_nowait(said), reloader.reload)
    edited, nothing = frozenset({str(path)}), frozenset[str]()

    async def loaded(now: str) -> tuple[str | None, ...]:
        edit(now)
        assert await told.get() == (edited, True), "whoever submits before it is loaded is warned"
        found = await offered.get()
        assert await told.get() == (nothing, False)
        return found

    def edit(now: str) -> None:
        (tmp_path / "next").write_text(now)
        (tmp_path / "next").replace(path)  # else a look may find half of it

    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch.run())
        watch.expect()
        second = await loaded(text.replace("1", "2"))
        third = await loaded(text.replace("1", "3"))
        edit(text + "def broken(:\n")
        assert await told.get() == (edited, True)
        assert await told.get() == (edited, False)
        first = await loaded(text)
        watching.cancel()
    assert first == tuple(each.spec.digest for each in catalogue.offers)
    assert len({first, second, third}) == 3
    assert offered.empty()
    assert told.empty()


def _listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return where the folders are noted that are listed from now on."""
    listed: list[str] = []
    scan = os.scandir

    def noted(folder: str) -> object:
        listed.append(folder)
        return scan(folder)

    monkeypatch.setattr(os, "scandir", noted)
    return listed


def test_folders_that_are_not_listed_anew_hide_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of the search path that has been still for long is listed once; what is put into it is seen all the
    same, and one that is still being written into is listed at each look.
    """
    write(tmp_path, {"ops/still_ops.py": "from accio import operator\n\n@operator\ndef S() -> int:\n    return 1\n"})
    front = tmp_path / "front"
    front.mkdir()
    monkeypatch.syspath_prepend(front)
    catalogue = discover(["ops/still_ops.py"], folder=tmp_path, cache=None, installed=False)
    (fingerprint,) = {id(each): each for each in catalogue.fingerprints.values()}.values()
    listed = _listed(monkeypatch)
    still_for_s = 1000.0
    glances = Glances(fingerprint, lambda: int((front.stat().st_mtime + still_for_s) * 1000))
    before = glances.at_source()
    listed.clear()
    assert glances.at_source() == before
    assert str(front) not in listed
    still_for_s = 0.1
    (front / "still_ops.py").write_text("")
    os.utime(front, (2_000_000_000, 2_000_000_000))  # a later time, however coarse the clock is
    after = glances.at_source()
    assert after != before
    listed.clear()
    assert glances.at_source() == after
    assert str(front) in listed, "its time is of just now, and may be that of the next change too"


def test_a_package_is_listed_once_and_nothing_in_it_is_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of code that have been still are listed once; edits, new files and new folders in them are seen."""
    operator = "from accio import operator\n\n@operator\ndef Still() -> int:\n    return 1\n"
    package = tmp_path / "still_package"
    write(tmp_path, {"still_package/__init__.py": operator, "still_package/inner/__init__.py": "N = 1\n"})
    monkeypatch.syspath_prepend(tmp_path)
    catalogue = discover(["still_package"], folder=tmp_path, cache=None, installed=False)
    glances = Glances(catalogue.fingerprints["still_package"], lambda: 3_000_000_000_000)
    listed = _listed(monkeypatch)
    seen = [glances.at_source()]
    assert str(package / "inner") in listed
    listed.clear()
    assert glances.at_source() == seen[0]
    assert not {str(package), str(package / "inner")}.intersection(listed)
    later = 2_000_000_000
    for name in ("inner/__init__.py", "inner/more.py", "deep/__init__.py"):  # an edit in place, a file, a folder
        write(package, {name: f"N = {later}\n"})
        later += 1
        for path in (package / name, (package / name).parent, package):  # later times, however coarse the clock is
            os.utime(path, (later, later))
        seen.append(glances.at_source())
        assert glances.at_source() == seen[-1]
    assert len(set(seen)) == len(seen)


async def test_before_the_first_look_the_source_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read and looks the same isn't read again for each submission; an edit is found all the same."""
    path = tmp_path / "early_ops.py"
    write(tmp_path, {path.name: "from accio import operator\n\n@operator\ndef Early() -> int:\n    return 1\n"})
    catalogue = discover([path.name], folder=tmp_path, cache=None, installed=False)
    told: list[frozenset[str]] = []
    watch = CodeWatch(catalogue, lambda changed, _: told.append(changed))
    read: list[Fingerprint] = []
    is_current = Fingerprint.source_is_current

    def noted(fingerprint: Fingerprint) -> bool:
        read.append(fingerprint)
        return is_current(fingerprint)

    monkeypatch.setattr(Fingerprint, "source_is_current", noted)
    await watch.look_now()
    assert len(read) == len(catalogue.sources)
    await watch.look_now()
    assert (len(read), told) == (len(catalogue.sources), [])
    path.write_text(path.read_text().replace("1", "12"))
    await watch.look_now()
    assert told == [{str(path)}]


async def test_a_look_at_once_sees_what_a_look_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers only that nothing is new: not before the first look, nor of an edit until that has been told."""
    monkeypatch.setattr(code_watch, "QUICK_S", float("inf"))
    path = tmp_path / "quick_ops.py"
    write(tmp_path, {path.name: "from accio import operator\n\n@operator\ndef Quick() -> int:\n    return 1\n"})
    catalogue = discover([path.name], folder=tmp_path, cache=None, installed=False)
    told: list[frozenset[str]] = []
    watch = CodeWatch(catalogue, lambda changed, _: told.append(changed))
    watch.look(Glances.at_source)
    assert watch.nothing_new()
    path.write_text(path.read_text().replace("1", "12"))
    assert not watch.nothing_new()
    await watch.look_now()
    assert told == [{str(path)}]
    assert watch.nothing_new()
    monkeypatch.setattr(code_watch, "QUICK_S", 0.0)
    assert not watch.nothing_new(), "files that are slow to look at are looked at in a thread"
