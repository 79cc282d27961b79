"""The result of one node, with the sizes of its content."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from accio.content.digest import Digest, from_raw
from accio.domain.operators import OperatorSpec
from accio.late import dataclass
from accio_daemon.core.terms import Result
from accio_daemon.storage.results import result_of
from accio_daemon.storage.runs.runs_query import SQL, Found
from accio_daemon.storage.runs.workflows import operators_by_no


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeResult:
    """What a node gave; its key is None if it has none."""

    key: Digest | None
    result: Result
    metrics: tuple[Any, ...]  # as ResultRow.metrics
    operator: OperatorSpec  # the version that gave it: the run may have moved on to another since
    sizes: Mapping[str, int]  # of the datasets and blobs among its outputs, in bytes


def read_result(connection: sqlite3.Connection, found: Found, node: int) -> NodeResult | None:
    """Read a node's result; None if it has none."""
    place = {"run": found.run.no, "idx": found.place, "node": node}
    row = connection.execute(SQL["result_of"], place).fetchone()
    if row is None:
        return None
    key, id, outputs, blobs, metrics, operator_no = row
    return NodeResult(
        key=None if key is None else from_raw(key),
        result=result_of(id, outputs, blobs),
        metrics=tuple(json.loads(metrics)),
        operator=operators_by_no(connection, (operator_no,))[operator_no].spec,
        sizes={from_raw(digest): size for digest, size in connection.execute(SQL["contents_of"], place)},
    )
