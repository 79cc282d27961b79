"""Messages about pools as views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accio.domain.ids import AgentName
from accio_client import views
from accio_client.from_wire.values import resources
from accio_client.moments import moment

if TYPE_CHECKING:
    from accio.v1 import pools_pb2


def pools(message: pools_pb2.ListPoolsResponse) -> views.PoolsView:
    return views.PoolsView(pools=tuple(map(pool, message.pools)), unservable=tuple(message.unservable))


def pool(message: pools_pb2.Pool) -> views.PoolView:
    described = message.description
    return views.PoolView(
        name=described.name,
        provider=described.provider,
        state=message.state,
        host=resources(described.host),
        offers=resources(message.offers) if message.HasField("offers") else None,
        walltime=described.walltime_ms / 1000 if described.walltime_ms else None,
        least=described.min,
        most=described.max,
        kept=message.kept,
        pending=described.pending,
        worth=described.worth_ms / 1000,
        keep=described.keep_ms / 1000,
        allocations=dict(sorted(message.allocations.items())),
        decision=tuple(message.decision),
        problem=message.problem,
        operators=tuple(described.operators),
        owners=tuple(described.owners),
        during=described.during,
        maintenance=tuple(
            views.MaintenanceView(name=each.name, begins_at=moment(each.begins_at_ms), ends_at=moment(each.ends_at_ms))
            for each in described.maintenance
        ),
        budget_day=described.budget_day if described.HasField("budget_day") else None,
        budget_total=described.budget_total if described.HasField("budget_total") else None,
        used=message.used,
    )


def allocations(message: pools_pb2.ListAllocationsResponse) -> views.AllocationPage:
    found = tuple(map(_allocation, message.allocations))
    return views.AllocationPage(allocations=found, next=message.next or None)


def _allocation(message: pools_pb2.Allocation) -> views.AllocationView:
    return views.AllocationView(
        number=message.number,
        pool=message.pool,
        state=message.state,
        job=message.job,
        host=message.host,
        agent=AgentName(message.agent) if message.agent else None,
        reason=message.reason,
        requested_at=moment(message.requested_ms),
        began_at=moment(message.began_ms),
        ended_at=moment(message.ended_ms),
        lasting=message.lasting,
        cancelling=message.cancelling,
    )
