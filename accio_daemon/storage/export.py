"""Results of runs in chunks: some children at a time, each chunk from its own snapshot, so that no export holds the
database or memory.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from accio_daemon.storage.runs_query import SQL as RUNS
from accio_daemon.storage.runs_query import Found, instance_row
from accio_daemon.storage.sql import load

SQL = load("export")


@dataclass(slots=True, kw_only=True)
class Column:
    """What one node gave: rows of the chunk, and for each the stored texts of outputs, blobs and metrics."""

    rows: list[int] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    blobs: list[tuple[int, str]] = field(default_factory=list)  # row, stored text
    metrics: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some children that have begun (a single run as index 0), and the results of the wanted nodes by place in the
    graph.
    """

    indices: list[int]
    columns: dict[int, Column]
    low: int | None  # where the next chunk begins


def read_chunk(connection: sqlite3.Connection, found: Found, nodes: Sequence[int], low: int, limit: int) -> Chunk:
    """Read up to *limit* children from index *low* on; of a child, that child alone."""
    run = found.run
    if found.index is not None or not run.parent:
        indices, following = [found.place], None
    else:
        values = {"run": run.no, "low": low, "limit": limit + 1}
        rows = [instance_row(row) for row in connection.execute(RUNS["instances_from"], values)]
        following = rows[limit].index if len(rows) > limit else None
        indices = [row.index for row in rows[:limit]]
    columns = {no: Column() for no in nodes}
    if indices and nodes:
        place = {index: row for row, index in enumerate(indices)}
        wanted = {"run": run.no, "low": indices[0], "high": indices[-1], "nodes": orjson.dumps(list(nodes)).decode()}
        for index, no, outputs, blobs, metrics in connection.execute(SQL["outcomes"], wanted):
            row = place.get(index)
            if row is None:
                continue
            column = columns[no]
            column.rows.append(row)
            column.outputs.append(outputs)
            column.metrics.append(metrics)
            if blobs is not None:
                column.blobs.append((row, blobs))
    return Chunk(indices=indices, columns=columns, low=following)
