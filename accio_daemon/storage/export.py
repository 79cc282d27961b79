"""Results of runs in chunks: some children at a time, each chunk from its own snapshot, so that no export holds the
database or memory.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from accio.domain.states import NodeState, RunState
from accio_daemon.storage.codes import NODE_STATES, RUN_STATE_OF
from accio_daemon.storage.runs_query import Found
from accio_daemon.storage.sql import load

SQL = load("export")

LONGEST = 100_000_000
"""Bytes of the longest text that a chunk may make: more than what one node can give, which travels in one message."""

_UNSUCCESSFUL = frozenset({RunState.FAILED, RunState.KILLED})
_STOPPED = {each.value: NODE_STATES[each] for each in (NodeState.FAILED, NodeState.LOST, NodeState.KILLED)}


class TooMuch(Exception):  # no error: the reader asks for fewer children
    """The children hold more than one chunk may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a chunk is to hold of each node."""

    outputs: bool
    metrics: bool
    measured: bool  # the operators' own metrics
    outcomes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What one node gave: rows of the chunk, and for each of them (if asked for) its outputs and metrics."""

    rows: Sequence[int] = ()
    outputs: Sequence[Mapping[str, str]] = ()  # port -> canonical text
    metrics: Sequence[Sequence[Any] | None] = ()  # None where only operators' own were asked for, and there are none
    blobs: Sequence[tuple[int, Mapping[str, Sequence[Any]]]] = ()  # row, port -> digest and size


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some children that have begun (a single run as index 0), and the results of the wanted nodes by place in the
    graph.
    """

    indices: list[int]
    columns: dict[int, Column]
    states: Sequence[RunState]  # of each child, if outcomes were asked for
    causes: Mapping[int, str]  # by row, what went wrong first
    low: int | None  # where the next chunk begins


def read_chunk(
    connection: sqlite3.Connection, found: Found, nodes: Sequence[int], asked: Asked, low: int, limit: int
) -> Chunk:
    """Read up to *limit* children from index *low* on; of a child, that child alone. TooMuch asks for a lower limit."""
    before = connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
    try:
        return _read_chunk(connection, found, nodes, asked, low, limit)
    except sqlite3.DataError as error:
        raise TooMuch from error
    finally:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, before)


def _read_chunk(
    connection: sqlite3.Connection, found: Found, nodes: Sequence[int], asked: Asked, low: int, limit: int
) -> Chunk:
    run = found.run
    if found.index is not None or not run.parent:
        indices, following = [found.place], None
    else:
        values = {"run": run.no, "low": low, "limit": limit + 1}
        (text,) = connection.execute(SQL["begun"], values).fetchone()
        indices = orjson.loads(text) if text else []
        following = indices.pop() if len(indices) > limit else None
    columns = {no: Column() for no in nodes}
    states: Sequence[RunState] = ()
    causes: Mapping[int, str] = {}
    if indices:
        place = {index: row for row, index in enumerate(indices)}
        wanted = {"run": run.no, "low": indices[0], "high": indices[-1]}
        for no in nodes:
            kinds = {"outputs": asked.outputs, "metrics": asked.metrics, "measured": asked.measured}
            values = {**wanted, "node": no, **kinds}
            columns[no] = _column(connection.execute(SQL["outcomes"], values).fetchone(), place)
        if asked.outcomes:
            states = _states(connection, found, wanted)
            causes = _causes(connection, wanted, place) if _UNSUCCESSFUL.intersection(states) else {}
    return Chunk(indices=indices, columns=columns, states=states, causes=causes, low=following)


def _states(connection: sqlite3.Connection, found: Found, wanted: Mapping[str, int]) -> Sequence[RunState]:
    """The states of the children between two indices; of a child that hasn't begun, and of a single run, its own."""
    if found.index is not None or not found.run.parent:
        return [found.state]
    (text,) = connection.execute(SQL["states"], wanted).fetchone()
    return [RUN_STATE_OF[number] for number in orjson.loads(text)]


def _causes(connection: sqlite3.Connection, wanted: Mapping[str, int], place: Mapping[int, int]) -> Mapping[int, str]:
    """By row, what went wrong first in the children between two indices."""
    return {place[index]: cause for index, cause in connection.execute(SQL["causes"], {**wanted, **_STOPPED})}


def _column(texts: tuple[str | None, ...], place: Mapping[int, int]) -> Column:
    indices, outputs, metrics, blobs = (orjson.loads(f"[{text}]") if text else [] for text in texts)
    return Column(
        rows=[place[index] for index in indices],
        outputs=outputs,
        metrics=metrics,
        blobs=[(place[index], ports) for index, ports in blobs],
    )
