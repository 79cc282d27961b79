"""Reads the files of a snapshot, each exactly as the snapshot saw it, at the speed that disk and processors allow.

Small files in the page cache cost little but Python's time, and threads that take turns at the interpreter's lock make
that slower (measured: 100,000 files/s in one thread, 60,000 in two). Files on a cold disk or a network file system cost
waiting, and threads wait together. So the work begins in the caller's thread and moves to threads once it waits more
than it computes. Large files go one after the other: each is hashed by all cores.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from accio.content.digest import READ_AHEAD_FROM, Digest, Progress, digest_fd
from accio.content.errors import ChangedWhileRead, StagingError
from accio.content.manifest import FileEntry, Manifest, Shape, of_file, of_folder
from accio.content.signatures import SignatureCache, all_settled
from accio.content.tree import Signature, Snapshot, changed_since, read_error, require_unchanged, scan, show
from accio.late import dataclass

Item = TypeVar("Item")
Result = TypeVar("Result")

_BATCH = 64
_THREADS = 16
_NOTICEABLE_S = 0.01
# O_NONBLOCK: a FIFO that has just taken the file's place mustn't block; it means nothing for files.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestedDataset:
    """A dataset's identity, and what stood at its path when it was computed."""

    manifest: Manifest
    snapshot: Snapshot
    bytes_read: int
    """What had to be read; the rest was remembered."""
    unsettled: dict[str, Digest]
    """The files to which may be written with no change of their signatures: those that are young, or in memory."""

    @property
    def digest(self) -> Digest:
        """The identity of the dataset."""
        return self.manifest.digest


def digest_dataset(
    path: str | os.PathLike[str],
    *,
    now_ns: int,
    cache: SignatureCache | None = None,
    progress: Progress | None = None,
) -> DigestedDataset:
    """Digest the file or folder at *path*; raises StagingError.

    *now_ns* is the time (epoch) when the call begins: what *cache* is told depends on it.
    """
    snapshot = scan(path)
    known = known_digests(snapshot, cache, now_ns=now_ns)
    unknown = [path for path, digest in known.items() if digest is None]
    read = each_file(snapshot, unknown, digest_fd, progress=progress)
    require_unchanged(snapshot)
    fresh = {path: digest for path, (digest, _) in zip(unknown, read, strict=True)}
    remember(snapshot, fresh, cache, read_at_ns=now_ns)
    manifest = manifest_of(snapshot, {path: digest or fresh[path] for path, digest in known.items()})
    settled = all_settled([(snapshot.place(path), snapshot.files[path]) for path in fresh], read_at_ns=now_ns)
    return DigestedDataset(
        manifest=manifest,
        snapshot=snapshot,
        bytes_read=sum(size for _, size in read),
        unsettled={path: digest for (path, digest), is_old in zip(fresh.items(), settled, strict=True) if not is_old},
    )


def changed_since_read(before: DigestedDataset) -> str | None:
    """Look again: say what differs from a dataset that was read, None if nothing does.

    Files whose signatures don't tell are read again.
    """
    if (what := changed_since(before.snapshot)) is not None:
        return what
    try:
        read = each_file(before.snapshot, list(before.unsettled), digest_fd)
    except StagingError as error:
        return error.message.removeprefix("staging: ")
    for (path, digest), (now, _) in zip(before.unsettled.items(), read, strict=True):
        if now != digest:
            return f"{show(before.snapshot.place(path))} was written to"
    return None


def holding_still(before: DigestedDataset) -> Snapshot | None:
    """Look again: return what stands at the path of a dataset that was read, if it holds the same, though files may
    have been touched (links, rights, times, a copy put back) and there may be more by now. None if it doesn't.

    Only what was there before is in the snapshot. Files that were touched are read again.
    """
    was = before.snapshot
    try:
        now = scan(os.fsdecode(was.root))
        if was.shape is not now.shape:
            return None
        files = {path: now.files[path] for path in was.files}
        now = replace(now, files=files, folders={path: now.folders[path] for path in was.folders})
        again = [path for path in files if path in before.unsettled or files[path] != was.files[path]]
        if any(files[path].size != was.files[path].size for path in again):
            return None
        read = each_file(now, again, digest_fd)
    except (StagingError, KeyError):  # a file or folder is gone
        return None
    digests = {entry.path: entry.digest for entry in before.manifest.files}
    return now if all(found == digests[path] for path, (found, _) in zip(again, read, strict=True)) else None


def manifest_of(snapshot: Snapshot, digests: dict[str, Digest]) -> Manifest:
    """Return the manifest of what a snapshot saw, whose files have these digests."""
    if snapshot.shape is Shape.FILE:
        return of_file(size=snapshot.files[""].size, digest=digests[""])
    files = [FileEntry(path=path, size=seen.size, digest=digests[path]) for path, seen in snapshot.files.items()]
    return of_folder(files, snapshot.empty_folders)


def known_digests(snapshot: Snapshot, cache: SignatureCache | None, *, now_ns: int) -> dict[str, Digest | None]:
    """Return what the cache knows of each file of a snapshot."""
    if cache is None or not snapshot.files:
        return dict.fromkeys(snapshot.files)
    located = [(snapshot.place(path), seen) for path, seen in snapshot.files.items()]
    return dict(zip(snapshot.files, cache.get(located, now_ns=now_ns), strict=True))


def remember(snapshot: Snapshot, digests: dict[str, Digest], cache: SignatureCache | None, *, read_at_ns: int) -> None:
    """Record in the cache the digests of files that were read at *read_at_ns* or later."""
    if cache is not None and digests:
        files = [((snapshot.place(path), snapshot.files[path]), digest) for path, digest in digests.items()]
        cache.put(files, read_at_ns=read_at_ns)


def each_file(
    snapshot: Snapshot,
    paths: Sequence[str],
    work: Callable[..., tuple[Result, int]],
    *,
    progress: Progress | None = None,
) -> list[tuple[Result, int]]:
    """Call `work(fd, size=…, progress=…) -> (result, bytes)` for each file, perhaps in threads; results are in order.

    *progress* is called in the caller's thread only. Errors of reading are StagingErrors that name the file.
    """

    def one(path: str, tell: Progress | None = None) -> tuple[Result, int]:
        place, seen = snapshot.place(path), snapshot.files[path]
        try:
            fd = os.open(place, _FLAGS)
            try:
                _require(fd, seen, place)
                result = work(fd, size=seen.size, progress=tell)
                _require(fd, seen, place)
            finally:
                os.close(fd)
        except OSError as error:
            raise read_error(place, error) from error
        return result

    results: dict[str, tuple[Result, int]] = {}
    small = [path for path in paths if snapshot.files[path].size < READ_AHEAD_FROM]
    for path, result in zip(small, _adaptively(one, small), strict=True):
        results[path] = result
        if progress is not None:
            progress(result[1])
    for path in paths:
        if path not in results:
            results[path] = one(path, progress)
    return [results[path] for path in paths]


def _require(fd: int, seen: Signature, place: bytes) -> None:
    if Signature.of(os.fstat(fd)) != seen:
        raise ChangedWhileRead(f"{show(place)} was written to or replaced")


def _adaptively(work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """Work through the items here, or in threads from the first batch on that waited longer than it computed."""
    for start in range(0, len(items), _BATCH):
        wall, cpu = time.perf_counter(), time.thread_time()
        for item in items[start : start + _BATCH]:
            yield work(item)
        wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
        if _waits(wall, cpu):
            yield from _in_threads(work, items[start + _BATCH :])
            return


def _waits(wall_s: float, cpu_s: float) -> bool:
    """Return whether a batch that took this long waited more than it computed, and long enough for threads to pay."""
    return wall_s > max(2 * cpu_s, _NOTICEABLE_S)


def _in_threads(work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="read-files")
    try:
        yield from pool.map(work, items)
    finally:
        pool.shutdown(cancel_futures=True)
