"""The store when its processes are killed, or work at the same time, or the disk is full."""

import errno
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from accio.content.datasets import missing_blobs, put_tree
from accio.content.digest import digest_bytes
from accio.content.errors import StoreFull
from accio.content.manifest import MAGIC
from accio.content.store import FolderStore
from tests.unit.content.crashing import DATASETS
from tests.unit.content.trees import NOW_NS, make_tree, open_files


def start(program: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.unit.content.crashing", program, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_killed_at_each_step(tmp_path: Path) -> None:
    """Killed at any system call of any put or deletion, the store keeps what it told to have, and nothing half."""
    with start("each-step", tmp_path) as process:
        try:
            output, errors = process.communicate(timeout=150)
        finally:
            process.kill()
    assert (process.returncode, errors) == (0, "")
    assert int(output) > 150


@pytest.mark.slow
def test_killed_at_random_while_others_write_and_collect(tmp_path: Path) -> None:
    """Writers that are killed at random and a collector at work harm nobody: what a writer was told is there, is."""
    for number in range(DATASETS):
        files = {f"shared{number % 7}": b"%d" % (number % 7), f"own{number}": b"o%d" % number, "all": b"", "e": None}
        make_tree(tmp_path / "in" / str(number), files)
    kills = random.Random(1)  # noqa: S311 - a time to kill
    collector = start("collect", tmp_path)
    steady = start("write", tmp_path)
    for _ in range(25):
        with start("write", tmp_path) as victim:
            try:
                victim.wait(timeout=kills.uniform(0.1, 0.4))
            except subprocess.TimeoutExpired:
                victim.kill()
            said, errors = victim.communicate()
            assert errors == "", said
    outputs = {}
    for process in (collector, steady):
        with process:
            assert process.poll() is None, process.communicate()
            process.kill()
            outputs[process], errors = process.communicate()
            assert errors == ""
    assert len(outputs[steady].splitlines()) > 100
    assert sum(int(line) for line in outputs[collector].splitlines() if line) > 0
    with FolderStore(tmp_path / "store") as store:
        assert list((tmp_path / "store" / "incoming").iterdir()) == []
        for blob in store.list():
            store.verify(blob.digest)
        assert not any((tmp_path / "store" / "quarantine").iterdir())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small file system can't be mounted here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def put_bytes(store: FolderStore, data: bytes, _: Path) -> object:
    return store.put(data)


def put_pieces(store: FolderStore, data: bytes, _: Path) -> object:
    with store.writer() as writer:
        for start in range(0, len(data), 10_000):
            writer.write(data[start : start + 10_000])
        return writer.commit()


def put_path(store: FolderStore, data: bytes, folder: Path) -> object:
    (folder / "source").write_bytes(data)
    return put_tree(store, folder / "source", now_ns=NOW_NS)


@pytest.mark.root
@pytest.mark.parametrize("put", [put_bytes, put_pieces, put_path])
def test_a_full_disk(tmp_path: Path, small_disk: Path, put: Callable[[FolderStore, bytes, Path], object]) -> None:
    """Too large a blob is refused with the place and the space, leaves nothing behind, and harms nothing."""
    files = open_files()
    kept, large = b"k" * 500_000, b"l" * 1_200_000
    with FolderStore(small_disk / "store") as store:
        put(store, kept, tmp_path)
        before = sorted(blob.digest for blob in store.list())
        with pytest.raises(StoreFull, match=rf"the store in {small_disk}/store is full \([0-9,]+ of 1,048,576 bytes"):
            put(store, large, tmp_path)
        assert list((small_disk / "store" / "incoming").iterdir()) == []
        assert sorted(blob.digest for blob in store.list()) == before
        assert store.read(digest_bytes(kept)) == kept
        for blob in store.list():
            assert store.delete(blob)
        put(store, large[:900_000], tmp_path)
        assert store.read(digest_bytes(large[:900_000])) == large[:900_000]
    assert open_files() == files


@pytest.mark.parametrize("call", ["write", "fsync", "rename", "open", "mkdir"])
def test_no_space_at_any_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Whichever step finds the disk full says so; nothing is left, nothing stays open, and the next put works."""
    files = open_files()
    with FolderStore(tmp_path, sync=True) as store:
        original = getattr(os, call)

        def full(path: object, *args: object, **options: object) -> object:
            if call == "open" and not (isinstance(path, str) and len(path) == 32):  # the file in `incoming` only
                return original(path, *args, **options)
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

        monkeypatch.setattr(os, call, full)
        with pytest.raises(StoreFull):
            store.put(b"data")
        monkeypatch.undo()
        assert list((tmp_path / "incoming").iterdir()) == []
        assert list(store.list()) == []
        assert store.put(b"data").new
    assert open_files() == files


def test_a_dataset_without_room_leaves_no_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk fills up in the midst of a dataset, the dataset isn't there, and putting it again completes it."""
    folder = make_tree(tmp_path / "in", {name: name.encode() for name in "abcdef"})
    with FolderStore(tmp_path / "store") as store:
        original, left = os.rename, iter(range(3))

        def full(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
            if next(left, None) is None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            original(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

        monkeypatch.setattr(os, "rename", full)
        with pytest.raises(StoreFull):
            put_tree(store, folder, now_ns=NOW_NS)
        monkeypatch.undo()
        assert not any(store.read(blob.digest).startswith(MAGIC) for blob in store.list())
        stored = put_tree(store, folder, now_ns=NOW_NS)
        assert (stored.blobs_new, missing_blobs(store, stored.digest)) == (4, ())
