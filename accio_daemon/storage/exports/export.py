"""Results of runs in chunks: some children at a time, each chunk from its own snapshot, so that no export holds the
database or memory.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import orjson

from accio.domain.children import total
from accio.domain.states import NodeState, RunState
from accio.late import dataclass
from accio_daemon.storage.codes import NODE_STATES, RUN_STATES
from accio_daemon.storage.courtesy import letting_pass
from accio_daemon.storage.exports.child_states import begun, has_any
from accio_daemon.storage.runs.runs_query import Found
from accio_daemon.storage.sql import load

SQL = load("export")

LONGEST = 100_000_000
"""Bytes of the longest text that a chunk may make: more than what one node can give, which travels in one message."""

_UNSUCCESSFUL = bytes(RUN_STATES[each] for each in (RunState.FAILED, RunState.KILLED))
_STOPPED = {each.value: NODE_STATES[each] for each in (NodeState.FAILED, NodeState.LOST, NodeState.KILLED)}


_PASSED = 8
"""Up to how many nodes of a child it is faster to pass all of them than to look those up that are wanted: measured."""


class TooMuch(Exception):  # no error: the reader asks for fewer children
    """The children hold more than one chunk may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a chunk is to hold of each node."""

    outputs: bool
    metrics: bool
    measured: bool  # the operators' own metrics
    outcomes: bool
    causes: bool = True  # with outcomes, what went wrong first


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What one node gave: rows of the chunk, and for each of them (if asked for) its outputs and metrics."""

    rows: Sequence[int] = ()
    outputs: Sequence[Mapping[str, str]] = ()  # port -> canonical text
    metrics: Sequence[Sequence[Any] | None] = ()  # None where only operators' own were asked for, and there are none
    blobs: Sequence[tuple[int, Mapping[str, Sequence[Any]]]] = ()  # row, port -> digest and size

    def values(self, port: str) -> Sequence[str]:
        """Return the canonical texts of an output, in the order of the rows; null where there is none."""
        try:
            return list(map(itemgetter(port), self.outputs))
        except KeyError:  # an output that isn't always there, or sometimes is a blob
            return [outputs.get(port, "null") for outputs in self.outputs]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some children that have begun (a single run as index 0), and the results of the wanted nodes by place in the
    graph.
    """

    indices: Sequence[int]
    columns: dict[int, Column]
    states: bytes  # of each the number, as in `codes.RUN_STATES`
    causes: Mapping[int, str]  # by row, what went wrong first
    low: int | None  # where the next chunk begins
    size: int  # characters of all that was read of nodes


def read_chunk(
    connection: sqlite3.Connection,
    found: Found,
    nodes: Sequence[int],
    asked: Asked,
    low: int,
    limit: int,
    high: int | None = None,
) -> Chunk:
    """Read up to *limit* children from index *low* on (to *high*); of a child, that child alone. TooMuch asks for a
    lower limit.
    """
    before = connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
    try:
        return _read_chunk(connection, found, nodes, asked, low, limit, high)
    except sqlite3.DataError as error:
        raise TooMuch from error
    finally:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, before)


def _read_chunk(
    connection: sqlite3.Connection,
    found: Found,
    nodes: Sequence[int],
    asked: Asked,
    low: int,
    limit: int,
    high: int | None,
) -> Chunk:
    run = found.run
    indices: Sequence[int] = (found.place,)
    states = bytes((RUN_STATES[found.state],))
    following = None
    if found.index is None and run.parent:
        indices, states, following = begun(connection, run.no, low, run.children - 1 if high is None else high, limit)
    columns = {no: Column() for no in nodes}
    size = 0
    causes: Mapping[int, str] = {}
    if indices:
        place = _Places(indices)
        wanted = {"run": run.no, "low": indices[0], "high": indices[-1]}
        outcomes = SQL["outcomes_passing" if run.nodes <= _PASSED else "outcomes_looking"]
        for no in letting_pass(nodes):
            kinds = {"outputs": asked.outputs, "metrics": asked.metrics, "measured": asked.measured}
            count, *texts = connection.execute(outcomes, {**wanted, "node": no, **kinds}).fetchone()
            size += sum(len(text) for text in texts if text)
            rows: Sequence[int] = range(count)
            if count < len(indices):
                (text,) = connection.execute(SQL["succeeded"], {**wanted, "node": no}).fetchone()
                rows = place.rows(orjson.loads(text) if text else ())
            columns[no] = _column(rows, texts, place)
        if asked.outcomes and asked.causes and has_any(states, _UNSUCCESSFUL):
            causes = _causes(connection, wanted, place)
    return Chunk(indices=indices, columns=columns, states=states, causes=causes, low=following, size=size)


class _Places:
    """Which row of a chunk a child is in."""

    def __init__(self, indices: Sequence[int]) -> None:
        self._first = indices[0]
        self._places = None if isinstance(indices, range) else {index: row for row, index in enumerate(indices)}

    def row(self, index: int) -> int:
        return index - self._first if self._places is None else self._places[index]

    def rows(self, indices: Iterable[int]) -> Sequence[int]:
        return [self.row(index) for index in indices]


def _causes(connection: sqlite3.Connection, wanted: Mapping[str, int], place: _Places) -> Mapping[int, str]:
    """Return, by row, what went wrong first in the children between two indices."""
    return {place.row(index): cause for index, cause in connection.execute(SQL["causes"], {**wanted, **_STOPPED})}


def _column(rows: Sequence[int], texts: Sequence[str | None], place: _Places) -> Column:
    outputs, metrics, blobs = (orjson.loads(f"[{text}]") if text else [] for text in texts)
    return Column(
        rows=rows, outputs=outputs, metrics=metrics, blobs=[(place.row(index), ports) for index, ports in blobs]
    )


_MESSAGE = 300
"""Characters of a failure's message that its fingerprint and a list of failures need."""


def read_failures(
    connection: sqlite3.Connection, found: Found, low: int, high: int
) -> Sequence[tuple[int, int, str, str | None, str]]:
    """Read the nodes that failed or were lost of the children between two indices: child, node, cause, exception and
    the beginning of the message.
    """
    values = {"run": found.run.no, "low": low, "high": high, "most": _MESSAGE}
    states = {"failed": _STOPPED["failed"], "lost": _STOPPED["lost"]}
    (text,) = connection.execute(SQL["failures"], {**values, **states}).fetchone()
    failures: Sequence[tuple[int, int, str, str | None, str]] = orjson.loads(text) if text else []
    return failures


def generation(connection: sqlite3.Connection, found: Found) -> int:
    """Return a number that grows whenever ended children of a run change: by a retry, or because they are deleted.

    Deleting a child also deletes the events of its retries, and so weighs more than all of them.
    """
    (retries,) = connection.execute(SQL["retries"], {"run": found.run.no}).fetchone()
    return int(retries) + (total(found.run.removed) << 32)
