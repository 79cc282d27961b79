"""The documents of `accio get owners` and `accio cap`."""

from accio.domain.caps import Cap
from accio.domain.jsontypes import JsonObject
from accio.domain.resources import cpus_json
from accio_client import views
from accio_client.documents import Document, person


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
            }
            for each in found.owners
        ],
        "everybody": _cap(found.everybody),
    }


def cap_change(found: views.CapView) -> Document:
    return {"owner": found.owner, "cap": _cap(found.cap)}


def _cap(cap: Cap | None) -> JsonObject | None:
    return None if cap is None else cap.to_json()
