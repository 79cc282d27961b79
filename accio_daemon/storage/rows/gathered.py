"""What nodes of a sweep itself gather: the values of its children, read by pages, and rows of what became of them."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from accio.content.digest import Digest, from_raw, raw_of
from accio.domain.children import OWN
from accio.domain.datatypes import parse_type
from accio.domain.named_content import content_of
from accio.domain.states import RunState
from accio_daemon.core.terms import Gather, Gathered, RunNo
from accio_daemon.storage.codes import RUN_STATE_OF
from accio_daemon.storage.sql import load

SQL = load("gathered")


class Value(NamedTuple):
    """What one child gave: canonical text, or the digest of the blob that holds it."""

    child: int
    text: str
    blob: str


def read_values(connection: sqlite3.Connection, run: RunNo, gather: Gather, after: int, limit: int) -> list[Value]:
    """Read what children behind the index *after* gave, in order, at most *limit* of them."""
    values = {"run": run, "after": max(after, OWN), "node": gather.node, "limit": limit}
    return [_value(gather.port, *row) for row in connection.execute(SQL["values"], values)]


def _value(port: str, index: int, outputs: str, blobs: str | None) -> Value:
    if blobs is not None and (kept := orjson.loads(blobs).get(port)) is not None:
        return Value(index, "", kept[0])
    return Value(index, orjson.loads(outputs)[port], "")


def read_gathered(connection: sqlite3.Connection, run: RunNo) -> Mapping[Gather, Gathered]:
    """Read what nodes of a run gathered."""
    return dict(_gathered(row) for row in connection.execute(SQL["of_run"], (run,)))


def _gathered(row: Sequence[Any]) -> tuple[Gather, Gathered]:
    node, port, datatype, text, digest, size, count = row
    blob = (from_raw(digest), size) if text is None else None
    return Gather(node, port, parse_type(datatype)), Gathered(text=text, blob=blob, count=count)


def own_state(connection: sqlite3.Connection, run: RunNo) -> RunState:
    """Read how far the nodes of a run itself are."""
    row = connection.execute(SQL["own_state"], (run,)).fetchone()
    return RunState.SCHEDULED if row is None else RUN_STATE_OF[row[0]]


def rows_of(gathered: Sequence[tuple[RunNo, Gather, Gathered]]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows to write."""
    for run, gather, value in gathered:
        held, size = value.blob or (None, 0)
        if value.text is not None and value.text.startswith('"'):  # a folder stands for itself
            held = content_of(orjson.loads(value.text))
        digest = None if held is None else raw_of(Digest(held))
        yield run, gather.node, gather.port, str(gather.type), value.text, digest, size, value.count
