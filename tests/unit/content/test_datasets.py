"""Datasets into and out of a store."""

import errno
import gc
import os
import stat
import subprocess
import tracemalloc
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import HealthCheck, given, settings

from accio.content.datasets import contents, materialise, missing_blobs, put_snapshot, put_tree, read_manifest
from accio.content.digest import CHUNK, Digest, digest_bytes, hex_of
from accio.content.errors import (
    BlobMissing,
    ChangedWhileRead,
    DigestMismatch,
    InvalidManifest,
    StagingError,
    TargetExists,
)
from accio.content.manifest import MAGIC, FileEntry, Manifest, Shape, glance, of_file, of_folder
from accio.content.signatures import SqliteSignatureCache
from accio.content.store import IN_MEMORY, FolderStore
from accio.content.target import DatasetTarget
from accio.content.tree import changed_since, scan
from tests.unit.content.test_reading import During, fresh, trees
from tests.unit.content.trees import NOW_NS, Tree, digest_of, make_tree, open_files, read_tree

BIG = bytes(range(256)) * (2 * IN_MEMORY // 256)
TREE = {"a.txt": b"one", "sub/b": b"two", "sub/c": b"one", "sub/deep/er/d": BIG, "empty/er": None, "zero": b""}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FolderStore]:
    gc.collect()  # what earlier tests left may have files open
    files = open_files()
    with FolderStore(tmp_path / "store") as store:
        yield store
        assert list((store.folder / "incoming").iterdir()) == []
    assert open_files() == files


@pytest.fixture
def stored(tmp_path: Path, store: FolderStore) -> Digest:
    return put_tree(store, make_tree(tmp_path / "in", TREE), now_ns=NOW_NS).digest


def damage(store: FolderStore, digest: Digest) -> None:
    place = store.folder / "blobs" / hex_of(digest)[:2] / hex_of(digest)
    place.chmod(0o644)
    place.write_bytes(b"x" * place.stat().st_size)


def remove(store: FolderStore, digest: Digest) -> None:
    (store.folder / "blobs" / hex_of(digest)[:2] / hex_of(digest)).unlink()


@pytest.mark.parametrize("link", [False, True])
def test_what_is_stored_comes_out_again(tmp_path: Path, store: FolderStore, stored: Digest, link: bool) -> None:
    """A folder goes in and comes out equal, with the digest that its path has; nothing else is left beside it."""
    assert stored == digest_of(tmp_path / "in")
    materialise(store, stored, tmp_path / "out", link=link)
    assert read_tree(tmp_path / "out") == TREE
    assert digest_of(tmp_path / "out") == stored
    assert sorted(place.name for place in tmp_path.iterdir()) == ["in", "out", "store"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=trees())
def test_any_tree_comes_out_again(tmp_path: Path, store: FolderStore, tree: Tree) -> None:
    """Whatever the names and contents, the tree that comes out is the tree that went in."""
    base = fresh(tmp_path)
    stored = put_tree(store, make_tree(base / "in", tree), now_ns=NOW_NS)
    assert materialise(store, stored.digest, base / "out") == stored.manifest
    assert read_tree(base / "out") == tree


@pytest.mark.parametrize("content", [b"", b"one", BIG])
@pytest.mark.parametrize("link", [False, True])
def test_a_file_is_a_dataset_too(tmp_path: Path, store: FolderStore, content: bytes, link: bool) -> None:
    """A dataset that is a file comes out as a file, under whatever name."""
    (tmp_path / "in.csv").write_bytes(content)
    stored = put_tree(store, tmp_path / "in.csv", now_ns=NOW_NS)
    manifest = materialise(store, stored.digest, tmp_path / "out", link=link)
    assert (tmp_path / "out").read_bytes() == content
    assert manifest.shape is Shape.FILE
    assert not list(tmp_path.glob(".accio-*"))


def test_equal_content_is_stored_once(tmp_path: Path, store: FolderStore, stored: Digest) -> None:
    """A second copy of a dataset adds nothing; one that shares files adds only what is new."""
    blobs = {blob.digest for blob in store.list()}
    assert len(blobs) == 5  # one, two, BIG, nothing, the manifest
    again = put_tree(store, make_tree(tmp_path / "copy", TREE), now_ns=NOW_NS)
    assert (again.digest, again.blobs_new, again.bytes_new) == (stored, 0, 0)
    more = put_tree(store, make_tree(tmp_path / "more", TREE | {"new": b"three"}), now_ns=NOW_NS)
    assert (more.blobs_new, more.bytes_new) == (2, len(b"three") + len(more.manifest.encoded))
    assert {blob.digest for blob in store.list()} - blobs == {more.digest, digest_bytes(b"three")}


def test_known_files_are_not_read_again(tmp_path: Path, store: FolderStore, stored: Digest) -> None:
    """With a cache, what the store has isn't read; what it has lost is."""
    told = During(lambda: None)
    with SqliteSignatureCache(tmp_path / "cache") as cache:
        put_tree(store, tmp_path / "in", now_ns=NOW_NS, cache=cache, progress=told)
        assert told.bytes == len(BIG) + 9
        put_tree(store, tmp_path / "in", now_ns=NOW_NS, cache=cache, progress=told)
        assert told.bytes == len(BIG) + 9
        remove(store, digest_bytes(b"two"))
        put_tree(store, tmp_path / "in", now_ns=NOW_NS, cache=cache, progress=told)
        assert told.bytes == len(BIG) + 12
    assert missing_blobs(store, stored) == ()


def test_a_folder_is_stored_as_it_was(tmp_path: Path, store: FolderStore) -> None:
    """What came to stand beside the files of a snapshot isn't stored; a file that changed is an error, known or not."""
    folder = make_tree(tmp_path / "d", {"a": b"1", "sub/b": b"2"})
    with SqliteSignatureCache(tmp_path / "cache") as cache:
        before = put_tree(store, folder, now_ns=NOW_NS, cache=cache)
        (folder / "sub" / "new").write_bytes(b"3")
        assert put_snapshot(store, before.snapshot, now_ns=NOW_NS, cache=cache).digest == before.digest
        (folder / "a").write_bytes(b"4")
        with pytest.raises(ChangedWhileRead, match=f"something in {folder} was changed or removed"):
            put_snapshot(store, before.snapshot, now_ns=NOW_NS, cache=cache)


def test_a_folder_that_changes_while_it_is_stored(tmp_path: Path, store: FolderStore) -> None:
    """Changes during the work are an error, and no manifest appears."""
    folder = make_tree(tmp_path / "d", {"a": b"1", "b": b"2", "big": b"x" * (3 * CHUNK)})
    for report in (1, 2, 3):
        with pytest.raises(ChangedWhileRead, match="changed while it was read"):
            put_tree(store, folder, now_ns=NOW_NS, progress=During((folder / f"new{report}").touch, report))
    assert all(not store.read(blob.digest).startswith(MAGIC) for blob in store.list())


def test_what_is_missing_is_told(store: FolderStore, stored: Digest) -> None:
    """A dataset is complete, or its missing files are named; without its manifest, that is what is missing."""
    assert missing_blobs(store, stored) == ()
    remove(store, digest_bytes(b"one"))
    remove(store, digest_bytes(BIG))
    assert set(missing_blobs(store, stored)) == {digest_bytes(b"one"), digest_bytes(BIG)}
    damage(store, stored)
    with pytest.raises(BlobMissing):
        missing_blobs(store, stored)
    assert missing_blobs(store, stored) == (stored,)


def test_a_truncated_blob_is_missing(store: FolderStore, stored: Digest) -> None:
    """A file of the wrong size doesn't make a dataset complete."""
    digest = digest_bytes(b"two")
    os.truncate(store.folder / "blobs" / hex_of(digest)[:2] / hex_of(digest), 1)
    assert missing_blobs(store, stored) == (digest,)


def test_a_complete_dataset_counts_as_used(store: FolderStore, stored: Digest) -> None:
    """Who was told that nothing is missing can rely on it: none of it is deleted by an older plan."""
    for blob in store.list():
        os.utime(store.folder / "blobs" / hex_of(blob.digest)[:2] / hex_of(blob.digest), ns=(0, 0))
    listed = list(store.list())
    assert missing_blobs(store, stored) == ()
    assert not any(store.delete(blob) for blob in listed)


@pytest.mark.parametrize("content", [b"one", BIG], ids=["small", "big"])
@pytest.mark.parametrize("link", [False, True])
def test_a_damaged_file_never_comes_out(
    tmp_path: Path, store: FolderStore, stored: Digest, content: bytes, link: bool
) -> None:
    """Damage is found, the blob quarantined, and nothing appears at the target."""
    damage(store, digest_bytes(content))
    with pytest.raises(BlobMissing) as caught:
        materialise(store, stored, tmp_path / "out", link=link)
    assert caught.value.quarantined
    assert caught.value.digest == digest_bytes(content)
    assert sorted(place.name for place in tmp_path.iterdir()) == ["in", "store"]


def test_a_blob_that_is_no_dataset(tmp_path: Path, store: FolderStore) -> None:
    """An ordinary blob is no dataset, and says so."""
    digest = store.put(b"hello").digest
    with pytest.raises(InvalidManifest, match=f"{digest} isn't a dataset"):
        read_manifest(store, digest)
    with pytest.raises(InvalidManifest, match=f"{digest} isn't a dataset"):
        materialise(store, digest, tmp_path / "out")


def test_a_huge_blob_is_not_read_as_a_manifest(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blob too large for a manifest is refused by its size, before it fills the memory."""
    monkeypatch.setattr("accio.content.datasets.MAX_MANIFEST_BYTES", 30)
    digest = store.put(MAGIC + b"folder\n" + b"x" * 10).digest
    with pytest.raises(InvalidManifest, match="a manifest of 33 bytes would be too large"):
        read_manifest(store, digest)


def test_files_of_a_dataset(store: FolderStore, stored: Digest) -> None:
    """The files are listed by the bytes of their paths."""
    files = read_manifest(store, stored).files
    assert [file.path for file in files] == ["a.txt", "sub/b", "sub/c", "sub/deep/er/d", "zero"]
    assert files[1] == FileEntry(path="sub/b", size=3, digest=digest_bytes(b"two"))


def test_contents_of_the_datasets_among_blobs(store: FolderStore, stored: Digest) -> None:
    """Of any digests, those that are datasets are told with their files; others, missing or broken, are left out."""
    broken = store.put(MAGIC + b"folder\nrubbish").digest
    digests = [stored, broken, digest_bytes(b"one"), digest_bytes(b"never stored")]
    assert {key: set(value) for key, value in contents(store, digests).items()} == {
        stored: {digest_bytes(content) for content in TREE.values() if content is not None}
    }


def test_contents_of_a_huge_dataset_take_little_memory(store: FolderStore) -> None:
    """Collecting what nothing refers to looks at all manifests, also at those of hundreds of thousands of files."""
    lines = [b"f 1 %064x folder/of/the/file/number-%06d\0" % (number, number) for number in range(50_000)]
    manifest = MAGIC + b"folder\n" + b"".join(lines)
    digest = store.put(manifest).digest
    tracemalloc.start()
    try:
        found = contents(store, [digest])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found[digest]) == len(lines)
    assert peak < 6 * len(manifest), f"{peak:,} bytes for a manifest of {len(manifest):,}"


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_glance_at_pieces_finds_what_reading_finds(store: FolderStore, stored: Digest, size: int) -> None:
    """Whatever the pieces, the files are those of the manifest; what is cut off is refused."""
    whole = store.read(stored)
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert list(dict.fromkeys(glance(pieces))) == list(read_manifest(store, stored).blobs)
    for wrong in (
        [],
        pieces[:1] if size < len(whole) else [],
        [*pieces, b"f 1 "],
        [whole, b"x" * 5_000],
        [b"x" * 5_000],
    ):
        with pytest.raises(InvalidManifest):
            list(glance(wrong))


def test_permissions(tmp_path: Path, store: FolderStore, stored: Digest) -> None:
    """Copies are read-only, or as the umask has it; they are never the store's own files. Links are."""
    materialise(store, stored, tmp_path / "copy")
    materialise(store, stored, tmp_path / "writable", writable=True)
    materialise(store, stored, tmp_path / "link", link=True)
    modes = {name: stat.S_IMODE((tmp_path / name / "sub/b").stat().st_mode) for name in ("copy", "writable", "link")}
    assert modes == {"copy": 0o444, "writable": 0o644, "link": 0o444}
    own = (store.folder / "blobs" / hex_of(digest_bytes(b"two"))[:2] / hex_of(digest_bytes(b"two"))).stat().st_ino
    assert [(tmp_path / name / "sub/b").stat().st_ino == own for name in ("copy", "writable", "link")] == [
        False,
        False,
        True,
    ]
    with pytest.raises(ValueError, match="can't be writable"):
        materialise(store, stored, tmp_path / "both", link=True, writable=True)


@pytest.mark.parametrize("link", [False, True])
def test_what_can_be_executed_is_executable(tmp_path: Path, store: FolderStore, *, link: bool) -> None:
    """Scripts that name their interpreter and ELF files can be executed once written out, other files can't."""
    (tmp_path / "tools").mkdir()
    for name, content in {
        "tool.sh": b"#!/bin/sh\necho 43\n",
        "elf": b"\x7fELF\x02",
        "text": b"# !",
        "empty": b"",
    }.items():
        (tmp_path / "tools" / name).write_bytes(content)
    digest = put_tree(store, tmp_path / "tools", now_ns=NOW_NS).digest
    materialise(store, digest, tmp_path / "out", link=link)
    materialise(store, digest, tmp_path / "writable", writable=True)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()}
    assert modes == {"tool.sh": 0o555, "elf": 0o555, "text": 0o444, "empty": 0o444}
    assert stat.S_IMODE((tmp_path / "writable/tool.sh").stat().st_mode) == 0o755
    assert subprocess.check_output([str(tmp_path / "out/tool.sh")]) == b"43\n"


def test_writing_to_a_copy_leaves_the_store_alone(tmp_path: Path, store: FolderStore, stored: Digest) -> None:
    """An operator that makes its inputs writable and changes them damages only its copy."""
    materialise(store, stored, tmp_path / "out")
    for place in (tmp_path / "out").rglob("*"):
        if place.is_file():
            place.chmod(0o644)
            place.write_bytes(b"vandalised")
    materialise(store, stored, tmp_path / "again")
    assert read_tree(tmp_path / "again") == TREE


def test_writing_to_a_link_is_noticed(tmp_path: Path, store: FolderStore, stored: Digest) -> None:
    """Who changes a hard link, and even puts the time back, is found out by the snapshot; the store by verifying."""
    materialise(store, stored, tmp_path / "out", link=True)
    before = scan(tmp_path / "out")
    place = tmp_path / "out" / "sub" / "b"
    times = place.stat()
    place.chmod(0o644)
    place.write_bytes(b"TWO")
    place.chmod(0o444)
    os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert changed_since(before) == f"{place} was written to or replaced"
    with pytest.raises(BlobMissing):
        store.read(digest_bytes(b"two"))


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda place: place.symlink_to("/nowhere")])
def test_nothing_is_overwritten(
    tmp_path: Path, store: FolderStore, stored: Digest, make: Callable[[Path], None]
) -> None:
    """Whatever stands at the target stays, be it an empty folder or a dangling link."""
    make(tmp_path / "out")
    before = (tmp_path / "out").lstat()
    with pytest.raises(TargetExists, match="remove it, or choose another place"):
        materialise(store, stored, tmp_path / "out")
    assert (tmp_path / "out").lstat() == before


def test_a_target_that_can_not_be(tmp_path: Path, store: FolderStore, stored: Digest) -> None:
    """A target whose parent isn't a folder is an error that names it."""
    for parent in ("gone", "in/a.txt"):
        with pytest.raises(StagingError, match=f"staging: can't write {tmp_path}/{parent}/out"):
            materialise(store, stored, tmp_path / parent / "out")


def entry(path: str, content: bytes = b"one") -> FileEntry:
    return FileEntry(path=path, size=len(content), digest=digest_bytes(content))


def receive(target: Path, manifest: Manifest, content: bytes, meanwhile: Callable[[], object]) -> None:
    """Write a dataset whose files all hold *content*, piece by piece; *meanwhile* happens after the first file."""
    with DatasetTarget(target, manifest, writable=True) as out:
        for number, file_entry in enumerate(manifest.files):
            with out.receive(file_entry) as file:
                file.write(content[:2])
                file.write(content[2:])
            if number == 0:
                meanwhile()
        out.commit()


@pytest.mark.parametrize("path", ["../x", "/tmp/x", "a/../../x", "..", "."])
def test_a_manifest_that_leads_out_is_refused(tmp_path: Path, store: FolderStore, path: str) -> None:
    """A manifest from elsewhere whose paths leave the folder is refused before anything is written."""
    text = b"accio/dataset/1 folder\nf 3 %b %b\0" % (hex_of(digest_bytes(b"one")).encode(), path.encode())
    digest = store.put(text).digest
    store.put(b"one")
    with pytest.raises(InvalidManifest):
        materialise(store, digest, tmp_path / "out")
    assert sorted(place.name for place in tmp_path.iterdir()) == ["store"]


@pytest.mark.parametrize("planted", ["folder", "file"])
def test_a_link_planted_meanwhile_is_not_followed(tmp_path: Path, planted: str) -> None:
    """A link that appears in the draft while it is being written leads nowhere."""
    outside = make_tree(tmp_path / "outside", {"kept": b"1"})

    def plant() -> None:
        (draft,) = tmp_path.glob(".accio-*")
        if planted == "folder":
            (draft / "sub").symlink_to(outside)
        else:
            (draft / "sub").mkdir()
            (draft / "sub" / "b").symlink_to(outside / "kept")

    with pytest.raises(StagingError):
        receive(tmp_path / "out", of_folder([entry("a"), entry("sub/b")]), b"one", plant)
    assert read_tree(outside) == {"kept": b"1"}
    assert sorted(place.name for place in tmp_path.iterdir()) == ["outside"]


def test_receiving_piece_by_piece(tmp_path: Path) -> None:
    """A client can write a dataset as it comes; what isn't the announced content is refused."""
    manifest = of_file(size=6, digest=digest_bytes(b"onetwo"))
    receive(tmp_path / "out", manifest, b"onetwo", lambda: None)
    assert (tmp_path / "out").read_bytes() == b"onetwo"
    with pytest.raises(DigestMismatch):
        receive(tmp_path / "bad", manifest, b"one", lambda: None)
    assert sorted(place.name for place in tmp_path.iterdir()) == ["out"]


@pytest.mark.parametrize("manifest", [of_file(size=3, digest=digest_bytes(b"one")), of_folder([entry("a")])])
def test_a_target_that_appears_meanwhile_is_not_overwritten(tmp_path: Path, manifest: Manifest) -> None:
    """Somebody else's file that comes while the dataset is being written stays."""
    place = tmp_path / "out"
    with pytest.raises(TargetExists):
        receive(place, manifest, b"one", lambda: place.write_bytes(b"theirs"))
    assert read_tree(tmp_path) == {"out": b"theirs"}


def test_a_full_disk_at_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: FolderStore, stored: Digest
) -> None:
    """No room at the target is a failure of staging that names the file; nothing remains."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("accio.content.datasets.write_all", full)
    with pytest.raises(StagingError, match=f"staging: can't write {tmp_path}/out/a.txt: no space left on device"):
        materialise(store, stored, tmp_path / "out")
    assert sorted(place.name for place in tmp_path.iterdir()) == ["in", "store"]


def test_links_fall_back_to_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: FolderStore, stored: Digest
) -> None:
    """Where hard links aren't possible, copies are made."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMLINK, os.strerror(errno.EMLINK))

    monkeypatch.setattr(os, "link", refuse)
    materialise(store, stored, tmp_path / "out", link=True)
    assert read_tree(tmp_path / "out") == TREE


class NotFiles(FolderStore):
    """A store whose blobs aren't files of this machine, as an object store's."""

    def open(self, digest: Digest) -> BinaryIO:
        with super().open(digest) as file:
            return BytesIO(file.read())


@pytest.mark.parametrize("link", [False, True])
def test_a_store_without_files(tmp_path: Path, stored: Digest, link: bool) -> None:
    """Datasets come out of a store whose blobs have no descriptors, too."""
    with NotFiles(tmp_path / "store") as store:
        materialise(store, stored, tmp_path / "out", link=link)
    assert read_tree(tmp_path / "out") == TREE


def test_manifest_is_exported_whole(store: FolderStore, stored: Digest) -> None:
    """The manifest in the store is the dataset's identity: its bytes have the dataset's digest."""
    manifest: Manifest = read_manifest(store, stored)
    assert digest_bytes(manifest.encoded) == manifest.digest == stored
