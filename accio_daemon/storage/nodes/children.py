"""The children of one parent as users list them: pages of `accio/domain/children.py` over the rows of the database."""

import sqlite3
from collections.abc import Callable, Sequence

import orjson

from accio.domain.children import Children, Members
from accio.domain.slices import Numbered
from accio.domain.states import RunState
from accio.domain.sweeps import Sweep
from accio.late import dataclass
from accio_daemon.core.terms import RunNo
from accio_daemon.storage.nodes.begun import begun_in_state
from accio_daemon.storage.nodes.child_rows import ChildQuery
from accio_daemon.storage.runs.runs_query import SQL, Found, InstanceRow, RunRow, instance_row
from accio_daemon.storage.runs.search import EXAMINED, ParamFilter


def slice_of(sweep: Sweep, params: tuple[ParamFilter, ...]) -> Numbered | None:
    """Return the children with these parameter values; None if there can't be any."""
    fixed: dict[int, int] = {}
    for wanted in params:
        axis = sweep.axis(wanted.name)
        index = None if axis is None else next((i for t in wanted.texts if (i := axis.index_of(t)) is not None), None)
        if axis is None or index is None:
            return None
        fixed[sweep.axes.index(axis)] = index
    return sweep.with_indices(fixed)


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
    query: ChildQuery | None = None,
    low: int = 0,
    limit: int,
) -> ChildPage:
    """Read a page of children from index *low* on."""
    wanted = slice_of(run.sweep, params)
    demanded = None if query is None else query.states(states)
    if wanted is None or demanded == frozenset():
        return ChildPage(children=[], low=None, total=None)
    states = states if demanded is None else demanded
    members = Members(
        rows=_Rows(connection, run.no),
        wanted=wanted if query is None else query.children,
        size=run.children,
        implied=run.implied,
        cursor=run.cursor,
        removed=run.removed,
    )
    keep = None if query is None else _keeper(run, query, wanted if params else None)
    page = members.page(states, low, limit, EXAMINED, keep)
    return ChildPage(
        children=[Found(run=run, index=index, instance=row) for index, row in page.children],
        low=page.low,
        total=run.present if not states and not params and query is None else None,
    )


def _keeper(
    run: RunRow, query: ChildQuery, within: Numbered | None
) -> Callable[[Children[InstanceRow]], Children[InstanceRow]]:
    """Return the function that looks up for some children what the query asks, besides being in a slice."""

    def keep(children: Children[InstanceRow]) -> Children[InstanceRow]:
        there = [
            Found(run=run, index=no, instance=row) for no, row in children if within is None or within.contains(no)
        ]
        return [(found.place, found.instance) for found in query.matching(there)]

    return keep


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of one run's children, as the domain asks for them."""

    connection: sqlite3.Connection
    run: RunNo

    def in_state(self, state: RunState, low: int, limit: int) -> list[InstanceRow]:
        return begun_in_state(self.connection, self.run, state, low=low, limit=limit)

    def among(self, indices: Sequence[int]) -> dict[int, InstanceRow]:
        if indices[-1] - indices[0] < 4 * len(indices):
            values = {"run": self.run, "low": indices[0], "high": indices[-1]}
            found = self.connection.execute(SQL["instances_between"], values)
        else:
            among = {"run": self.run, "indices": orjson.dumps(indices).decode()}
            found = self.connection.execute(SQL["instances_among"], among)
        rows: Callable[[tuple[object, ...]], InstanceRow] = instance_row
        return {row.index: row for row in map(rows, found)}
