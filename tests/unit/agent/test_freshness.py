"""What operators read from disk while they work: changes are noticed before anything is kept that rests on them."""

import importlib
import os
from pathlib import Path

import orjson
import pytest

from accio_agent.protocol.doubts import Doubt, read_doubts, signature_of, write_doubts
from accio_agent.worker.freshness import Freshness

LONG_AGO, IN_A_WHILE = 0, 1 << 62


def _watching(*paths: Path, since_ns: int = IN_A_WHILE, anew: bool = False) -> Freshness:
    return Freshness({"Op": paths}, since_ns=since_ns, anew=anew)


def test_an_untouched_file_is_fresh(tmp_path: Path) -> None:
    """Before and after an execution, for this operator and for one that declares nothing."""
    (tmp_path / "file").write_text("1")
    fresh = _watching(tmp_path / "file")
    assert [fresh.before("Op"), fresh.before("Other")] == ["", ""]
    assert [fresh.after("Op"), fresh.after("Other")] == [[], []]


@pytest.mark.parametrize("change", ["in place", "replaced", "gone", "in a folder", "new in a folder"])
def test_a_change_is_noticed_until_it_is_undone(tmp_path: Path, change: str) -> None:
    """Also of equal size and with the old time set back; equal content, touched or written anew, is fresh again."""
    path = tmp_path / "thing"
    file = path / "part" if "folder" in change else path
    file.parent.mkdir(exist_ok=True)
    file.write_text("1")
    fresh = _watching(path)
    was = file.stat()
    match change:
        case "gone":
            file.unlink()
        case "new in a folder":
            (path / "other").touch()
        case "replaced":
            (tmp_path / "new").write_text("2")
            (tmp_path / "new").rename(file)
        case _:
            file.write_text("2")
            os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert fresh.before("Op") == str(path)
    assert fresh.before("Op") == str(path)
    (path / "other").unlink(missing_ok=True) if path.is_dir() else None
    file.write_text("1")
    assert fresh.before("Op") == ""


def test_a_file_that_is_written_during_an_execution(tmp_path: Path) -> None:
    """Nobody knows what was read: it counts as changed, also if it holds the same again."""
    (tmp_path / "file").write_text("1")
    fresh = _watching(tmp_path / "file")
    assert fresh.before("Op") == ""
    (tmp_path / "file").write_text("1")
    assert fresh.after("Op") == [Doubt(str(tmp_path / "file"), None)]
    assert (fresh.before("Op"), fresh.after("Op")) == ("", [])


def test_a_worker_that_imports_for_itself_trusts_only_what_is_old_enough(tmp_path: Path) -> None:
    """What was written after the template had begun isn't what was announced."""
    (tmp_path / "file").write_text("1")
    written_ns = (tmp_path / "file").stat().st_ctime_ns
    assert _watching(tmp_path / "file", since_ns=LONG_AGO, anew=True).before("Op") == str(tmp_path / "file")
    assert _watching(tmp_path / "file", since_ns=written_ns, anew=True).before("Op") == ""


@pytest.mark.parametrize(("since_ns", "stale"), [(LONG_AGO, True), (IN_A_WHILE, False)])
def test_a_module_that_is_imported_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, since_ns: int, stale: bool
) -> None:
    """One of the operators' own that was written since the start is noticed once, and for good; what an execution has
    put on the module path isn't ours.
    """
    (tmp_path / "own").mkdir()
    (tmp_path / "elsewhere").mkdir()
    mine, other = f"late_own_{stale}", f"late_other_{stale}"
    (tmp_path / "own" / f"{mine}.py").touch()
    (tmp_path / "elsewhere" / f"{other}.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "own")
    fresh = Freshness({}, sources=[tmp_path / "own" / "ops.py"], since_ns=since_ns)
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    importlib.import_module(other)
    assert fresh.after("Op") == []
    importlib.import_module(mine)
    expected = [Doubt(str(tmp_path / "own" / f"{mine}.py"), None)] if stale else []
    assert [fresh.after("Op"), fresh.after("Op")] == [expected, expected]


def test_a_package_that_is_imported_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was installed anew since the start isn't what the digest was computed of."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    fresh = Freshness({}, sources=[tmp_path / "ops.py"], since_ns=LONG_AGO)
    (site / "late_installed.py").touch()
    importlib.import_module("late_installed")
    assert fresh.after("Op") == [Doubt(str(site / "late_installed.py"), None)]


def test_how_a_module_was_when_it_was_imported_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is touched only afterwards was read as it was before; one that is imported again is looked at again."""
    file = tmp_path / "late_noted.py"
    file.touch()
    monkeypatch.syspath_prepend(tmp_path)
    began = signature_of(str(file))
    assert began is not None
    fresh = Freshness({}, sources=[tmp_path / "ops.py"], since_ns=began[2])
    module = importlib.import_module("late_noted")
    fresh.imported("late_noted", began)
    os.link(file, tmp_path / "link")
    assert fresh.after("Op") == []
    importlib.reload(module)
    linked = signature_of(str(file))
    fresh.imported("late_noted", linked)
    assert linked != began
    assert fresh.after("Op") == [Doubt(str(file), linked)]


def test_names_of_doubted_files_need_be_no_text() -> None:
    """A path of bytes that are no UTF-8 is the same on the other side."""
    path = os.fsdecode(b"/a\xff\n\xc3\xa9")
    doubts = [Doubt(path, (path, 1, 2, 3, 4)), Doubt("/b", None)]
    assert read_doubts(orjson.loads(orjson.dumps(write_doubts(doubts)))) == doubts
