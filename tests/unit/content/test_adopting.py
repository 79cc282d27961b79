"""Files that are taken into a store as they are: no copy is made, and none that anybody could still write to."""

import mmap
import os
from pathlib import Path

import pytest

from accio.content.blobs import Stored
from accio.content.datasets import materialise, put_own_tree
from accio.content.digest import digest_bytes, hex_of
from accio.content.store import FolderStore

LARGE = os.urandom(3 << 20)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """A store on the file system of the files."""
    return FolderStore(tmp_path / "store")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """An operator's working folder."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def blob(store: FolderStore, data: bytes) -> Path:
    """Where the store has a blob."""
    name = hex_of(digest_bytes(data))
    return store.folder / "blobs" / name[:2] / name


def put(store: FolderStore, path: Path, work: Path) -> None:
    """Store an output, and write it out elsewhere to see that it is whole."""
    stored = put_own_tree(store, path, within=work)
    out = store.folder.parent / "out"
    materialise(store, stored.digest, out)
    for found in [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]:
        assert (out / found.relative_to(path)).read_bytes() == found.read_bytes()


def test_a_large_output_is_not_copied(store: FolderStore, work: Path) -> None:
    """The store's blob is the file that the operator wrote, and can't be written to; small ones are copied."""
    (work / "out").mkdir()
    large, small = work / "out" / "large", work / "out" / "small"
    large.write_bytes(LARGE)
    small.write_bytes(b"x")
    put(store, work / "out", work)
    assert blob(store, LARGE).stat().st_ino == large.stat().st_ino
    assert large.stat().st_mode & 0o777 == 0o444
    assert blob(store, b"x").stat().st_ino != small.stat().st_ino
    assert not list((store.folder / "incoming").iterdir())


def test_a_file_that_is_open_for_writing_is_copied(store: FolderStore, work: Path) -> None:
    """By its operator, that left it open: what it writes afterwards isn't written to the store."""
    path = work / "large"
    path.write_bytes(LARGE)
    with path.open("r+b", buffering=0) as file:
        put(store, path, work)
        file.write(b"changed")
    assert blob(store, LARGE).read_bytes() == LARGE


def test_a_file_that_is_mapped_for_writing_is_copied(store: FolderStore, work: Path) -> None:
    """A mapping outlives the descriptor that it was made with."""
    path = work / "large"
    path.write_bytes(LARGE)
    with path.open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), 0)
    with mapped:
        put(store, path, work)
        mapped[:7] = b"changed"
    assert blob(store, LARGE).read_bytes() == LARGE


def test_a_file_with_another_name_is_copied(store: FolderStore, work: Path, tmp_path: Path) -> None:
    """It may be somebody else's, and stays as it was."""
    (tmp_path / "others").write_bytes(LARGE)
    os.link(tmp_path / "others", work / "large")
    put(store, work / "large", work)
    assert blob(store, LARGE).stat().st_ino != (tmp_path / "others").stat().st_ino
    assert os.access(tmp_path / "others", os.W_OK)


def test_what_a_link_leads_to_elsewhere_is_copied(store: FolderStore, work: Path, tmp_path: Path) -> None:
    """A folder of links to data that lie in place: they are the user's."""
    (tmp_path / "data").write_bytes(LARGE)
    (work / "farm").mkdir()
    (work / "farm" / "data").symlink_to(tmp_path / "data")
    put(store, work / "farm", work)
    assert blob(store, LARGE).stat().st_ino != (tmp_path / "data").stat().st_ino
    assert (tmp_path / "data").stat().st_mode & 0o200


def test_a_blob_that_is_there_stays(store: FolderStore, work: Path) -> None:
    """An output that equals an earlier one is dropped, not put in its place."""
    store.put(LARGE)
    before = blob(store, LARGE).stat().st_ino
    (work / "large").write_bytes(LARGE)
    assert store.adopt(bytes(work / "large")) == Stored(digest=digest_bytes(LARGE), size=len(LARGE), new=False)
    assert blob(store, LARGE).stat().st_ino == before
    assert not list((store.folder / "incoming").iterdir())


def test_another_file_system_gets_a_copy(work: Path, tmp_path: Path) -> None:
    """No link leads there."""
    elsewhere = Path("/dev/shm") / f"accio-test-{os.getpid()}"
    if not elsewhere.parent.is_dir() or elsewhere.parent.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system to write to")
    (work / "large").write_bytes(LARGE)
    store = FolderStore(elsewhere)
    try:
        stored = put_own_tree(store, work / "large", within=work)
        assert stored.bytes_new > len(LARGE)
        assert blob(store, LARGE).read_bytes() == LARGE
    finally:
        store.close()
        for path in sorted(elsewhere.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        elsewhere.rmdir()
