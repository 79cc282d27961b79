"""The rpcs about what is kept: garbage, the memo, backups."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import structlog

from accio.content.digest import Digest, parse_digest
from accio.errors import AlreadyExists, BadRequest, NotFound
from accio.v1 import accio_pb2
from accio_daemon.services.calls.catalogue import Catalogue
from accio_daemon.services.calls.collecting import Collector
from accio_daemon.services.calls.logs import name_of_owner
from accio_daemon.services.calls.rights import Rights
from accio_daemon.services.transport.keeping import TokenKeeper
from accio_daemon.storage import memo
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.times import durations
from accio_daemon.storage.upkeep.backup import back_up, place_of

log = structlog.get_logger(__name__)


class StorageCalls:
    """Collect garbage, look into the memo, invalidate results, back up."""

    def __init__(
        self,
        *,
        readers: Readers,
        collector: Collector,
        catalogue: Catalogue,
        plans: Plans,
        database: Path,
        backups: Sequence[Path],
        rights: Rights,
        keeper: TokenKeeper,
    ) -> None:
        """Answer from what *readers* read; *collector* frees, a backup copies *database* to below one of *backups*."""
        self._readers = readers
        self._collector = collector
        self._catalogue = catalogue
        self._plans = plans
        self._database = database
        self._backups = backups
        self._rights = rights
        self._keeper = keeper
        self._backing_up = asyncio.Lock()

    async def collect_garbage(self, request: accio_pb2.CollectGarbageRequest) -> accio_pb2.CollectGarbageResponse:
        """Free what nothing refers to, or say what would be freed."""
        freed = await self._collector.collect(dry_run=request.dry_run, quota=request.quota)
        if freed and not request.dry_run:
            await self._keeper.keep("collect garbage", f"{len(freed)} freed")
        return accio_pb2.CollectGarbageResponse(
            freed=[accio_pb2.Freed(digest=each.digest, bytes=each.size, reason=each.reason) for each in freed],
            bytes=sum(each.size for each in freed),
            dry_run=request.dry_run,
        )

    async def get_cache(self, request: accio_pb2.GetCacheRequest) -> accio_pb2.GetCacheResponse:
        """Return the memo's numbers by operator, and single results if asked."""
        if request.operator:
            await self._require_operator(request.operator)
        viewer = self._rights.viewer()

        def read(snapshot: Snapshot) -> accio_pb2.GetCacheResponse:
            response = accio_pb2.GetCacheResponse()
            for each in memo.numbers(snapshot, request.operator):
                response.operators.add(
                    operator=each.operator,
                    results=each.results,
                    bytes=each.size,
                    hits=each.hits,
                    misses=each.misses,
                    took_s=durations.median_of(snapshot, each.operator),
                )
            for entry in memo.entries(snapshot, request.operator) if request.entries else ():
                message = response.entries.add(
                    key=entry.key, operator=entry.operator, computed_at_ms=entry.computed_ms, bytes=entry.size
                )
                setattr(message, "from", name_of_owner(snapshot, entry.owner, self._plans, viewer))
            return response

        return await self._readers.read(read)

    async def remove_from_cache(self, request: accio_pb2.RemoveFromCacheRequest) -> accio_pb2.RemoveFromCacheResponse:
        """Invalidate one result, or all results of an operator."""
        if bool(request.key) == bool(request.operator):
            raise BadRequest("expected either a key or an operator")
        key: Digest | None = parse_digest(request.key) if request.key else None
        if request.operator:
            await self._require_operator(request.operator)
        results = await self._readers.read(
            lambda snapshot: memo.results_of(snapshot, key=key, operator=request.operator)
        )
        if key is not None and not results:
            raise NotFound(f"the memo has no result under {key}")
        removed = await self._collector.forget(results) if results else 0
        await self._keeper.keep("invalidate results", f"{removed} of {request.operator or request.key}")
        return accio_pb2.RemoveFromCacheResponse(removed=removed)

    async def _require_operator(self, name: str) -> None:
        if name not in (await self._catalogue.operators()).specs:
            raise NotFound(f"there is no operator {name[:100]!r}")

    async def backup(self, request: accio_pb2.BackupRequest) -> accio_pb2.BackupResponse:
        """Copy the database while it is in use."""
        if self._backing_up.locked():
            raise AlreadyExists("a backup is being made already; wait for it to end")
        async with self._backing_up:
            path = await asyncio.to_thread(place_of, request.path, self._backups)
            made = await asyncio.to_thread(back_up, self._database, path)
        await self._keeper.keep("back up", str(path))
        if made.problems:
            log.error("the database is damaged, as a check of a backup shows", backup=str(path), found=made.problems)
        return accio_pb2.BackupResponse(path=str(path), bytes=made.bytes, problems=made.problems)
