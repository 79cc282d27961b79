"""The daemon with its agents, its memo and who may call it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accio_client.documents.basics import Document, instant, person, resources

if TYPE_CHECKING:
    from accio_client import views


def agent(found: views.AgentView) -> Document:
    return {
        "name": found.name,
        "state": found.state,
        "resources": resources(found.resources),
        "reserved": resources(found.reserved),
        "running": found.running,
        "prefetched": found.prefetched,
        "last_seen": instant(found.last_seen),
        "lease_left_ms": found.lease_left_ms,
        "operators": found.operators,
        "owners": list(found.owners),
        "left_out": list(found.left_out),
        "reason": found.reason or None,
        "window": None if found.window is None else window(found.window),
        "version": found.version,
    }


def window(found: views.WindowView) -> Document:
    return {
        "name": found.name,
        "from": instant(found.begins_at),
        "to": instant(found.ends_at),
        "agents": list(found.agents),
    }


def cluster(found: views.ClusterView) -> Document:
    return {
        "version": found.version,
        "epoch": found.epoch,
        "started_at": instant(found.started_at),
        "agents": found.agents,
        "resources": resources(found.resources),
        "reserved": resources(found.reserved),
        "queued_nodes": found.queued_nodes,
        "running_nodes": found.running_nodes,
        "active_runs": found.active_runs,
        "refusing": found.refusing or None,
    }


def garbage(found: views.GarbageView) -> Document:
    freed = [{"digest": each.digest, "bytes": each.bytes, "reason": each.reason} for each in found.freed]
    return {"freed": freed, "bytes": found.bytes, "dry_run": found.dry_run}


def cache(found: views.CacheView) -> Document:
    return {
        "operators": [
            {
                "operator": each.operator,
                "results": each.results,
                "bytes": each.bytes,
                "hits": each.hits,
                "misses": each.misses,
                "hit_rate": hit_rate(each),
                "saved_s": each.saved_s,
            }
            for each in found.operators
        ],
        "entries": [
            {
                "key": each.key,
                "operator": each.operator,
                "from": each.source,
                "computed_at": instant(each.computed_at),
                "bytes": each.bytes,
            }
            for each in found.entries
        ],
    }


def hit_rate(found: views.CacheStatisticsView) -> float | None:
    """Return the share of nodes that took a result; None before the first node."""
    asked = found.hits + found.misses
    return found.hits / asked if asked else None


def token(found: views.TokenView) -> Document:
    return {
        "id": found.id,
        "kind": found.kind,
        "owner": person(found.owner),
        "name": found.name,
        "groups": list(found.groups),
        "created_at": instant(found.created_at),
        "expires_at": instant(found.expires_at),
        "last_used_at": instant(found.last_used_at),
        "revoked_at": instant(found.revoked_at),
        "made_with": found.made_with,
        "allocation": found.allocation,
        "pools": list(found.pools),
    }


def change(found: views.ChangeView) -> Document:
    return {
        "at": instant(found.at),
        "by": found.by,
        "token": found.token,
        "what": found.what,
        "subject": found.subject,
    }
