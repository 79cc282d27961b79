"""The children of one parent, by pages in order, with or without a row: no query walks all of them.

Filters by parameters are a slice of the sweep (`accio/domain/slices.py`): the matching children are numbered through,
in order, and the n-th is computed. Filters by state take children with a row from an index, and computed ones from the
part of the sweep that has hardly any rows.
"""

import heapq
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import orjson

from accio.domain.children import last_of
from accio.domain.slices import SweepSlice, all_with
from accio.domain.states import RunState
from accio.domain.sweeps import Sweep
from accio_daemon.storage.codes import RUN_STATES
from accio_daemon.storage.runs_query import SQL, Found, InstanceRow, RunRow, instance_row
from accio_daemon.storage.search import EXAMINED, ParamFilter

_BATCH = 500


def slice_of(sweep: Sweep, params: tuple[ParamFilter, ...]) -> SweepSlice | None:
    """Return the children with these parameter values; None if there can't be any."""
    fixed: dict[int, int] = {}
    for wanted in params:
        axis = sweep.axis(wanted.name)
        index = None if axis is None else next((i for t in wanted.texts if (i := axis.index_of(t)) is not None), None)
        if axis is None or index is None:
            return None
        fixed[sweep.axes.index(axis)] = index
    return all_with(sweep, fixed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildPage:
    """Some children, the lowest index of the next page (None after the last), and how many there are if nothing
    filters.
    """

    children: list[Found]
    low: int | None
    total: int | None


def list_children(
    connection: sqlite3.Connection,
    run: RunRow,
    *,
    states: frozenset[RunState] = frozenset(),
    params: tuple[ParamFilter, ...] = (),
    low: int = 0,
    limit: int,
) -> ChildPage:
    """Read a page of children from index *low* on."""
    wanted = slice_of(run.sweep, params)
    if wanted is None:
        return ChildPage(children=[], low=None, total=None)
    budget = _Budget(EXAMINED)
    found = list(islice(_matching(connection, run, states, wanted, low, budget), limit + 1))
    if budget.stopped_at is not None:  # behind it, one kind of children may be missing
        found = [each for each in found if each.place < budget.stopped_at]
    total = run.present if not states and not params else None
    if len(found) > limit:
        return ChildPage(children=found[:limit], low=found[limit].place, total=total)
    return ChildPage(children=found, low=budget.stopped_at, total=total)


class _Budget:
    """How many children may still be looked at; where to go on once it is used up."""

    def __init__(self, left: int) -> None:
        self._left = left
        self.stopped_at: int | None = None

    def spend(self, count: int, at: int) -> bool:
        """Spend *count*; False if there isn't so much left, and then a later page goes on at *at*."""
        self._left -= count
        if self._left < 0:
            self.stopped_at = at if self.stopped_at is None else min(self.stopped_at, at)
            return False
        return True


def _matching(
    connection: sqlite3.Connection,
    run: RunRow,
    states: frozenset[RunState],
    wanted: SweepSlice,
    low: int,
    budget: _Budget,
) -> Iterator[Found]:
    if not states:
        return _all(connection, run, wanted, low, budget)
    streams = [
        _with_row(connection, run, state, wanted, low, budget) for state in sorted(states) if state is not run.implied
    ]
    if run.implied in states:
        streams.append(_in_implied_state(connection, run, wanted, low, budget))
    return heapq.merge(*streams, key=lambda found: found.place)


def _all(connection: sqlite3.Connection, run: RunRow, wanted: SweepSlice, low: int, budget: _Budget) -> Iterator[Found]:
    """Every child that matches, in order."""
    k = wanted.first(low)
    while k < wanted.size:
        indices = [wanted.number(place) for place in range(k, min(k + _BATCH, wanted.size))]
        if not budget.spend(len(indices), indices[0]):
            return
        rows = _rows(connection, run, indices)
        for index in indices:
            if run.has(index):
                yield Found(run=run, index=index, instance=rows.get(index))
        k += _BATCH
        if run.removed:  # a deleted interval is left behind in one step
            k = _behind_removed(run, wanted, k)


def _behind_removed(run: RunRow, wanted: SweepSlice, k: int) -> int:
    while k < wanted.size:
        index = wanted.number(k)
        last = last_of(run.removed, index)
        if last is None:
            return k
        k = wanted.first(last + 1)
    return k


def _with_row(
    connection: sqlite3.Connection, run: RunRow, state: RunState, wanted: SweepSlice, low: int, budget: _Budget
) -> Iterator[Found]:
    """The children in a state that only a row can give."""
    whole = wanted.size == run.children
    while True:
        values = {"run": run.no, "state": RUN_STATES[state], "low": low, "limit": _BATCH}
        rows = [instance_row(row) for row in connection.execute(SQL["instances_in_state"], values)]
        if not rows or not budget.spend(len(rows), rows[0].index):
            return
        for row in rows:
            if run.has(row.index) and (whole or wanted.contains(row.index)):
                yield Found(run=run, index=row.index, instance=row)
        low = rows[-1].index + 1


def _in_implied_state(
    connection: sqlite3.Connection, run: RunRow, wanted: SweepSlice, low: int, budget: _Budget
) -> Iterator[Found]:
    """The children in the state of those without a row: rows below the cursor, rows or none from there on."""
    if run.implied is not RunState.SCHEDULED and low < run.cursor:
        below = _with_row(connection, run, run.implied, wanted, low, budget)
        for found in below:
            if found.place >= run.cursor:
                break
            yield found
    if budget.stopped_at is None:
        behind = _all(connection, run, wanted, max(low, run.cursor), budget)
        yield from (found for found in behind if found.state is run.implied)


def _rows(connection: sqlite3.Connection, run: RunRow, indices: list[int]) -> dict[int, InstanceRow]:
    if indices[-1] - indices[0] < 4 * len(indices):
        values = {"run": run.no, "low": indices[0], "high": indices[-1]}
        found = connection.execute(SQL["instances_between"], values)
    else:
        found = connection.execute(SQL["instances_among"], {"run": run.no, "indices": orjson.dumps(indices).decode()})
    rows: Callable[[tuple[object, ...]], InstanceRow] = instance_row
    return {row.index: row for row in map(rows, found)}
