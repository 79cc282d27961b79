"""What nodes demand that were retried with more than their workflow says."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from accio.domain.resources import resources_from_json
from accio.domain.retry_demand import NodeDemand
from accio_daemon.core.terms import RunNo
from accio_daemon.storage.sql import load

_SQL = load("restore")


def by_child(rows: Iterable[Sequence[Any]]) -> dict[int, dict[int, NodeDemand]]:
    """Read rows of the statements `demands…`: by child and node."""
    found: dict[int, dict[int, NodeDemand]] = {}
    for index, node, resources, timeout_ms, forced in rows:
        wanted, _ = resources_from_json(orjson.loads(resources))
        found.setdefault(index, {})[node] = NodeDemand(wanted, timeout_ms, bool(forced))
    return found


def read_demand(connection: sqlite3.Connection, run: RunNo, index: int, node: int) -> NodeDemand | None:
    """Read what one node demands; None if that is what its workflow says."""
    found = by_child(connection.execute(_SQL["demand"], (run, index, node)))
    return found[index][node] if found else None
