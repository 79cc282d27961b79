"""What a query (docs/queries.md) finds out about runs: what its terms ask for is read, for a batch of runs at once.

The terms that all matching runs must satisfy also narrow the filters of the list, so that an index drives it.
"""

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import orjson

from accio.domain.filters import (
    RUN_FIELDS,
    Checked,
    Context,
    FilterProblem,
    Of,
    Op,
    Predicate,
    Text,
    matcher,
    read_query,
)
from accio.domain.filters.fields import PARAM, SEARCHED, TEXT_KINDS
from accio.domain.filters.literals import comparable_text
from accio.domain.filters.syntax import Comparison, OneOf, conjuncts, leaves
from accio.domain.states import NodeState, RunState
from accio_daemon.storage.codes import NODE_STATES, RUN_STATE_OF, SINGLE
from accio_daemon.storage.courtesy import letting_pass
from accio_daemon.storage.recorded import sweep_of
from accio_daemon.storage.runs.runs_query import BY_NO, run_row
from accio_daemon.storage.sql import load

SQL = load("search")

_STOPPED = [NODE_STATES[state] for state in (NodeState.FAILED, NodeState.LOST, NodeState.KILLED)]
_LEAVES = 200_000
"""Terms that are looked at for one page, over all of its candidates."""


def read_run_query(text: str, now_ms: int) -> Checked:
    """Read a query over runs; FilterProblem if it can't be read."""
    checked = read_query(text, Context(fields=RUN_FIELDS, now_ms=now_ms))
    for term, predicate in checked.predicates.items():
        if predicate.subject.key == "agent":  # a sweep may have millions of nodes
            why = "'agent': who ran the nodes can be asked for inside one sweep only, not over all runs"
            raise FilterProblem(why, term.name_at.start, term.name_at.end)
    return checked


class _Record(NamedTuple):
    """A row of the statement `rows`."""

    no: int
    state: int
    kind: int
    owner_name: str
    owner_email: str
    name: str
    notes: str
    created: int
    started: int | None
    ended: int | None
    operators: str
    sweep: str
    unsuccessful: int
    workflow: str
    tags: str


_Read: TypeAlias = Callable[[_Record], Any]


class _Row(Mapping[str, Any]):
    """What a query may ask of a run, each read when it is asked for."""

    __slots__ = ("_readers", "_record")

    def __init__(self, record: _Record, readers: Mapping[str, _Read]) -> None:
        self._record = record
        self._readers = readers

    def __getitem__(self, key: str) -> Any:
        return self._readers[key](self._record)

    def get(self, key: str, default: Any = None) -> Any:
        read = self._readers.get(key)
        return default if read is None else read(self._record)

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)


class RunRows:
    """Runs as rows of one query."""

    def __init__(self, connection: sqlite3.Connection, checked: Checked) -> None:
        """Find out what the query asks for."""
        self._connection = connection
        self._checked = checked
        self._matches = matcher(checked)
        found = list(leaves(checked.filter))
        keys = {checked.predicates[leaf].subject.key for leaf in found if not isinstance(leaf, Text)}
        keys |= {*SEARCHED, _WORDS} if any(isinstance(leaf, Text) for leaf in found) else set()
        self._readers = {key: read for key in sorted(keys) if (read := self._reader(key)) is not None}
        self._operators: Mapping[int, str] | None = None
        self._parts = [
            *(("may_hold_word", each.text) for each in conjuncts(checked.filter) if isinstance(each, Text)),
            *((f"may_hold_{key}", part) for key in ("name", "notes") for part in contained_required(checked, key)),
        ]
        self.at_once = max(1, _LEAVES // max(1, len(found)))
        """How many runs may be looked at for one page."""

    def matching(self, numbers: Sequence[int]) -> set[int]:
        """Return those of the runs that match."""
        for statement, part in self._parts:  # most runs drop out here, before a row is made of them
            asked = {"nos": orjson.dumps(numbers).decode(), "part": part.casefold()}
            numbers = [number for (number,) in self._connection.execute(SQL[statement], asked)]
        values = {
            "nos": orjson.dumps(numbers).decode(),
            "workflow": "workflow" in self._readers,
            "tags": "tag" in self._readers,
        }
        records = letting_pass(map(_Record._make, self._connection.execute(SQL["rows"], values)))
        return {record.no for record in records if self._matches(_Row(record, self._readers))}

    def bounds(self) -> tuple[int, int]:
        """Return the lowest and the highest number that a matching run can have, by when it began and ended."""
        low, high = 0, 2**62
        for field, statement in (("started", "numbers_started"), ("ended", "numbers_ended")):
            first, last = _interval(required(self._checked, field))
            if (first, last) != _ALWAYS:
                row = self._connection.execute(SQL[statement], {"first": first, "last": last}).fetchone()
                low, high = (1, 0) if row[0] is None else (max(low, row[0]), min(high, row[1]))
        return low, high

    def _reader(self, key: str) -> _Read | None:
        """Return what reads something of a run; None for what only children have."""
        if key == _WORDS:
            return _texts
        if key.startswith(PARAM):
            return lambda record: sweep_of(record.sweep).axis(key.removeprefix(PARAM))
        return self._fields().get(key)

    def _fields(self) -> Mapping[str, _Read]:
        return {
            "state": lambda record: RUN_STATE_OF[record.state].value,
            "owner": lambda record: (record.owner_name, record.owner_email),
            "tag": lambda record: tuple(orjson.loads(record.tags)),
            "workflow": lambda record: record.workflow,
            "name": lambda record: record.name,
            "notes": lambda record: record.notes,
            "created": lambda record: record.created,
            "started": lambda record: record.started,
            "ended": lambda record: record.ended,
            "progress": self._progress,
            "kind": lambda record: "single" if record.kind == SINGLE else "parent",
            "cause": self._causes,
            "operator": self._operators_of,
        }

    def _progress(self, record: _Record) -> float:
        return run_row(self._connection.execute(BY_NO, {"no": record.no}).fetchone()).progress

    def _causes(self, record: _Record) -> tuple[str, ...] | None:
        if not record.unsuccessful:
            return None
        values = {"run": record.no, "states": orjson.dumps(_STOPPED).decode()}
        return tuple(cause for (cause,) in self._connection.execute(SQL["causes"], values)) or None

    def _operators_of(self, record: _Record) -> tuple[str, ...]:
        if self._operators is None:
            self._operators = dict(self._connection.execute(SQL["operator_names"]))
        return tuple(self._operators[number] for number in orjson.loads(record.operators))


def _texts(record: _Record) -> tuple[Any, ...]:
    """Return the values of parameters that are texts."""
    if not any(kind in record.sweep for kind in _TEXT_KINDS):  # most have none, which is found without reading it
        return ()
    axes = (axis for axis in sweep_of(record.sweep).axes if axis.type.kind in TEXT_KINDS)
    return tuple(comparable_text(axis.type, text) for axis in axes for text in axis.values())


_WORDS = f"{PARAM} "
"""Where a row has the texts among the parameters, for words: no parameter has this name."""

_ALWAYS = (0, 2**62)

_TEXT_KINDS = tuple(kind.value for kind in TEXT_KINDS)
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}", re.ASCII)  # in the only spelling in which it is stored


def required(checked: Checked, key: str) -> Iterator[Predicate]:
    """Yield the terms about something that every run which matches satisfies."""
    for part in conjuncts(checked.filter):
        predicate = checked.predicates[part] if isinstance(part, (Comparison, OneOf)) else None
        if predicate is not None and predicate.subject.of is Of.FIELD and predicate.subject.key == key:
            yield predicate


def _interval(predicates: Iterable[Predicate]) -> tuple[int, int]:
    """Return the first and the last moment that satisfies all predicates on a time."""
    first, last = _ALWAYS
    for predicate in predicates:
        low, high = min(predicate.values), max(predicate.values)
        match predicate.op:
            case Op.MORE:
                first = max(first, low + 1)
            case Op.AT_LEAST:
                first = max(first, low)
            case Op.LESS:
                last = min(last, high - 1)
            case Op.AT_MOST:
                last = min(last, high)
            case Op.EQUAL:
                first, last = max(first, low), min(last, high)
            case _:
                pass
    return first, last


def states_required(checked: Checked, states: frozenset[RunState]) -> frozenset[RunState] | None:
    """Return those of *states* (all, if there are none) in which a run can match; None if it can be in any."""
    wanted = None
    for predicate in required(checked, "state"):
        among = wanted if wanted is not None else states or frozenset(RunState)
        wanted = frozenset(state for state in among if predicate.holds(state.value))
    return wanted


def created_required(checked: Checked) -> tuple[int, int]:
    """Return the first and the last moment at which a matching run can have been submitted."""
    return _interval(required(checked, "created"))


def equal_required(checked: Checked, key: str) -> tuple[str, ...]:
    """Return the texts that a field of every matching run is equal to."""
    found = required(checked, key)
    return tuple(each.values[0] for each in found if each.op is Op.EQUAL and len(each.values) == 1)


def contained_required(checked: Checked, key: str) -> tuple[str, ...]:
    """Return the texts that a field of every matching run contains, or is equal to."""
    found = required(checked, key)
    return tuple(each.values[0] for each in found if each.op in (Op.EQUAL, Op.CONTAINS) and len(each.values) == 1)


def whole_required(checked: Checked) -> Iterator[tuple[str, str]]:
    """Yield the parameters of which every matching run has a certain whole number among its values, with that."""
    for part in conjuncts(checked.filter):
        predicate = checked.predicates[part] if isinstance(part, Comparison) else None
        if predicate is not None and predicate.subject.of is Of.PARAMETER and predicate.op is Op.EQUAL:
            text = predicate.values[0] if len(predicate.values) == 1 else None
            if isinstance(text, str) and _WHOLE.fullmatch(text):
                yield predicate.subject.key.removeprefix(PARAM), text
