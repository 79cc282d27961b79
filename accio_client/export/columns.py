"""What a column of a table holds, and how canonical values become its cells.

A cell is None (nothing there), a text, an int, a float, a bool, or for TIME epoch milliseconds. Distances are metres
and durations are milliseconds: a table is for computing. Text is what a user would type again.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from enum import Enum, auto
from functools import cached_property, lru_cache
from math import inf, nan
from typing import Any

import orjson

from accio.domain.datatypes import COLLECTIONS, DataType, Kind
from accio.domain.display import display
from accio.domain.members import key_shown
from accio.domain.quantities import show_location
from accio.late import dataclass

Cell = Any
Batch = Sequence[Sequence[Cell]]
"""Some rows of a table, column by column."""


class Numbers(Sequence[Cell]):
    """Cells that are finite numbers, or None, as the JSON array in which they came.

    CSV wants their texts (a canonical number is what `repr` writes), the other formats their values: made when asked
    for.
    """

    def __init__(self, json: str) -> None:
        self._json = json

    @cached_property
    def texts(self) -> list[str]:
        """The numbers' texts; "" for None."""
        inside = self._json[1:-1]
        return inside.replace("null", "").split(",") if inside else []

    @cached_property
    def values(self) -> list[Cell]:
        """The numbers, or None."""
        found: list[Cell] = orjson.loads(self._json)
        return found

    def spread(self, rows: Sequence[int], count: int) -> "Numbers":
        """Put each number into its row among *count*, with None everywhere else."""
        texts = ["null"] * count
        for row, text in zip(rows, self.texts, strict=True):
            texts[row] = text or "null"
        return Numbers(f"[{','.join(texts)}]")

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, at: Any) -> Any:
        return self.values[at]

    def __iter__(self) -> Iterator[Cell]:
        return iter(self.values)


class Holds(Enum):
    """What the cells of a column are, when they aren't None."""

    TEXT = auto()
    INTEGER = auto()
    DOUBLE = auto()
    BOOLEAN = auto()
    TIME = auto()


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    holds: Holds


RUN = Column("run", Holds.TEXT)
LABEL = Column("label", Holds.TEXT)
REPEAT = Column("repeat", Holds.INTEGER)
SEED = Column("seed", Holds.INTEGER)
STATE = Column("state", Holds.TEXT)
CAUSE = Column("cause", Holds.TEXT)

FIXED = frozenset(
    (
        *("run", "id", "label", "workflow", "parent", "repeat", "seed", "state", "cause"),
        *("node", "metric", "step", "key", "index", "value", "value_in_meters", "value_in_millis"),
        *("n", "mean", "sd", "ci95_low", "ci95_high"),
    )
)
"""The names that columns of any table may have whatever the parameters, but for the numbered keys and indices."""
_NUMBERED = re.compile(r"(?:key|index)_\d+")


def parameter_column(name: str) -> str:
    """Return the name of a parameter's column, the same in every table: its own, or `param.NAME` for a fixed one's."""
    return f"param.{name}" if name in FIXED or _NUMBERED.fullmatch(name) else name


_HOLDS = {
    Kind.BYTE: Holds.INTEGER,
    Kind.INTEGER: Holds.INTEGER,
    Kind.LONG: Holds.INTEGER,
    Kind.DOUBLE: Holds.DOUBLE,
    Kind.BOOLEAN: Holds.BOOLEAN,
    Kind.DISTANCE: Holds.DOUBLE,
    Kind.DURATION: Holds.INTEGER,
    Kind.TIMESTAMP: Holds.TIME,
}
_NUMBERS = frozenset({Kind.BYTE, Kind.INTEGER, Kind.LONG, Kind.DOUBLE, Kind.DISTANCE, Kind.DURATION})
_SUFFIX = {Kind.DISTANCE: "_in_meters", Kind.DURATION: "_in_millis"}
_NON_FINITE = {"NaN": nan, "Infinity": inf, "-Infinity": -inf}


def holds(datatype: DataType) -> Holds:
    """Return what a column for values of a type holds; collections are text."""
    return _HOLDS.get(datatype.kind, Holds.TEXT)


def leaf(datatype: DataType) -> DataType:
    """Return the type of the values inside all collections."""
    while datatype.args:
        datatype = datatype.args[-1]
    return datatype


def is_numeric(datatype: DataType) -> bool:
    """Return whether the values inside all collections are numbers."""
    return leaf(datatype).kind in _NUMBERS


def named(name: str, datatype: DataType) -> Column:
    """Return the column for values of a type, with the unit in its name."""
    return Column(name + _SUFFIX.get(datatype.kind, ""), holds(datatype))


@lru_cache(maxsize=256)
def cell_of(datatype: DataType) -> Callable[[Any], Cell]:
    """Return the function from a decoded canonical value of a type to its cell."""
    match datatype.kind:
        case Kind.DOUBLE | Kind.DISTANCE:
            return _double
        case Kind.LOCATION:
            return lambda place: show_location(float(place[0]), float(place[1]))
        case kind if kind in COLLECTIONS:
            return lambda value: orjson.dumps(display(datatype, orjson.dumps(value).decode())).decode()
        case _:
            return _itself


def _double(value: Any) -> float:
    return value if type(value) is float else _NON_FINITE[value] if isinstance(value, str) else float(value)


def _itself(value: Any) -> Any:
    return value


def place_columns(datatype: DataType) -> tuple[Column, ...]:
    """Return the columns that say where in a collection a value stands: key or index, numbered if nested."""
    columns: list[Column] = []
    names: dict[str, int] = {}
    while datatype.args:
        if datatype.kind is not Kind.SET:
            name = "key" if datatype.kind is Kind.MAP else "index"
            names[name] = names.get(name, 0) + 1
            shown = name if names[name] == 1 else f"{name}_{names[name]}"
            columns.append(Column(shown, Holds.TEXT if name == "key" else Holds.INTEGER))
        datatype = datatype.args[-1]
    return tuple(columns)


def values_within(datatype: DataType, value: Any) -> Iterator[tuple[Cell, ...]]:
    """Yield the rows of a decoded canonical value: the cells of its place columns, and then of the value itself."""
    if not datatype.args:
        yield (cell_of(datatype)(value),)
        return
    inner = datatype.args[-1]
    match datatype.kind:
        case Kind.MAP:
            for key, member in value.items():
                for cells in values_within(inner, member):
                    yield (key_shown(datatype.args[0], key), *cells)
        case Kind.LIST:
            for index, member in enumerate(value):
                for cells in values_within(inner, member):
                    yield (index, *cells)
        case _:
            for member in value:
                yield from values_within(inner, member)
