"""The document of `accio get workload`."""

from accio_client import views
from accio_client.documents.basics import Document, instant, person, resources
from accio_client.documents.runs import forecast


def workload(found: views.WorkloadView) -> Document:
    return {
        "agents": found.agents,
        "resources": resources(found.resources),
        "reserved": resources(found.reserved),
        "active_runs": found.active_runs,
        "forecast": forecast(found.forecast),
        "recent": None if found.recent is None else _recent(found.recent),
        "memo_hits": found.memo_hits,
        "waits_longest": None if found.waits_longest is None else found.waits_longest.run,
        "runs": [_run(each) for each in found.runs],
        "demands": [_demand(each) for each in found.demands],
        "owners": [
            {
                "owner": person(each.owner),
                "runs": each.runs,
                "queued": each.queued,
                "running": each.running,
                "reserved": resources(each.reserved),
            }
            for each in found.owners
        ],
    }


def _run(found: views.RunLoadView) -> Document:
    return {
        "run": found.run,
        "workflow": found.workflow_id,
        "owner": person(found.owner),
        "name": found.name,
        "children": found.children,
        "children_left": found.children_left,
        "queued": found.queued,
        "running": found.running,
        "executions": found.executions,
        "reserved": resources(found.reserved),
        "forecast": forecast(found.forecast),
        "nice": found.nice,
        "created_at": instant(found.created_at),
    }


def _recent(found: views.RecentView) -> Document:
    return {
        "succeeded": found.succeeded,
        "failed": found.failed,
        "since": instant(found.since),
        "more": found.more,
        "concurrency": list(found.concurrency),
        "sampled": found.sampled,
    }


def _demand(found: views.DemandLoadView) -> Document:
    took = found.took
    return {
        "operator": found.operator,
        "resources": resources(found.resources),
        "queued": found.queued,
        "running": found.running,
        "executions": found.executions,
        "slots": found.slots,
        "took": None
        if took is None
        else {
            "low_s": took.low_s,
            "high_s": took.high_s,
            "measured": took.measured,
            "earlier_version": took.earlier_version,
        },
        "waits": found.waits or None,
        "never": found.never or None,
    }


def timeline(found: views.TimelineView) -> Document:
    return {
        "bars": [
            {
                "agent": bar.agent,
                "state": bar.state,
                "started_at": instant(bar.started_at),
                "ended_at": instant(bar.ended_at),
                "run": bar.run,
                "node": bar.node,
                "operator": bar.operator,
            }
            for bar in found.bars
        ],
        "earlier": found.earlier,
    }
