"""Datasets in a store: a manifest, which is a blob under the dataset's digest, and the blobs that it names."""

import os
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from accio.content.blobs import BlobStore, Stored
from accio.content.copying import copy_fd, write_all
from accio.content.digest import CHUNK, Digest, Progress, digest_fd
from accio.content.errors import BlobMissing, ChangedWhileRead, InvalidManifest, StoreUnusable
from accio.content.manifest import MAGIC, MAX_MANIFEST_BYTES, FileEntry, Manifest, decode, glance
from accio.content.reading import each_file, known_digests, manifest_of, remember
from accio.content.signatures import SignatureCache
from accio.content.store import FolderStore
from accio.content.target import DatasetTarget
from accio.content.tree import Snapshot, difference, require_still_there, require_unchanged, scan
from accio.late import dataclass

_IN_MEMORY = 1 << 20
_ADOPTED_FROM = 1 << 20
"""Copying smaller files costs less than making sure that nobody writes to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDataset:
    """A dataset that is in the store now, and what stood at its path when it was read."""

    manifest: Manifest
    snapshot: Snapshot
    blobs_new: int
    bytes_new: int
    """What the store lacked before, the manifest included."""

    @property
    def digest(self) -> Digest:
        """The identity of the dataset."""
        return self.manifest.digest


def put_tree(
    store: BlobStore,
    path: str | os.PathLike[str],
    *,
    now_ns: int,
    cache: SignatureCache | None = None,
    progress: Progress | None = None,
) -> StoredDataset:
    """Store the file or folder at *path*; raises StagingError, StoreFull.

    Files are read once, each verified to be what it was when the reading began; those that the cache knows and the
    store has aren't read at all. The manifest comes last: whoever finds it finds all that it names. *now_ns* is the
    time (epoch) when the call begins.
    """
    return _put(store, scan(path), require_unchanged, now_ns=now_ns, cache=cache, progress=progress)


def put_own_tree(store: FolderStore, path: Path, *, within: Path) -> StoredDataset:
    """Store what an operator has made *within* a folder of its own that will be removed; otherwise as `put_tree`.

    Large files are taken as they are where that is safe (`adopting`), so that they don't need their space twice.
    """
    snapshot = scan(path)
    root = bytes(within.resolve()) + b"/"
    digests: dict[str, Digest] = {}
    taken: list[Stored] = []
    for name, seen in snapshot.files.items():
        place = snapshot.place(name)
        if seen.size >= _ADOPTED_FROM and os.path.realpath(place).startswith(root):
            stored = store.adopt(os.path.realpath(place))
            if stored is not None and stored.size == seen.size:
                digests[name] = stored.digest
                taken.append(stored)
    snapshot = scan(path)  # their modes are others now

    def require(before: Snapshot) -> None:
        after = scan(path)
        what = difference(_without(before, digests), _without(after, digests))
        if what is not None:
            raise ChangedWhileRead(what)

    return _store(store, snapshot, digests, require, taken=taken)


def _without(snapshot: Snapshot, names: Container[str]) -> Snapshot:
    return replace(snapshot, files={name: seen for name, seen in snapshot.files.items() if name not in names})


def put_snapshot(
    store: BlobStore,
    snapshot: Snapshot,
    *,
    now_ns: int,
    cache: SignatureCache | None = None,
) -> StoredDataset:
    """Store what a snapshot saw, without whatever came to stand beside it since; otherwise as `put_tree`."""
    return _put(store, snapshot, require_still_there, now_ns=now_ns, cache=cache, progress=None)


def _put(
    store: BlobStore,
    snapshot: Snapshot,
    require: Callable[[Snapshot], None],
    *,
    now_ns: int,
    cache: SignatureCache | None,
    progress: Progress | None,
) -> StoredDataset:
    known = known_digests(snapshot, cache, now_ns=now_ns)
    there = store.has({digest for digest in known.values() if digest is not None}, use=True)
    digests = {
        path: digest
        for path, digest in known.items()
        if digest is not None and there.get(digest) == snapshot.files[path].size
    }

    def note(fresh: dict[str, Digest]) -> None:
        remember(snapshot, fresh, cache, read_at_ns=now_ns)

    return _store(store, snapshot, digests, require, note=note, progress=progress)


def _store(
    store: BlobStore,
    snapshot: Snapshot,
    digests: Mapping[str, Digest],
    require: Callable[[Snapshot], None],
    *,
    taken: Sequence[Stored] = (),
    note: Callable[[dict[str, Digest]], None] = lambda _: None,
    progress: Progress | None = None,
) -> StoredDataset:
    """Store those files of a snapshot whose digests aren't known, and its manifest; *taken* are stored already."""

    def keep(fd: int, *, size: int, progress: Progress | None) -> tuple[Stored, int]:
        stored = store.put_file(fd, size=size, progress=progress)
        return stored, stored.size

    unread = [path for path in snapshot.files if path not in digests]
    read = [stored for stored, _ in each_file(snapshot, unread, keep, progress=progress)]
    require(snapshot)
    fresh = {path: stored.digest for path, stored in zip(unread, read, strict=True)}
    note(fresh)
    manifest = manifest_of(snapshot, {**digests, **fresh})
    read.append(store.put(manifest.encoded, manifest.digest))
    new = [stored for stored in (*taken, *read) if stored.new]
    return StoredDataset(
        manifest=manifest,
        snapshot=snapshot,
        blobs_new=len(new),
        bytes_new=sum(stored.size for stored in new),
    )


def read_manifest(store: BlobStore, digest: Digest) -> Manifest:
    """Return the manifest of a dataset; raises BlobMissing, and InvalidManifest if the blob is something else."""
    _refuse_huge(store, digest)
    try:
        return decode(store.read(digest))
    except InvalidManifest as error:
        raise InvalidManifest(f"the blob {digest} isn't a dataset: {error.message}") from error


def _refuse_huge(store: BlobStore, digest: Digest) -> None:
    """Raise InvalidManifest for a blob that is too large to be a manifest, before it is read."""
    if (size := store.has([digest]).get(digest, 0)) > MAX_MANIFEST_BYTES:
        raise InvalidManifest(f"the blob {digest} isn't a dataset: a manifest of {size:,} bytes would be too large")


def contents(store: BlobStore, digests: Iterable[Digest]) -> dict[Digest, tuple[Digest, ...]]:
    """Return the files of those of the digests that are datasets in the store: what `gc.plan` must know of all of them.

    A blob that looks like a manifest counts as one: at worst that keeps more than need be. What is missing, or not a
    manifest, is left out.
    """
    found: dict[Digest, tuple[Digest, ...]] = {}
    for digest in digests:
        try:
            with store.open(digest) as file:
                if file.read(len(MAGIC)) != MAGIC:
                    continue
            found[digest] = _files(store, digest)
        except (BlobMissing, InvalidManifest):
            continue
    return found


def _files(store: BlobStore, digest: Digest) -> tuple[Digest, ...]:
    """Return the distinct files of a dataset, whose manifest is never in memory as a whole: it may be huge."""
    _refuse_huge(store, digest)
    with store.open_verified(digest) as file:
        return tuple(dict.fromkeys(glance(iter(partial(file.read, _IN_MEMORY), b""))))


def missing_blobs(store: BlobStore, digest: Digest) -> tuple[Digest, ...]:
    """Return what a complete dataset would need and the store lacks: its manifest (then nothing else is known), or
    files.

    Sizes are compared, contents are not read. What is there counts as used. Raises InvalidManifest.
    """
    if not store.has([digest], use=True):
        return (digest,)
    wanted = read_manifest(store, digest).blobs
    there = store.has(wanted, use=True)
    return tuple(blob for blob, size in wanted.items() if there.get(blob) != size)


def materialise(
    store: BlobStore,
    digest: Digest,
    target: Path,
    *,
    link: bool = False,
    writable: bool = False,
    progress: Progress | None = None,
) -> Manifest:
    """Write a dataset to *target*, where nothing may stand yet; every file is verified; it appears as a whole.

    Files are copies (sharing blocks where the file system can), read-only unless *writable*. With *link* they are hard
    links to the store's own files where possible: free of cost, but who writes to one, having made it writable,
    damages the store. So only for readers that are trusted, or looked after with `changed_since`. Raises BlobMissing,
    InvalidManifest, TargetExists, StagingError.
    """
    if link and writable:
        raise ValueError("a hard link into the store can't be writable")
    manifest = read_manifest(store, digest)
    with DatasetTarget(target, manifest, writable=writable) as out:
        for entry in manifest.files:
            if not (link and _link(store, entry, out)):
                _copy(store, entry, out)
            if progress is not None:
                progress(entry.size)
        out.commit()
    return manifest


def _link(store: BlobStore, entry: FileEntry, out: DatasetTarget) -> bool:
    with store.open(entry.digest) as file:
        if (fd := _fileno(file)) is None:
            return False
        _require_content(store, entry, fd)
        return out.link(entry, fd)


def _copy(store: BlobStore, entry: FileEntry, out: DatasetTarget) -> None:
    if entry.size < _IN_MEMORY:
        data = store.read(entry.digest)
        with out.create(entry) as fd:
            write_all(fd, data)
        return
    with store.open(entry.digest) as file, out.create(entry) as fd:
        if (source := _fileno(file)) is not None:
            copy_fd(source, fd, size=entry.size)
        else:
            while chunk := file.read(CHUNK):
                write_all(fd, chunk)
        os.lseek(fd, 0, os.SEEK_SET)
        _require_content(store, entry, fd)


def _fileno(file: BinaryIO) -> int | None:
    try:
        return file.fileno()
    except OSError:  # a store whose blobs aren't files
        return None


def _require_content(store: BlobStore, entry: FileEntry, fd: int) -> None:
    """Raise unless the open file holds what the manifest says; the store looks whether the fault is its own."""
    if digest_fd(fd, size=entry.size)[0] != entry.digest:
        store.verify(entry.digest)
        raise StoreUnusable(f"a copy of {entry.digest} isn't equal to the blob: is a disk or the memory failing?")
