"""The states of many children, as one byte each.

Below a sweep's cursor every child has a row unless it was deleted. So where most are in one state only the others are
read, from the index by state: what millions of children that have ended cost is what is written of them.
"""

import sqlite3
from collections.abc import Sequence

import orjson

from accio.domain.children import last_of
from accio.domain.slices import Intervals
from accio.domain.states import RunState
from accio_daemon.core.terms import RunNo
from accio_daemon.storage.codes import RUN_STATES
from accio_daemon.storage.sql import load

SQL = load("child_states")

MOST_READ = 16_384
"""Rows of children that are read at once where they can't be told from the others."""
_LEAST = 1_024
"""Children that follow each other from which on it is worth to read the few."""
_COUNTED = (RunState.RUNNING, RunState.SUCCESS, RunState.FAILED, RunState.KILLED)


def begun(
    connection: sqlite3.Connection, run: RunNo, low: int, high: int, limit: int
) -> tuple[Sequence[int], bytes, int | None]:
    """Return the next children that have begun, at most *limit*, with the number of each one's state, and where the
    next ones begin: None after the last. The children are a range where none is missing between them.
    """
    cursor, removed, *counts = connection.execute(SQL["told"], {"run": run}).fetchone() or (0, "[]", 0, 0, 0, 0)
    intervals = [(first, last) for first, last in orjson.loads(removed)]
    top = _last_with_row(intervals, low, min(high, low + limit - 1, cursor - 1))
    if top - low + 1 >= min(limit, _LEAST):
        most = _COUNTED[counts.index(max(counts))]
        return range(low, top + 1), _of_few(connection, run, low, top, most), top + 1 if top < high else None
    return _of_rows(connection, {"run": run, "low": low, "high": high, "limit": min(limit, MOST_READ)})


def has_any(states: bytes, wanted: bytes) -> bool:
    """Return whether one of some states is among others."""
    return any(each in states for each in wanted)


def _last_with_row(removed: Intervals, low: int, top: int) -> int:
    """Return up to where no child is missing from *low* on, at most *top*; less than *low* if it itself is missing."""
    if last_of(removed, low) is not None:
        return low - 1
    return min([top, *(first - 1 for first, _ in removed if low < first <= top)])


def _of_few(connection: sqlite3.Connection, run: RunNo, low: int, high: int, most: RunState) -> bytes:
    """Return the states of children of which none is missing: *most* of all that are in no other one."""
    states = bytearray((RUN_STATES[most],)) * (high - low + 1)
    for other, number in RUN_STATES.items():
        if other is not most:
            values = {"run": run, "state": number, "low": low, "high": high}
            (text,) = connection.execute(SQL["in_state"], values).fetchone()
            for index in orjson.loads(text) if text else ():
                states[index - low] = number
    return bytes(states)


def _of_rows(connection: sqlite3.Connection, wanted: dict[str, int]) -> tuple[Sequence[int], bytes, int | None]:
    count, first, last, least, most = connection.execute(SQL["begun"], wanted).fetchone()
    if not count:
        return range(0), b"", None
    following = last + 1 if count == wanted["limit"] and last < wanted["high"] else None
    between = {"run": wanted["run"], "low": first, "high": last}
    indices: Sequence[int] = range(first, last + 1)
    if len(indices) > count:
        indices = orjson.loads(connection.execute(SQL["indices"], between).fetchone()[0])
    if least == most:
        return indices, bytes((least,)) * count, following
    (text,) = connection.execute(SQL["states"], between).fetchone()
    return indices, bytes(orjson.loads(text)), following
