"""Lists of runs, by filters and pages, newest first.

One filter drives: an index gives candidates in order, in batches; the others are conditions on a batch. A page ends
when it is full, when there are no more candidates, or when so many were looked at that the next page had better go
on: then it is short, but has a cursor. So no combination of filters makes a query long.
"""

import heapq
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import orjson

from accio.domain.access import is_same
from accio.domain.datatypes import INTEGRAL, DataType, parse_type
from accio.domain.filters import Checked
from accio.domain.people import Person
from accio.domain.states import RunState
from accio.late import dataclass
from accio_daemon.storage.codes import RUN_STATES
from accio_daemon.storage.runs import runs_query
from accio_daemon.storage.runs.run_rows import (
    RunRows,
    contained_required,
    created_required,
    equal_required,
    states_required,
    whole_required,
)
from accio_daemon.storage.runs.runs_query import RunRow, run_row
from accio_daemon.storage.sql import load

SQL = load("search")

EXAMINED = 20_000
"""Candidates that one page looks at."""

_BATCH = 400
_FAR = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class ParamFilter:
    """A parameter and the canonical texts, one per type that it has in some workflow, of which it must have one."""

    name: str
    texts: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a run must be; what is None or empty doesn't matter."""

    states: frozenset[RunState] = frozenset()
    tags: tuple[str, ...] = ()
    owner: str = ""
    seen: tuple[Person, ...] | None = None  # whose runs are shown; None for everybody's
    name: str | None = None
    workflow: tuple[str, str] | None = None  # id, version ("" for all)
    text: str = ""
    notes: str = ""
    params: tuple[ParamFilter, ...] = ()
    created_after_ms: int = 0
    created_before_ms: int = 0
    query: Checked | None = None

    @property
    def empty(self) -> bool:
        """Whether every run passes."""
        return self == Filters()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some runs, and the key of the next page (None after the last)."""

    runs: list[RunRow]
    before: int | None
    total: int | None


def list_runs(connection: sqlite3.Connection, filters: Filters, before: int | None, limit: int) -> Page:
    """Read a page of singles and parents."""
    search = Search(connection, filters)
    if not search.possible:
        return Page(runs=[], before=None, total=None)
    found: list[RunRow] = []
    examined = 0
    candidates = search.candidates(_FAR if before is None else before)
    while batch := list(islice(candidates, search.batch if examined else min(limit + 1, search.batch))):
        found.extend(search.kept(batch, limit + 1 - len(found)))
        examined += len(batch)
        if len(found) > limit or examined >= search.most:
            break
    if len(found) > limit:
        return Page(runs=found[:limit], before=found[limit - 1].no, total=search.total())
    # Where enough was looked at, there may be more; the next page goes on there.
    return Page(runs=found, before=batch[-1] if batch else None, total=search.total())


class Search:
    """The filters, with what they mean in this database."""

    def __init__(self, connection: sqlite3.Connection, filters: Filters, *, driven: bool = True) -> None:
        """Find out what the filters mean. Unless *driven*, every filter is asked of each candidate."""
        self._rows = None if filters.query is None else RunRows(connection, filters.query)
        if filters.query is not None:
            filters = _narrowed(filters, filters.query)
            filters = replace(filters, params=(*filters.params, *_whole_numbers(connection, filters.query)))
        self.most = EXAMINED if self._rows is None else min(EXAMINED, self._rows.at_once)
        """How many candidates a page looks at, and how many at once."""
        self.batch = min(_BATCH, self.most)
        self._connection = connection
        self._filters = filters
        self._by_owner = bool(filters.owner) or filters.seen is not None
        self._owners = self._matching_owners(filters.owner) if self._by_owner else []
        self._workflows = self._matching_workflows(filters.workflow) if filters.workflow else []
        self._tags = sorted(filters.tags, key=self._how_many) if len(filters.tags) > 1 else list(filters.tags)
        self._text = text_condition(filters.text, filters.notes)
        self._driver = _driver(filters) if driven else ""
        self._conditions = self._make_conditions()
        self.possible = (
            (not self._by_owner or bool(self._owners))
            and (filters.workflow is None or bool(self._workflows))
            and (not (filters.text or filters.notes) or bool(self._text))
            and all(each.texts for each in filters.params)
            and filters != _IMPOSSIBLE
        )

    def total(self) -> int | None:
        if not self._filters.empty:
            return None
        count: int = self._connection.execute(runs_query.SQL["count"]).fetchone()[0]
        return count

    def candidates(self, before: int) -> Iterator[int]:
        """Return run numbers below *before*, newest first, among which everything wanted is."""
        lowest, highest = (0, _FAR) if self._rows is None else self._rows.bounds()
        before = min(before, self._upper_bound(), highest + 1)
        lower = max(lowest, self._lower_bound())
        streams = [_stream(self._connection, statement, value, before) for statement, value in self._drivers()]
        last = None
        for number in heapq.merge(*streams, reverse=True):
            if number < lower:
                return
            if number != last:
                yield number
            last = number

    def _drivers(self) -> list[tuple[str, Any]]:
        """Return the statements that drive, with their values."""
        filters = self._filters
        match self._driver:
            case "tags":
                return [("drive_tag", self._tags[0])]
            case "text":
                return [("drive_text", self._text)]
            case "name":
                return [("drive_name", filters.name)]
            case "params":
                wanted = filters.params[0]
                listed = [("drive_param", _json([wanted.name, text])) for text in sorted(wanted.texts)]
                return [*listed, ("drive_formula", wanted.name)]
            case "owner":
                return [("drive_owner", _json(owner)) for owner in self._owners]
            case "workflow":
                return [("drive_workflow", no) for no in self._workflows]
            case "states":
                return [("drive_state", RUN_STATES[state]) for state in sorted(filters.states)]
            case _:
                return [("drive_all", None)]

    def kept(self, numbers: Sequence[int], most: int) -> list[RunRow]:
        """Read those of the candidates that pass every filter, newest first, at most *most*."""
        passing = self._passing(numbers)
        if not self._filters.params:
            passing = passing[:most]
        return [row for row in read_runs(self._connection, passing) if _has_params(row, self._filters.params)][:most]

    def listed(self, numbers: Sequence[int]) -> list[int]:
        """Return the numbers of those of the candidates that pass every filter, newest first."""
        if self._filters.params:
            return [row.no for row in self.kept(numbers, len(numbers))]
        return self._passing(numbers)

    def _passing(self, numbers: Sequence[int]) -> list[int]:
        """Return those of the candidates that pass every filter but those by parameter, newest first."""
        statement, values = self._conditions
        values = {**values, "nos": _json(list(numbers))}
        passing = [row[0] for row in self._connection.execute(statement, values)]
        if self._rows is None or not passing:
            return passing
        matching = self._rows.matching(passing)
        return [number for number in passing if number in matching]

    def _make_conditions(self) -> tuple[str, dict[str, Any]]:
        """Return the statement that leaves those candidates which pass the filters that don't drive."""
        filters = self._filters
        values: dict[str, Any] = {}
        conditions = [SQL["candidates"]]
        tags = self._tags[1:] if self._driver == "tags" else self._tags  # of the tags only the first one drives
        for filter_name, wanted, name, value in (
            ("states", filters.states, "states", [RUN_STATES[state] for state in filters.states]),
            ("owner", self._by_owner, "owners", self._owners),
            ("workflow", filters.workflow, "workflows", self._workflows),
            ("tags", tags, "tags", tags),
        ):
            if wanted and (filter_name != self._driver or filter_name == "tags"):
                conditions.append(SQL[f"keep_{name}"])
                values[name] = _json(value)
        if filters.name is not None and self._driver != "name":
            conditions.append(SQL["keep_name"])
            values["name"] = filters.name
        if self._text and self._driver != "text":
            conditions.append(SQL["keep_text"])
            values["text"] = self._text
        if filters.created_after_ms or filters.created_before_ms:
            conditions.append(SQL["keep_created"])
            values |= self._bounds()
        return f"{' AND '.join(conditions)} {SQL['newest_first']}", values

    def _bounds(self) -> Mapping[str, int]:
        return {
            "created_after": self._filters.created_after_ms,
            "created_before": self._filters.created_before_ms or _FAR,
        }

    def _upper_bound(self) -> int:
        """Return the number above which every run was created too late (numbers grow with time, but for a clock that is
        set back).
        """
        if not self._filters.created_before_ms:
            return _FAR
        highest = self._connection.execute(SQL["highest_before"], self._bounds()).fetchone()[0]
        return 0 if highest is None else highest + 1

    def _lower_bound(self) -> int:
        if not self._filters.created_after_ms:
            return 0
        lowest = self._connection.execute(SQL["lowest_after"], self._bounds()).fetchone()[0]
        return _FAR if lowest is None else lowest

    def _how_many(self, tag: str) -> int:
        """Count the runs with a tag as far as it takes to tell rare ones from frequent ones."""
        count: int = self._connection.execute(SQL["some_with_tag"], {"tag": tag}).fetchone()[0]
        return count

    def _matching_owners(self, wanted: str) -> list[list[str]]:
        """Find the owners with *wanted* in their name or address; walks distinct owners, not runs."""
        part, seen, found = wanted.casefold(), self._filters.seen, []
        row = self._connection.execute(SQL["first_owner"]).fetchone()
        while row is not None:
            email, name = row
            if part in f"{name} <{email}>".casefold() and (
                seen is None or any(is_same(each, Person(name=name, email=email)) for each in seen)
            ):
                found.append([email, name])
            after = {"email": email, "name": name}
            row = (
                self._connection.execute(SQL["next_name"], after).fetchone()
                or self._connection.execute(SQL["next_email"], after).fetchone()
            )
        return found

    def _matching_workflows(self, wanted: tuple[str, str]) -> list[int]:
        rows = self._connection.execute(SQL["workflow_nos"], {"id": wanted[0], "version": wanted[1]})
        return [row[0] for row in rows]


_IMPOSSIBLE = Filters(tags=("",))
"""No run has an empty tag."""


def _narrowed(filters: Filters, query: Checked) -> Filters:
    """Return the filters with what a query demands of every run: so an index drives."""
    states = states_required(query, filters.states)
    if states is not None and not states:
        return _IMPOSSIBLE
    names, workflows = equal_required(query, "name"), equal_required(query, "workflow")
    owners = contained_required(query, "owner")
    first, last = created_required(query)
    before = filters.created_before_ms or _FAR
    return replace(
        filters,
        owner=filters.owner or max(owners, key=len, default=""),
        states=filters.states if states is None else states,
        tags=tuple(dict.fromkeys((*filters.tags, *equal_required(query, "tag")))),
        name=names[0] if names and filters.name is None else filters.name,
        workflow=(workflows[0].partition(":")[0], "") if workflows and not filters.workflow else filters.workflow,
        created_after_ms=max(filters.created_after_ms, first),
        created_before_ms=0 if min(before, last + 1) >= _FAR else max(1, min(before, last + 1)),
    )


def _whole_numbers(connection: sqlite3.Connection, query: Checked | None) -> Iterator[ParamFilter]:
    """Yield what a query demands of parameters that are whole numbers in every workflow that has them."""
    wanted = [] if query is None else list(whole_required(query))
    types = param_types(connection) if wanted else {}
    for name, text in wanted:
        if types.get(name) and all(each.kind in INTEGRAL for each in types[name]):
            yield ParamFilter(name=name, texts=frozenset({text}))


def read_runs(connection: sqlite3.Connection, numbers: Sequence[int]) -> list[RunRow]:
    """Read runs by their numbers, newest first."""
    return [run_row(row) for row in connection.execute(runs_query.BY_NOS, {"nos": _json(list(numbers))})]


def _driver(filters: Filters) -> str:
    """Choose the filter that is likely to leave least; empty if there is none."""
    given = {
        "tags": filters.tags,
        "text": filters.text or filters.notes,
        "name": filters.name is not None,
        "params": filters.params,
        "owner": filters.owner or filters.seen is not None,
        "workflow": filters.workflow,
        "states": filters.states,
    }
    return next((name for name, value in given.items() if value), "")


def _stream(connection: sqlite3.Connection, statement: str, value: Any, before: int) -> Iterator[int]:
    size = 50
    while True:
        numbers = connection.execute(SQL[statement], {"value": value, "before": before, "size": size}).fetchall()
        for (number,) in numbers:
            yield number
        if len(numbers) < size:
            return
        before, size = numbers[-1][0], _BATCH


def _has_params(row: RunRow, wanted: Sequence[ParamFilter]) -> bool:
    """Return whether each wanted value lies on the run's axis of that name."""
    for each in wanted:
        axis = row.sweep.axis(each.name)
        if axis is None or all(axis.index_of(text) is None for text in each.texts):
            return False
    return True


def fts_query(text: str) -> str:
    """Turn words that a user typed into a query for all of them; a word that ends with * means its beginnings."""
    words = []
    for word in text.replace("\0", " ").split():  # at which SQLite would end the query, within a word
        stem = word.rstrip("*").replace('"', '""')
        if stem:
            words.append(f'"{stem}"' + ("*" if word.endswith("*") else ""))
    return " ".join(words)


def text_condition(text: str, notes: str) -> str:
    """Return the query for words in name or notes, and for words in the notes; empty if what is wanted has no words."""
    wanted = [(column, fts_query(typed)) for column, typed in (("", text), ("notes : ", notes)) if typed]
    if not all(words for _, words in wanted):
        return ""
    return " AND ".join(f"{column}({words})" for column, words in wanted)


def param_types(connection: sqlite3.Connection) -> dict[str, set[DataType]]:
    """Return the types that parameters have in any stored workflow, by name."""
    types: dict[str, set[DataType]] = {}
    for name, kind in connection.execute(SQL["param_types"]):
        types.setdefault(name, set()).add(parse_type(kind))
    return types


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
