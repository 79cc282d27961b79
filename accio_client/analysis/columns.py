"""The results of a sweep as columns in memory: what every statistic and every picture is computed from.

Parameters need no storage: a child's place on an axis is arithmetic on its number. So a child costs a byte for its
state, and eight per output. Columns are as long as the sweep, or as a sample of it; a child without a result has
`present` False there.
Of what is no plain grid (values that go together, points left out, a sample), places are computed once and kept, and
its axes have those values only that occur.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cached_property
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from accio.domain.absence import NO_VALUE, means_none
from accio.domain.axes import Axis
from accio.domain.datatypes import INTEGRAL, DataType, Kind
from accio.domain.display import display
from accio.domain.filters.literals import comparable_text
from accio.domain.jsontext import canonical_dump
from accio.domain.states import RunState
from accio.domain.sweeps import Sweep
from accio.errors import BadRequest, NotFound
from accio.late import dataclass

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

STATES = tuple(RunState)
REPEAT = "repeat"
_ORDERED = INTEGRAL | {Kind.DOUBLE, Kind.DISTANCE, Kind.DURATION, Kind.TIMESTAMP}
_UNITS = {Kind.DISTANCE: "m", Kind.DURATION: "ms", Kind.TIMESTAMP: "ms since 1970"}
_EXACT_VALUES = 10_000
"""Axes of more values get their numbers from the formula in doubles, not one by one in decimal arithmetic."""


def unit_of(datatype: DataType) -> str:
    """Return the unit of a type's numbers, or nothing."""
    return _UNITS.get(datatype.kind, "")


class AxisColumn:
    """A parameter that varies, or the repetitions: its values in the order of the sweep."""

    def __init__(self, axis: Axis, occurring: Ints | None = None) -> None:
        """Hold all values of an axis, or those at some ascending places."""
        self._axis = axis
        self.occurring = occurring
        self.name = axis.name
        self.size = axis.size if occurring is None else len(occurring)
        self.type = axis.type
        self.unit = unit_of(axis.type)
        lacking = axis.index_of(NO_VALUE) if axis.includes_none else None
        self.lacking = lacking if lacking is None or occurring is None else _rank(occurring, lacking)
        """The place of no value, if children of the sweep have none."""
        self.is_ordered = axis.type.kind in _ORDERED and self.lacking is None

    @cached_property
    def numbers(self) -> Floats:
        """The values as numbers, of an axis that is ordered; else their places."""
        if not self.is_ordered:
            return np.arange(self.size, dtype=np.float64)
        if not self._axis.is_formula or self.size <= _EXACT_VALUES:
            return self._exact()
        formula = self._axis.to_json()
        steps = np.arange(self.size, dtype=np.float64) if self.occurring is None else self.occurring.astype(np.float64)
        start = float(formula["start"])
        if "ratio" in formula:
            return np.asarray(start * float(formula["ratio"]) ** steps)
        return np.asarray(start + float(formula["step"]) * steps)

    @cached_property
    def doubles(self) -> Floats | None:
        """The values as numbers, NaN for no value; None if they aren't numbers."""
        if self.type.kind not in _ORDERED:
            return None
        return self.numbers if self.lacking is None else self._exact()

    def _exact(self) -> Floats:
        values = (comparable_text(self.type, self.canonical(at)) for at in range(self.size))
        numbers = (np.nan if value is None else float(value) for value in values)
        return np.fromiter(numbers, np.float64, self.size)

    @cached_property
    def is_log(self) -> bool:
        """Whether the values are a geometric progression: those of a log range, or a list such as 1, 10, 100."""
        if not self.is_ordered or self.size < 3:
            return False
        if self._axis.is_formula:
            return "ratio" in self._axis.to_json()
        values = np.sort(self.numbers)
        if values[0] <= 0 or values[-1] / values[0] < 4:
            return False
        ratios = values[1:] / values[:-1]
        return bool(np.allclose(ratios, ratios[0], rtol=1e-3))

    def text(self, at: int) -> str:
        """Return a value as a query or a command has it, or `null` for none."""
        canonical = self.canonical(at)
        if canonical == NO_VALUE or self.type.kind in INTEGRAL or self.type.kind in (Kind.DOUBLE, Kind.BOOLEAN):
            return canonical
        shown = display(self.type, canonical)
        return shown if isinstance(shown, str) else canonical_dump(shown)

    def canonical(self, at: int) -> str:
        """Return a value as canonical JSON."""
        return self._axis.value_at(at if self.occurring is None else int(self.occurring[at]))

    def texts(self) -> list[str]:
        """Return all values; only for axes whose size was looked at."""
        return [self.text(at) for at in range(self.size)]

    def index_of(self, text: str) -> int:
        """Return the place of a value as a user writes it; NotFound if there is none."""
        from accio.domain.values import ValueProblem, parse_to_canonical

        try:
            canonical = NO_VALUE if means_none(self.type, text) else parse_to_canonical(self.type, text)
            at = self._axis.index_of(canonical)
        except ValueProblem as problem:
            raise BadRequest(f"'{self.name}': {problem.message}") from None
        if at is not None and self.occurring is not None:
            at = _rank(self.occurring, at)
        if at is None:
            some = ", ".join(self.text(place) for place in range(min(self.size, 6)))
            raise NotFound(f"'{self.name}' has no value {text} in this sweep; it has {some}{', …' * (self.size > 6)}")
        return at

    def __repr__(self) -> str:
        return f"AxisColumn({self._axis!r})"


def _rank(occurring: Ints, place: int) -> int | None:
    """Return where a place of an axis stands among those that occur."""
    rank = int(np.searchsorted(occurring, place))
    return rank if rank < len(occurring) and occurring[rank] == place else None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Numbers:
    """A column of numbers: an output, a metric or whatever was computed. `present` None: each child has one.

    NaN is a value as any other: an operator that gave it has given something. What isn't there isn't present.
    """

    name: str
    values: Floats
    present: Mask | None = None
    type: DataType | None = None
    unit: str = ""

    @property
    def valid(self) -> Mask:
        return np.ones(len(self.values), dtype=np.bool_) if self.present is None else self.present

    def finite_among(self, where: Mask | None) -> Mask | None:
        """Return *where* (None: everywhere) without the values that aren't finite."""
        finite = np.isfinite(self.values)
        return where if finite.all() else finite if where is None else where & finite

    def usable_among(self, where: Mask | None) -> Mask | None:
        """Return *where* without what isn't there, or isn't finite; None if everything is."""
        finite = self.finite_among(where)
        return finite if self.present is None else self.present if finite is None else self.present & finite


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Texts:
    """A column of texts as codes into a dictionary; -1 is nothing."""

    name: str
    codes: npt.NDArray[np.int32]
    dictionary: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)  # no slots: cached_property needs a dictionary
class SweepTable:
    """The children of one run, or a sample of them, with their states and results: a row for each."""

    run: str
    sweep: Sweep
    states: npt.NDArray[np.uint8]
    """Indices into STATES."""
    numbers: Mapping[str, Numbers] = field(default_factory=dict)
    texts: Mapping[str, Texts] = field(default_factory=dict)
    same_for_all: Mapping[str, Any] = field(default_factory=dict)
    """The row values (see `accio.domain.filters`) of the parent that its children share."""
    sample: Ints | None = None
    """The numbers of the children that the rows are of, growing; None: each child has the row of its number."""

    def __post_init__(self) -> None:
        for name, size in [
            ("states", len(self.states)),
            *((column.name, len(column.values)) for column in self.numbers.values()),
            *((column.name, len(column.codes)) for column in self.texts.values()),
        ]:
            if size != self.size:
                raise ValueError(f"expected {self.size} rows in the column {name}, found {size}")

    @property
    def size(self) -> int:
        """How many rows there are."""
        return self.total if self.sample is None else len(self.sample)

    @property
    def total(self) -> int:
        """How many children the sweep has."""
        return self.sweep.size

    def children(self, rows: Ints | None = None) -> Ints:
        """Return the numbers of the children of some rows; of all of them, without any."""
        if self.sample is None:
            return np.arange(self.size, dtype=np.int64) if rows is None else rows
        return self.sample if rows is None else self.sample[rows]

    @property
    def is_grid(self) -> bool:
        """Whether the rows are all combinations of the axes, in order."""
        return self.sweep.layout is None and self.sample is None

    @cached_property
    def axes(self) -> tuple[AxisColumn, ...]:
        """The parameters that vary, the one that varies slowest first."""
        if self.is_grid:
            return tuple(AxisColumn(axis) for axis in self.sweep.varying)
        return tuple(axis for axis, _ in self._kept)

    @cached_property
    def _kept(self) -> "tuple[tuple[AxisColumn, Ints], ...]":
        """The axes of what is no grid, each with the place of every row on it."""
        found: list[tuple[AxisColumn, Ints]] = []
        numbers = range(self.size) if self.sample is None else self.sample.tolist()
        for axis, indices in self.sweep.places(numbers):
            occurring, at = np.unique(np.array(indices, dtype=np.int64), return_inverse=True)
            if len(occurring) > 1 or self.sample is not None:  # it varies in the sweep, if not in the sample
                found.append((AxisColumn(axis, occurring), at.astype(np.int64)))
        return tuple(found)

    @cached_property
    def repetitions(self) -> AxisColumn:
        from accio.domain.datatypes import LONG
        from accio.domain.ranges import WholePoints

        return AxisColumn(Axis(REPEAT, LONG, WholePoints(start=1, step=1, size=self.sweep.repeat)))

    @property
    def factors(self) -> tuple[tuple[str, int], ...]:
        """The axes and the repetitions, with their sizes."""
        return (*((axis.name, axis.size) for axis in self.axes), (REPEAT, self.sweep.repeat))

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes, then the number of repetitions; of what is no grid, the number of rows."""
        return tuple(size for _, size in self.factors) if self.is_grid else (self.size,)

    @property
    def points(self) -> int:
        return self.sweep.points

    def axis(self, name: str) -> AxisColumn:
        """Return an axis by its name, or the repetitions; NotFound says which there are."""
        if name == REPEAT:
            return self.repetitions
        return self.axes[self.place(name)]

    def place(self, name: str) -> int:
        """Return where an axis stands in `shape`."""
        names = [*(axis.name for axis in self.axes), REPEAT]
        if name not in names:
            from accio.domain.names import suggest

            meant = suggest(name, names)
            hint = f"; did you mean {meant}?" if meant else f"; there are {', '.join(names)}"
            raise NotFound(f"no parameter '{name}' varies in this sweep{hint}")
        return names.index(name)

    def coordinate(self, name: str, rows: Ints | None = None) -> Ints:
        """Return the place of each child (or of those in some rows) on an axis."""
        at = self.place(name)
        if not self.is_grid and name != REPEAT:
            places = self._kept[at][1]
            return places if rows is None else places[rows]
        stride = prod(size for _, size in self.factors[at + 1 :])
        return self.children(rows) // stride % self.factors[at][1]

    def codes(self, names: Sequence[str]) -> Ints:
        """Return the place of each child among all combinations of the values of some parameters."""
        found = np.zeros(self.size, dtype=np.int64)
        for name in names:
            found = found * self.axis(name).size + self.coordinate(name)
        return found

    def column(self, name: str) -> Numbers:
        """Return a column of numbers; NotFound says which was probably meant."""
        found = self.numbers.get(name)
        if found is None:
            from accio.domain.names import suggest

            meant = suggest(name, self.numbers)
            known = ", ".join(sorted(self.numbers)[:10]) or "none yet"
            hint = f"; did you mean {meant}?" if meant else f"; there are {known}"
            raise NotFound(f"this sweep has no numbers called '{name}'{hint}")
        return found

    def in_state(self, *states: RunState) -> Mask:
        """Return which children are in one of these states."""
        wanted = np.zeros(len(STATES), dtype=np.bool_)
        wanted[[STATES.index(state) for state in states]] = True
        return np.asarray(wanted[self.states])
