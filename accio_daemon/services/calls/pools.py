"""The rpcs about pools and allocations that people make."""

from accio.errors import NotFound
from accio.v1 import pools_pb2
from accio_daemon.core.pools.commands import ChangePool
from accio_daemon.engine.ports import EnginePort
from accio_daemon.engine.snapshots import PoolView
from accio_daemon.services.calls.workflows import page_key, page_size
from accio_daemon.services.messages.pools import allocation_message, pool_message
from accio_daemon.services.transport.keeping import TokenKeeper
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.rows import pools

_FAR = 2**62


class PoolCalls:
    """Pools and allocations."""

    def __init__(self, *, engine: EnginePort, readers: Readers, keeper: TokenKeeper) -> None:
        """Answer for the engine's pools, and for the allocations that are stored."""
        self._engine = engine
        self._readers = readers
        self._keeper = keeper

    async def list_pools(self, _request: pools_pb2.ListPoolsRequest) -> pools_pb2.ListPoolsResponse:
        """Return all pools."""
        view = self._engine.pools()
        return pools_pb2.ListPoolsResponse(pools=map(pool_message, view.pools), unservable=view.unservable)

    async def list_allocations(self, request: pools_pb2.ListAllocationsRequest) -> pools_pb2.ListAllocationsResponse:
        """Return a page of allocations, the newest first."""
        before, limit = page_key(request.cursor) or _FAR, page_size(request.limit)
        rows = await self._readers.read(
            lambda snapshot: pools.read_page(
                snapshot, before=before, limit=limit + 1, pool=request.pool, live=request.live
            )
        )
        following = str(rows[limit - 1].no) if len(rows) > limit else ""
        return pools_pb2.ListAllocationsResponse(allocations=map(allocation_message, rows[:limit]), next=following)

    async def change_pool(self, request: pools_pb2.ChangePoolRequest) -> pools_pb2.Pool:
        """Pause a pool, let it go on, or set how many allocations it keeps."""
        paused = request.paused if request.HasField("paused") else None
        floor = request.kept if request.HasField("kept") else None
        await self._engine.ask(ChangePool(name=request.name, paused=paused, floor=floor, by_file=request.by_file))
        deed = "scale" if paused is None else "pause" if paused else "resume"
        await self._keeper.keep(f"{deed} pool", request.name)
        return pool_message(self._pool(request.name))

    def _pool(self, name: str) -> PoolView:
        found = next((pool for pool in self._engine.pools().pools if pool.spec.name == name), None)
        if found is None:
            raise NotFound(f"there is no pool {name!r}")
        return found
