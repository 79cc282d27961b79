"""Plans what a store can free; pure. Carrying the plan out is `collect`, at the end.

What anything refers to is never freed: the roots, and the files of every dataset among them. Nor is what may be about
to be referred to: a blob used since the oldest work that goes on was begun (what that puts is recorded when it ends),
unless it is known to be *recorded*, that is, the database took note of the result that it belongs to after the blob's
last use. A dataset that is spared keeps its files.

Of the rest, without a quota all is freed. With one, the least recently used goes first until the store is small enough.
A dataset goes as one: its manifest and the files that nothing else needs, as half of it would be of no use.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from accio.content.blobs import Blob, BlobStore
from accio.content.digest import Digest
from accio.late import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """A blob to be freed, and why."""

    blob: Blob
    reason: str

    @property
    def digest(self) -> Digest:
        """The blob's digest."""
        return self.blob.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to free, in this order: datasets before their files, so that what dies midway leaves no half dataset."""

    freed: tuple[Freed, ...]
    kept_bytes: int
    over_quota_bytes: int
    """What remains above the quota because it is referred to, or may be about to be."""

    @property
    def bytes(self) -> int:
        """What is freed."""
        return sum(freed.blob.size for freed in self.freed)


def plan(
    blobs: Iterable[Blob],
    *,
    roots: Set[Digest],
    datasets: Mapping[Digest, Sequence[Digest]],
    since_ns: int,
    quota: int | None = None,
    recorded_ns: Mapping[Digest, int] | None = None,
    used_ns: Mapping[Digest, int] | None = None,
) -> Plan:
    """Say what to free of *blobs*, which is all that the store has.

    *roots*: what is referred to. *datasets*: for each known dataset (referred to or not) the digests of its files.
    *since_ns*: when the oldest work that goes on was begun; if nothing does, when that was found out, which was before
    *blobs* were listed. *recorded_ns*: when the database took note of a result; for a dataset it holds for its files
    too. *used_ns*: later uses than the store knows of, such as cache hits. Times are epoch.
    """
    there = {blob.digest: blob for blob in blobs}
    young = _young(there.values(), datasets, since_ns=since_ns, recorded_ns=recorded_ns or {})
    kept = _with_files(roots | young, datasets)
    uses = used_ns or {}
    free = {digest: max(blob.last_use_ns, uses.get(digest, 0)) for digest, blob in there.items() if digest not in kept}
    total = sum(blob.size for blob in there.values())
    freed: list[Freed] = []
    for unit in _units(free, datasets):
        if quota is not None and total <= quota:
            break
        for digest in unit:
            freed.append(Freed(blob=there[digest], reason=_reason(quota)))
            total -= there[digest].size
    return Plan(
        freed=tuple(freed),
        kept_bytes=total,
        over_quota_bytes=0 if quota is None else max(0, total - quota),
    )


def collect(store: BlobStore, decided: Plan) -> Iterator[Freed]:
    """Carry a plan out, telling what has really been freed: what was used since it was listed stays.

    Whatever remembers these digests as results must have forgotten them before.
    """
    for freed in decided.freed:
        if store.delete(freed.blob):
            yield freed


def _young(
    blobs: Iterable[Blob],
    datasets: Mapping[Digest, Sequence[Digest]],
    *,
    since_ns: int,
    recorded_ns: Mapping[Digest, int],
) -> set[Digest]:
    recorded = dict(recorded_ns)
    for digest, files in datasets.items():
        since = recorded_ns.get(digest, 0)
        for file in files:
            recorded[file] = max(recorded.get(file, 0), since)
    return {
        blob.digest
        for blob in blobs
        if blob.last_use_ns >= since_ns and blob.last_use_ns > recorded.get(blob.digest, 0)
    }


def _with_files(wanted: Set[Digest], datasets: Mapping[Digest, Sequence[Digest]]) -> set[Digest]:
    kept: set[Digest] = set()
    waiting = list(wanted)
    while waiting:
        if (digest := waiting.pop()) not in kept:
            kept.add(digest)
            waiting.extend(datasets.get(digest, ()))
    return kept


def _units(free: Mapping[Digest, int], datasets: Mapping[Digest, Sequence[Digest]]) -> Iterator[list[Digest]]:
    """Yield what can be freed, least recently used first; each unit holds what becomes free with it."""
    inside = {
        digest: [file for file in dict.fromkeys(datasets[digest]) if file in free]
        for digest in free
        if digest in datasets
    }
    holders = Counter(file for files in inside.values() for file in files)
    tops = [digest for digest in free if digest not in holders]
    for top in sorted(tops, key=lambda digest: (free[digest], digest)):
        unit = [top]
        for freed in unit:  # grows: a file may itself be a manifest
            for file in inside.get(freed, ()):
                holders[file] -= 1
                if holders[file] == 0:
                    unit.append(file)
        yield unit


def _reason(quota: int | None) -> str:
    if quota is None:
        return "nothing refers to it"
    return f"nothing refers to it, and the store is over its quota of {quota:,} bytes: least recently used"
