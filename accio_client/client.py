"""The asynchronous client: one method per question or request, domain values in, views out.

    async with AsyncClient() as client:
        run = await client.submit("geoind", epsilon=logspace(1e-5, 1), repeat=3)
        await run.wait()

Errors are those of `accio.errors`. `accio_client.sync.Client` is the same for code without an event loop.
"""

from types import TracebackType
from typing import Self

from accio_client.calls.access import AccessCalls
from accio_client.calls.cluster import ClusterCalls
from accio_client.calls.handles import HandleCalls
from accio_client.calls.owners import OwnerCalls
from accio_client.calls.pools import PoolCalls
from accio_client.calls.results import ResultCalls
from accio_client.calls.timelines import TimelineCalls
from accio_client.calls.versions import VersionCalls
from accio_client.calls.windows import WindowCalls


class AsyncClient(
    ResultCalls,
    HandleCalls,
    VersionCalls,
    TimelineCalls,
    ClusterCalls,
    OwnerCalls,
    WindowCalls,
    PoolCalls,
    AccessCalls,
):
    """A connection to a daemon. Open it in the event loop that uses it, with `async with` or `close`."""

    def __repr__(self) -> str:
        return f"<AsyncClient of {self.address}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; closing again does nothing."""
        await self._connection.close()
