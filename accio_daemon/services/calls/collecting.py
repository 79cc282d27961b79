"""Freeing what nothing refers to: results of the memo first, then the content that only they held."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import islice

import structlog

from accio.content import gc
from accio.content.blobs import Blob, BlobStore
from accio.content.datasets import contents
from accio.content.digest import Digest
from accio.errors import Unavailable
from accio.late import dataclass
from accio_daemon.core.commands import ContentMissing, ForgetResults, OldestWork
from accio_daemon.engine.ports import EnginePort
from accio_daemon.services.calls.artifacts import in_thread
from accio_daemon.storage import memo
from accio_daemon.storage.memo import References
from accio_daemon.storage.reading.readers import Readers

log = structlog.get_logger(__name__)

_AT_ONCE = 2_000
# Seconds between looks at the size of the store: a look that takes long is made more rarely, so that looking costs a
# fiftieth of a thread at most.
_QUOTA_OFTEN_S = 2.0
_QUOTA_RARELY_S = 300.0
_QUOTA_PAUSE_PER_LOOK = 50
_MS = 1_000_000
# The time of a file that was written just now is that of the kernel's last tick.
_TICK_MS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """A blob, or a result under its key."""

    digest: Digest
    size: int
    reason: str


class Collector:
    """Finds and frees; one collection at a time."""

    def __init__(
        self, *, engine: EnginePort, readers: Readers, store: BlobStore, tell_agents: Callable[[], None]
    ) -> None:
        """Collect in *store*, by the references that *readers* read; the engine forgets results, and agents are told
        that what they keep of the content may go.
        """
        self._tell_agents = tell_agents
        self._engine = engine
        self._readers = readers
        self._store = store
        self._busy = asyncio.Lock()

    async def collect(self, *, dry_run: bool, quota: int) -> list[Freed]:
        """Free everything that nothing refers to, or with a *quota* (bytes) so much that the store is below it."""
        async with self._busy:
            # Asked first: what begins later uses content later, and what had ended by then is in the database.
            since_ms: int = await self._engine.ask(OldestWork()) - _TICK_MS
            known = await self._readers.read(memo.references, budget_s=None)
            blobs = await in_thread(lambda: list(self._store.list()))
            plan = await in_thread(lambda: self._plan(known, blobs, quota, since_ms))
            leaving = _leaving(known, plan, everything=quota == 0)
            if dry_run:
                return _results(known, leaving) + [_blob(freed) for freed in plan.freed]
            gone = await self._delete_results(leaving)
            # What a result still refers to after all stays.
            kept = {digest for digest, holders in known.holders.items() if holders & (leaving - gone)}
            spared = kept | {file for files in contents(self._store, kept).values() for file in files}
            final = gc.Plan(
                freed=tuple(freed for freed in plan.freed if freed.digest not in spared),
                kept_bytes=plan.kept_bytes,
                over_quota_bytes=plan.over_quota_bytes,
            )
            freed = await in_thread(lambda: [_blob(each) for each in gc.collect(self._store, final)])
            if freed:
                self._tell_agents()
            await self._tell_who_came_late({each.digest for each in freed}, known)
            return _results(known, gone) + freed

    async def _tell_who_came_late(self, freed: set[Digest], known: References) -> None:
        """Forget results that were recorded meanwhile and hold content that others had put before."""
        if not freed:
            return
        holders = (await self._readers.read(memo.references, budget_s=None)).holders
        new = [digest for digest in holders if digest not in known.holders]
        parts = await in_thread(lambda: contents(self._store, new))
        late = (freed & holders.keys()) | {dataset for dataset, files in parts.items() if freed & set(files)}
        if late:
            self._engine.post(ContentMissing(digests=tuple(sorted(late))))

    def _plan(self, known: References, blobs: list[Blob], quota: int, since_ms: int) -> gc.Plan:
        free = known.unreferenced
        roots = {digest for digest, holders in known.holders.items() if not holders <= free.keys()} | known.pinned
        recorded: dict[Digest, int] = {}
        for digest, holders in known.holders.items():
            # What was put in the same millisecond was put before: the report comes after the content.
            times = [(free[result].recorded_ms + 1) * _MS for result in holders if result in free]
            recorded[digest] = max(times, default=0)
        return gc.plan(
            blobs,
            roots=roots,
            # Of all blobs: a dataset that nothing refers to yet, but was put by what goes on, keeps its files.
            datasets=contents(self._store, [blob.digest for blob in blobs]),
            since_ns=since_ms * _MS,
            quota=quota or None,
            recorded_ns=recorded,
        )

    async def _delete_results(self, leaving: Iterable[int]) -> set[int]:
        gone: set[int] = set()
        left = iter(sorted(leaving))
        while group := list(islice(left, _AT_ONCE)):
            await self.forget(group)
            taken = await self._readers.read(lambda snapshot: memo.referenced_among(snapshot, group))
            free = [number for number in group if number not in taken]
            await self._engine.write(lambda transaction: memo.delete(transaction, free, taken), frees=True)  # noqa: B023  # it is awaited in this turn
            gone.update(free)
        return gone

    async def forget(self, results: list[int]) -> int:
        """Forget results, in the database and then in memory. What was hit before is durable then."""
        count = await self._engine.write(lambda transaction: memo.forget(transaction, results), frees=True)
        await self._engine.ask(ForgetResults(results=frozenset(results)))
        return count

    async def keep_below(self, quota: int) -> None:
        """Look now and then whether the store is above its quota, and free what may go; runs until cancelled."""
        now = asyncio.get_running_loop().time
        pause = _QUOTA_OFTEN_S
        while True:
            await asyncio.sleep(pause)
            began = now()
            try:
                await self._fit(quota)
            except Unavailable as away:  # an object store; it is looked at again
                log.warning("can't look whether the store is above its quota", reason=away.message)
            pause = min(max(_QUOTA_OFTEN_S, (now() - began) * _QUOTA_PAUSE_PER_LOOK), _QUOTA_RARELY_S)

    async def _fit(self, quota: int) -> None:
        size = await in_thread(lambda: sum(blob.size for blob in self._store.list()))
        if size > quota:
            freed = await self.collect(dry_run=False, quota=quota)
            if freed:
                total = sum(each.size for each in freed)
                log.info("store was above its quota", bytes=size, quota=quota, freed=total)


def _leaving(known: References, plan: gc.Plan, *, everything: bool) -> set[int]:
    """Return the results to delete: all that nothing refers to, or those whose content goes."""
    if everything:
        return set(known.unreferenced)
    holders = (known.holders.get(freed.digest, frozenset()) for freed in plan.freed)
    return {result for results in holders for result in results if result in known.unreferenced}


def _results(known: References, results: Iterable[int]) -> list[Freed]:
    freed = (known.unreferenced[result] for result in sorted(results))
    return [
        Freed(digest=each.key, size=each.size, reason="a result that no run refers to")
        for each in freed
        if each.key is not None
    ]


def _blob(freed: gc.Freed) -> Freed:
    return Freed(digest=freed.digest, size=freed.blob.size, reason=freed.reason)
