"""Lists of runs in another order than newest first.

Where few enough runs pass, all are sorted. Where many do, a page is read along an index of the column, if it has one.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import orjson

from accio.domain.names import suggest
from accio.domain.states import RunState
from accio.errors import BadRequest
from accio.late import dataclass
from accio_daemon.storage.codes import RUN_STATES
from accio_daemon.storage.nodes.child_rows import ChildQuery
from accio_daemon.storage.nodes.children import ChildPage, list_children
from accio_daemon.storage.runs.runs_query import Found, RunRow
from accio_daemon.storage.runs.search import EXAMINED, SQL, Filters, ParamFilter, Search, read_runs

COLUMNS = (
    "created", "started", "ended", "took", "state", "progress", "workflow", "name", "tags", "owner", "children",
)  # fmt: skip
OF_CHILDREN = ("index", "state", "started", "ended", "took", "label")
ALONG_AN_INDEX = ("created", "started", "ended", "name")

_FAR = 2**62
_HIGHEST_TEXT = "\U0010ffff" * 4

Key = tuple[Any, int]
"""The value that a run is sorted by, and its number, which decides between equal ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The column of a list that decides, and in which direction."""

    column: str
    descending: bool

    @classmethod
    def read(cls, text: str, columns: Sequence[str] = COLUMNS) -> "Order":
        """Read `NAME`, or `-NAME` for downwards; BadRequest for any other."""
        name = text.removeprefix("-")
        if name not in columns:
            meant = suggest(name, columns)
            hint = f"; did you mean {meant}?" if meant else ""
            raise BadRequest(f"expected a column to sort by ({', '.join(columns)}), found {name[:100]!r}{hint}")
        return cls(column=name, descending=text.startswith("-"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedPage:
    """Some runs, and where the next page begins (None after the last)."""

    runs: list[RunRow]
    after: Key | None


def list_sorted(
    connection: sqlite3.Connection, filters: Filters, order: Order, after: Key | None, limit: int
) -> SortedPage:
    """Read a page of singles and parents in an order; BadRequest if that would take too long."""
    search = Search(connection, filters)
    if not search.possible:
        return SortedPage(runs=[], after=None)
    passing = _all_passing(search)
    if passing is not None:
        keys = _sorted(connection, passing, order)
        behind = keys if after is None else [key for key in keys if _is_behind(key, after, order)]
        return _page(connection, behind, limit)
    if order.column not in ALONG_AN_INDEX:
        raise BadRequest(
            f"more than {search.most:,} runs would have to be looked at to sort them by '{order.column}': "
            f"say more about which ones, or sort by {', '.join(ALONG_AN_INDEX)}"
        )
    search = Search(connection, filters, driven=False)
    found: list[Key] = []
    candidates = islice(_along(connection, order, after), search.most)
    examined: list[Key] = []
    while len(found) <= limit and (batch := list(islice(candidates, search.batch))):
        passes = set(search.listed([number for _, number in batch]))
        found += [key for key in batch if key[1] in passes]
        examined += batch
    if len(found) <= limit and len(examined) >= search.most:  # the next page goes on where this one has looked
        return SortedPage(runs=_rows(connection, found), after=examined[-1])
    return _page(connection, found, limit)


def list_sorted_children(
    connection: sqlite3.Connection,
    run: RunRow,
    order: Order,
    *,
    states: frozenset[RunState],
    params: tuple[ParamFilter, ...],
    query: ChildQuery | None,
    passed: int,
    limit: int,
) -> ChildPage:
    """Read a page of children in an order, behind as many as have been *passed*; BadRequest if there are too many."""
    page = list_children(connection, run, states=states, params=params, query=query, limit=EXAMINED)
    if page.low is not None:
        raise BadRequest(
            f"more than {EXAMINED:,} children would have to be looked at to sort them by '{order.column}': "
            "narrow them by a state or a parameter, such as state=failed; "
            f"`accio table {run.id} -points` sorts all of them by a parameter, a result or a metric"
        )
    keys = {each.place: _child_key(each, order.column) for each in page.children}
    ordered = sorted(page.children, key=lambda each: (keys[each.place], each.place), reverse=order.descending)
    behind = passed + limit
    return ChildPage(children=ordered[passed:behind], low=behind if behind < len(ordered) else None, total=page.total)


def _child_key(found: Found, column: str) -> Any:
    row = found.instance
    started, ended = (None, None) if row is None else (row.started_ms, row.ended_ms)
    match column:
        case "state":
            return RUN_STATES[found.state]
        case "started":
            return started or 0
        case "ended":
            return ended or 0
        case "took":
            return ended - started if started and ended else 0
        case "label":
            return found.run.sweep.label(found.place)
        case _:
            return found.place


def _page(connection: sqlite3.Connection, keys: Sequence[Key], limit: int) -> SortedPage:
    return SortedPage(runs=_rows(connection, keys[:limit]), after=keys[limit - 1] if len(keys) > limit else None)


def _rows(connection: sqlite3.Connection, keys: Sequence[Key]) -> list[RunRow]:
    rows: dict[int, RunRow] = {row.no: row for row in read_runs(connection, [number for _, number in keys])}
    return [rows[number] for _, number in keys if number in rows]


def _all_passing(search: Search) -> list[int] | None:
    """Return every run that passes; None if that takes looking at too many."""
    passing: list[int] = []
    examined = 0
    candidates = search.candidates(_FAR)
    while batch := list(islice(candidates, search.batch)):
        examined += len(batch)
        if examined > search.most:
            return None
        passing += search.listed(batch)
    return passing


def _sorted(connection: sqlite3.Connection, numbers: Sequence[int], order: Order) -> list[Key]:
    values = {"nos": orjson.dumps(numbers).decode(), "column": order.column}
    keys = [(key, number) for number, key in connection.execute(SQL["keys"], values)]
    return sorted(keys, reverse=order.descending)


def _is_behind(key: Key, after: Key, order: Order) -> bool:
    return key < after if order.descending else key > after


def _along(connection: sqlite3.Connection, order: Order, after: Key | None) -> Iterator[Key]:
    text = order.column == "name"
    first: Key = (_HIGHEST_TEXT if text else _FAR, _FAR) if order.descending else ("" if text else -1, -1)
    key, number = first if after is None else after
    statement = SQL[f"along_{order.column}_{'down' if order.descending else 'up'}"]
    size = 400
    while rows := connection.execute(statement, {"key": key, "no": number, "size": size}).fetchall():
        for number, key in rows:
            yield key, number
