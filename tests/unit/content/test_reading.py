"""The digest of a path: what it depends on, and what happens when files change meanwhile."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from accio.content import reading
from accio.content.digest import CHUNK, digest_fd
from accio.content.errors import ChangedWhileRead, StagingError
from accio.content.reading import digest_dataset
from tests.unit.content.trees import NOW_NS, Tree, digest_of, make_tree, read_tree

# Beside letters: names that sort differently as text and as bytes, or as names and as paths.
NAMES = st.sampled_from(["a", "b", "a-", "a.b", "a b", "é", "e\u0301", "\uffee", "\U0001f600", "\n", "-"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
CONTENTS = st.sampled_from([b"", b"1", b"2", b"\0", b"accio/dataset/1 folder\n", b"x" * 5000])


@st.composite
def trees(draw: st.DrawFn) -> dict[str, bytes | None]:
    """Trees in which no file stands where a folder must be."""
    tree: dict[str, bytes | None] = {}
    for path, content in draw(st.dictionaries(PATHS, st.one_of(CONTENTS, st.none()), max_size=6)).items():
        if not any(other == path or other.startswith(f"{path}/") or path.startswith(f"{other}/") for other in tree):
            tree[path] = content
    return tree


PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def fresh(tmp_path: Path) -> Path:
    """A folder that no other example of a property uses."""
    folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    return folder


@PROPERTY
@given(tree=trees(), data=st.data())
def test_order_place_and_time_do_not_count(tmp_path: Path, tree: Tree, data: st.DataObject) -> None:
    """Made in another order, copied, moved, touched or with other permissions, a dataset is the same dataset."""
    base = fresh(tmp_path)
    digest = digest_of(make_tree(base / "one", tree))
    shuffled = dict(data.draw(st.permutations(list(tree.items()))))
    assert digest_of(make_tree(base / "two", shuffled)) == digest
    shutil.copytree(base / "one", base / "three")
    for place in (base / "three").rglob("*"):
        os.utime(place, (1, 1))
        place.chmod(0o755)
    (base / "three").rename(base / "four")
    assert digest_of(base / "four") == digest


@PROPERTY
@given(one=trees(), other=trees())
def test_any_difference_counts(tmp_path: Path, one: Tree, other: Tree) -> None:
    """Two trees that differ in a name, a content, an empty folder or a place have different digests."""
    assume(one != other)
    base = fresh(tmp_path)
    made, unlike = make_tree(base / "one", one), make_tree(base / "other", other)
    assert read_tree(made) == one
    assert digest_of(made) != digest_of(unlike)


@PROPERTY
@given(tree=trees(), data=st.data())
def test_every_single_edit_counts(tmp_path: Path, tree: Tree, data: st.DataObject) -> None:
    """Flipping a bit, renaming or removing any file changes the digest."""
    files = [path for path, content in tree.items() if content]
    assume(files)
    folder = make_tree(fresh(tmp_path) / "d", tree)
    before = digest_of(folder)
    place = folder / data.draw(st.sampled_from(files))
    content = bytearray(place.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    original = place.read_bytes()
    place.write_bytes(content)
    assert digest_of(folder) != before
    place.write_bytes(original)
    assert digest_of(folder) == before
    place.rename(place.with_name("another name"))
    assert digest_of(folder) != before


def test_the_name_of_a_file_that_is_a_dataset_does_not_count(tmp_path: Path) -> None:
    """A file keeps its digest under another name, and differs from a folder with only this file."""
    make_tree(tmp_path, {"a.csv": b"1", "b.txt": b"1", "d/a.csv": b"1"})
    assert digest_of(tmp_path / "a.csv") == digest_of(tmp_path / "b.txt") != digest_of(tmp_path / "d")


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7])
def test_every_way_of_reading_gives_the_same_digest(tmp_path: Path, size: int) -> None:
    """Whatever the size, and whatever it was believed to be, the digest is BLAKE3 of the bytes."""
    content = hashlib.shake_128().digest(size)
    (tmp_path / "f").write_bytes(content)
    for believed in {0, size, max(size - 1, 0), size + 1, 3 * CHUNK}:
        with (tmp_path / "f").open("rb") as file:
            assert digest_fd(file.fileno(), size=believed) == (f"blake3:{blake3(content).hexdigest()}", size)


class During:
    """Does something when the reading has come to a certain number of reports of progress."""

    def __init__(self, act: Callable[[], object], report: int = 1) -> None:
        self.act = act
        self.report = report
        self.bytes = 0

    def __call__(self, count: int) -> None:
        self.bytes += count
        self.report -= 1
        if self.report == 0:
            self.act()


def append(place: Path) -> None:
    with place.open("ab") as file:
        file.write(b"more")


def overwrite(place: Path) -> None:
    with place.open("r+b") as file:
        file.write(b"other")


def truncate(place: Path) -> None:
    os.truncate(place, 1000)


@pytest.mark.parametrize("change", [append, overwrite, truncate])
def test_a_large_file_that_changes_while_it_is_read(tmp_path: Path, change: Callable[[Path], None]) -> None:
    """A file written to while it is being read is an error that names it; a truncated one doesn't kill the process."""
    place = make_tree(tmp_path, {"big": b"x" * (4 * CHUNK)}) / "big"
    with pytest.raises(ChangedWhileRead, match=f"staging: changed while it was read: {place} was written to"):
        digest_dataset(place, now_ns=NOW_NS, progress=During(lambda: change(place)))


@pytest.mark.parametrize("edited", ["0", "1", "2"])
def test_a_file_that_changes_while_others_are_read(tmp_path: Path, edited: str) -> None:
    """Read already, or still to be read: all files must be as they were at one time."""
    folder = make_tree(tmp_path / "d", dict.fromkeys("012", b"12345"))
    with pytest.raises(ChangedWhileRead, match=f"{folder}/{edited} was written to"):
        digest_dataset(folder, now_ns=NOW_NS, progress=During(lambda: append(folder / edited), report=2))


def test_a_file_that_vanishes_or_comes_while_others_are_read(tmp_path: Path) -> None:
    """Files that come or go meanwhile are noticed."""
    folder = make_tree(tmp_path / "d", dict.fromkeys("012", b"1"))
    with pytest.raises(ChangedWhileRead, match="d/3 was added"):
        digest_dataset(folder, now_ns=NOW_NS, progress=During(lambda: append(folder / "3")))
    with pytest.raises(ChangedWhileRead, match="d/3 is gone"):
        digest_dataset(folder, now_ns=NOW_NS, progress=During(lambda: (folder / "3").unlink()))


def test_a_file_replaced_by_a_fifo_does_not_block(tmp_path: Path) -> None:
    """What takes a file's place after the look is opened without waiting, and found out."""
    folder = make_tree(tmp_path / "d", {"0": b"1", "1": b"1"})

    def replace() -> None:
        for name in "01":
            (folder / name).unlink()
            os.mkfifo(folder / name)

    with pytest.raises(ChangedWhileRead):
        digest_dataset(folder, now_ns=NOW_NS, progress=During(replace))


def test_progress_tells_every_byte_and_can_end_the_work(tmp_path: Path) -> None:
    """The reports add up to the size; what they raise comes out, and no file stays open."""
    folder = make_tree(tmp_path / "d", {"small": b"x" * 100, "big": b"x" * (2 * CHUNK + 5)})
    told = During(lambda: None)
    assert digest_dataset(folder, now_ns=NOW_NS, progress=told).bytes_read == told.bytes == 2 * CHUNK + 105

    def stop(_: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        digest_dataset(folder, now_ns=NOW_NS, progress=stop)


def test_many_files_in_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where reading waits it moves to threads, with the same result, the same errors and progress in order."""
    folder = make_tree(tmp_path / "d", {f"{n:03}": b"%d" % n for n in range(500)})
    expected = digest_of(folder)
    monkeypatch.setattr(reading, "_waits", lambda wall_s, cpu_s: True)
    told = During(lambda: None)
    assert digest_dataset(folder, now_ns=NOW_NS, progress=told).digest == expected
    assert told.bytes == sum(len(b"%d" % n) for n in range(500))
    with pytest.raises(StagingError, match="444 was written to"):
        digest_dataset(folder, now_ns=NOW_NS, progress=During(lambda: append(folder / "444"), report=64))


def test_what_was_touched_holds_the_same(tmp_path: Path) -> None:
    """Links, rights, times, equal copies and additions don't count; other content does, also of the same size."""
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    for name in ("a", "sub/b"):
        (folder / name).write_text("one")
    before = digest_dataset(folder, now_ns=NOW_NS)
    os.link(folder / "a", folder / "added")
    (folder / "sub" / "b").chmod(0o600)
    shutil.copy(folder / "a", folder / "copy")
    (folder / "copy").rename(folder / "a")
    now = reading.holding_still(before)
    assert now is not None
    assert (now.files.keys(), now.folders.keys()) == (before.snapshot.files.keys(), before.snapshot.folders.keys())
    assert now.files["a"] != before.snapshot.files["a"]
    (folder / "a").write_text("two")
    assert reading.holding_still(before) is None
    (folder / "a").write_text("one")
    assert reading.holding_still(before) is not None
    shutil.rmtree(folder / "sub")
    assert reading.holding_still(before) is None
