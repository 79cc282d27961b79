"""Owners, caps and usage as views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accio.wire.caps import cap_of
from accio_client import views
from accio_client.moments import moment

if TYPE_CHECKING:
    from accio.v1 import workload_pb2


def owners(message: workload_pb2.ListOwnersResponse) -> views.OwnersView:
    return views.OwnersView(
        owners=tuple(map(_owner, message.owners)),
        everybody=cap_of(message.everybody) if message.HasField("everybody") else None,
        policy=message.policy,
    )


def _owner(message: workload_pb2.Owner) -> views.OwnerView:
    return views.OwnerView(
        owner=views.PersonView(name=message.owner.name, email=message.owner.email),
        runs=message.runs,
        queued=message.queued,
        nodes=message.nodes,
        milli_cpus=message.milli_cpus,
        cap=cap_of(message.cap) if message.HasField("cap") else None,
        own_cap=message.own_cap,
        lately=message.lately,
        other_times=cap_of(message.other_times) if message.HasField("other_times") else None,
    )


def changed(message: workload_pb2.ChangeCapResponse) -> views.CapView:
    return views.CapView(owner=message.owner, cap=cap_of(message.cap) if message.HasField("cap") else None)


def usage(message: workload_pb2.GetUsageResponse) -> views.UsageReport:
    return views.UsageReport(
        usage=tuple(
            views.UsageView(
                owner=each.owner,
                pool=each.pool,
                period=each.period,
                nodes=each.nodes,
                core_hours=each.core_hours,
                gpu_hours=each.gpu_hours,
            )
            for each in message.usage
        ),
        since=moment(message.since_ms),
        until=moment(message.until_ms),
    )
