"""Calls about pools and their allocations."""

from __future__ import annotations

from accio.v1 import pools_pb2
from accio_client import views
from accio_client.calls import numbers
from accio_client.calls.caller import Caller
from accio_client.from_wire import pools as pool_views

_MOST_KEPT, _MOST_LISTED = 10_000, 1_000  # as the contract says


class PoolCalls(Caller):
    """Look at pools and allocations, and change pools."""

    async def list_pools(self) -> views.PoolsView:
        """Return the pools in order of preference, each with why it has as many hosts as it has."""
        request = pools_pb2.ListPoolsRequest()
        answer = await self._connection.call(self._connection.pools.ListPools, request, pools_pb2.ListPoolsResponse)
        return pool_views.pools(answer)

    async def list_allocations(
        self, *, pool: str | None = None, live: bool = False, limit: int = 50, cursor: str | None = None
    ) -> views.AllocationPage:
        """Return a page of the hosts that pools asked for, newest first; *live*: only those that haven't ended."""
        request = pools_pb2.ListAllocationsRequest(
            pool=pool or "", live=live, limit=numbers.whole("limit", limit, _MOST_LISTED), cursor=cursor or ""
        )
        answer = await self._connection.call(
            self._connection.pools.ListAllocations, request, pools_pb2.ListAllocationsResponse
        )
        return pool_views.allocations(answer)

    async def change_pool(
        self, name: str, *, paused: bool | None = None, kept: int | str | None = None
    ) -> views.PoolView:
        """Pause a pool or let it go on; keep that many hosts whatever is queued, or what its file says ("auto")."""
        number = numbers.whole("kept", kept, _MOST_KEPT) if isinstance(kept, int) else None
        request = pools_pb2.ChangePoolRequest(name=name, paused=paused, kept=number, by_file=isinstance(kept, str))
        return pool_views.pool(await self._connection.call(self._connection.pools.ChangePool, request, pools_pb2.Pool))
