"""Calls about owners, their caps, and what they used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from accio.v1 import workload_pb2
from accio_client import views
from accio_client.calls import numbers
from accio_client.calls.caller import Caller
from accio_client.moments import epoch_ms


class OwnerCalls(Caller):
    """Look at owners, and change their caps."""

    async def list_owners(self) -> views.OwnersView:
        """Return whose work there is, how much of it is at agents, and how much may be."""
        from accio_client.from_wire import owners as owner_views  # few commands need it

        request = workload_pb2.ListOwnersRequest()
        return owner_views.owners(
            await self._connection.call(self._accio.ListOwners, request, workload_pb2.ListOwnersResponse)
        )

    async def change_cap(
        self, owner: str, *, nodes: int | None = None, cpus: float | None = None, during: str = ""
    ) -> views.CapView:
        """Set how many nodes of an owner, on how many CPUs, may be at agents at a time; without either, any number.

        *during* are the times of the week at which that counts, as in `Mon-Fri 08:00-18:00 Europe/Berlin`.
        """
        from accio_client.from_wire import owners as owner_views  # as above

        request = workload_pb2.ChangeCapRequest(owner=owner)
        if nodes is not None or cpus is not None:
            most = None if nodes is None else numbers.whole("nodes", nodes)
            milli_cpus = None if cpus is None else numbers.thousandths("cpus", cpus)
            request.cap.CopyFrom(workload_pb2.Cap(nodes=most, milli_cpus=milli_cpus, during=during))
        return owner_views.changed(
            await self._connection.call(self._accio.ChangeCap, request, workload_pb2.ChangeCapResponse)
        )

    async def usage(
        self, *, by: Sequence[str] = ("owner",), since: datetime | None = None, until: datetime | None = None
    ) -> views.UsageReport:
        """Return what nodes used of agents, told apart *by* any of owner, pool, and one of day and month."""
        from accio_client.from_wire import owners as owner_views  # as above

        request = workload_pb2.GetUsageRequest(
            by=by,
            since_ms=epoch_ms(since),
            until_ms=epoch_ms(until),
        )
        return owner_views.usage(
            await self._connection.call(self._accio.GetUsage, request, workload_pb2.GetUsageResponse)
        )
