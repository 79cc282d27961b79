"""The JSON documents about pools and allocations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accio_client.documents.basics import Document, instant, resources

if TYPE_CHECKING:
    from accio_client import views


def pool(found: views.PoolView) -> Document:
    return {
        "name": found.name,
        "provider": found.provider,
        "state": found.state,
        "host": resources(found.host),
        "offers": None if found.offers is None else resources(found.offers),
        "walltime_s": found.walltime,
        "min": found.least,
        "max": found.most,
        "kept": found.kept,
        "pending": found.pending,
        "worth_s": found.worth,
        "keep_s": found.keep,
        "allocations": dict(found.allocations),
        "decision": list(found.decision),
        "problem": found.problem or None,
        "operators": list(found.operators),
        "owners": list(found.owners),
        "during": found.during or None,
        "maintenance": [
            {"name": each.name, "from": instant(each.begins_at), "to": instant(each.ends_at)}
            for each in found.maintenance
        ],
        "budget": {"day": found.budget_day, "total": found.budget_total},
        "used_core_hours": found.used,
    }


def allocation(found: views.AllocationView) -> Document:
    return {
        "number": found.number,
        "pool": found.pool,
        "state": found.state,
        "job": found.job or None,
        "host": found.host or None,
        "agent": found.agent,
        "reason": found.reason or None,
        "requested_at": instant(found.requested_at),
        "began_at": instant(found.began_at),
        "ended_at": instant(found.ended_at),
        "lasting": found.lasting,
        "cancelling": found.cancelling,
    }
