"""The documents of `accio get owners`, `accio get usage` and `accio cap`."""

from accio.domain.caps import Cap
from accio.domain.jsontypes import JsonObject
from accio.domain.resources import cpus_json
from accio_client import views
from accio_client.documents.basics import Document, instant, person


def owners(found: views.OwnersView) -> Document:
    return {
        "owners": [
            {
                "owner": person(each.owner),
                "runs": each.runs,
                "queued": each.queued,
                "nodes": each.nodes,
                "cpus": cpus_json(each.milli_cpus),
                "cap": _cap(each.cap),
                "own_cap": each.own_cap,
                "lately_core_hours": each.lately,
                "other_times": _cap(each.other_times),
            }
            for each in found.owners
        ],
        "everybody": _cap(found.everybody),
        "policy": found.policy,
    }


def cap_change(found: views.CapView) -> Document:
    return {"owner": found.owner, "cap": _cap(found.cap)}


def _cap(cap: Cap | None) -> JsonObject | None:
    return None if cap is None else cap.to_json()


def usage(found: views.UsageReport) -> Document:
    return {
        "usage": [
            {
                "owner": each.owner or None,
                "pool": each.pool or None,
                "period": each.period or None,
                "nodes": each.nodes,
                "core_hours": each.core_hours,
                "gpu_hours": each.gpu_hours,
            }
            for each in found.usage
        ],
        "since": instant(found.since),
        "until": instant(found.until),
    }
