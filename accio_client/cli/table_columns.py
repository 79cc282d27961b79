"""The columns of `accio table`: what each shows to people, and what it is for programs. Rows are numbered from 0."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from accio.domain.datatypes import INTEGRAL, Kind
from accio.domain.ids import RunId, child_id
from accio.errors import NotFound
from accio.late import dataclass
from accio_client.analysis.columns import REPEAT, STATES, AxisColumn, Floats, Ints
from accio_client.analysis.tabulate import Grouped, group

if TYPE_CHECKING:
    from accio_client.analysis.aggregate import Aggregate
    from accio_client.selected import Selected

Cells = Callable[[Ints], list[Any]]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Column:
    """A column: cells for people, for JSON, and one column or more of data; `sort` is what rows are sorted by."""

    name: str
    unit: str = ""
    is_value: bool = False
    sort: Floats
    shown: Cells
    document: Cells
    data: tuple[tuple[str, Cells], ...]

    @property
    def title(self) -> str:
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Tabulated:
    """Columns, the rows in their order, and over what was averaged."""

    columns: tuple[Column, ...]
    rows: Ints
    over: tuple[str, ...] = ()

    def sorted(self, by: str) -> "Tabulated":
        """Return the rows by the values of a column, downwards where it begins with a minus; without value last."""
        if not by:
            return self
        name, down = by.removeprefix("-"), by.startswith("-")
        column = next((each for each in self.columns if each.name == name), None)
        if column is None:
            known = ", ".join(each.name for each in self.columns)
            raise NotFound(f"there is no column '{name}' to sort by; there are {known}")
        keys = column.sort[self.rows]
        order = np.lexsort([-keys if down else keys, np.isnan(keys)])
        return replace(self, rows=self.rows[order])

    def first(self, most: int) -> "Tabulated":
        """Return the first rows only."""
        return replace(self, rows=self.rows[:most])

    def documents(self) -> list[dict[str, Any]]:
        """Return the rows as JSON holds them."""
        cells = [each.document(self.rows) for each in self.columns]
        return [
            {
                "point": {c.name: v for c, v in zip(self.columns, row, strict=True) if not c.is_value},
                "values": {c.name: v for c, v in zip(self.columns, row, strict=True) if c.is_value},
            }
            for row in zip(*cells, strict=True)
        ]


def statistics(found: "Selected", by: Sequence[str] | None) -> Tabulated:
    """Return a row per combination of parameters."""
    grouped = group(found.table, found.numbers(), by=by, where=found.where)
    columns = [axis_column(axis, grouped.places(at)) for at, axis in enumerate(grouped.by)]
    columns += [_statistics(found, grouped, each) for each in grouped.columns]
    return Tabulated(columns=tuple(columns), rows=np.arange(len(grouped.rows)), over=grouped.over)


def points(found: "Selected") -> Tabulated:
    """Return a row per child."""
    table = found.table
    children = np.arange(table.size) if found.where is None else np.flatnonzero(found.where)
    view = found.collected.head.run
    ids = _cells(lambda at: view.id if view.kind != "parent" else child_id(RunId(view.id), int(children[at])))
    repetitions = table.coordinate(REPEAT, children) + found.collected.head.first_repetition
    of_repetition = _cells(lambda at: str(repetitions[at]))
    states = [state.value for state in STATES]
    codes = table.states[children]
    columns = [
        Column(name="run", sort=children.astype(np.float64), shown=ids, document=ids, data=(("run", ids),)),
        *(axis_column(axis, table.coordinate(axis.name, children)) for axis in table.axes),
        Column(
            name=REPEAT,
            sort=repetitions.astype(np.float64),
            shown=of_repetition,
            document=of_repetition,
            data=((REPEAT, of_repetition),),
        ),
    ]
    of_state = _cells(lambda at: states[codes[at]])
    columns.append(
        Column(
            name="state", sort=codes.astype(np.float64), shown=of_state, document=of_state, data=(("state", of_state),)
        )
    )
    columns += [_number(found, name, children) for name in found.numbers()]
    columns += [_text(found, name, children) for name in found.texts()]
    return Tabulated(columns=tuple(columns), rows=np.arange(len(children)))


def number_text(value: float) -> str:
    """Return a number in six digits."""
    return f"{value:.6g}"


def interval_text(mean: float, half: float) -> str:
    """Return a mean and half of its interval, in two digits: without an exponent, where the mean has none."""
    middle, text = number_text(mean), f"{half:.2g}"
    return f"{middle} ± {float(text):.0f}" if "e+" in text and "e" not in middle else f"{middle} ± {text}"


def _cells(cell: Callable[[int], Any]) -> Cells:
    return lambda rows: [cell(at) for at in rows.tolist()]


def axis_column(axis: AxisColumn, places: Ints) -> Column:
    """Return the column of a parameter, given the place of each row on its axis."""
    text = _cells(lambda at: axis.text(int(places[at])))
    value = text if axis.lacking is None else _cells(lambda at: _value(axis, int(places[at])))
    numbers = axis.numbers if axis.doubles is None else axis.doubles
    return Column(name=axis.name, sort=numbers[places], shown=text, document=value, data=((axis.name, value),))


def _value(axis: AxisColumn, place: int) -> str | None:
    return None if place == axis.lacking else axis.text(place)


def _statistics(found: "Selected", grouped: Grouped, of: "Aggregate") -> Column:
    n, missing = (counts.reshape(-1)[grouped.rows] for counts in (of.n, of.missing))
    mean, sd, low, high = (values.reshape(-1)[grouped.rows] for values in (of.mean, of.sd, of.low, of.high))

    def shown(at: int) -> str:
        if not n[at]:
            return "-"
        known = not np.isnan(low[at])
        return f"{interval_text(mean[at], high[at] - mean[at]) if known else number_text(mean[at])} ({n[at]})"

    data: list[tuple[str, Cells]] = [(f"{of.value}.n", _cells(lambda at: int(n[at])))]
    named = {"mean": mean, "sd": sd, "ci95_low": low, "ci95_high": high}
    data.append((f"{of.value}.mean", _cells(lambda at: float(mean[at]) if n[at] else None)))
    data += [(f"{of.value}.{name}", partial(_finite, values)) for name, values in named.items() if name != "mean"]

    def document(rows: Ints) -> list[Any]:
        cells = [_finite(values, rows) for values in named.values()]
        counts = zip(n[rows].tolist(), missing[rows].tolist(), strict=True)
        return [
            {"n": count, **dict(zip(named, row, strict=True)), "missing": without}
            for (count, without), row in zip(counts, zip(*cells, strict=True), strict=True)
        ]

    unit = found.table.numbers[of.value].unit
    return Column(
        name=of.value, unit=unit, is_value=True, sort=mean, shown=_cells(shown), document=document, data=tuple(data)
    )


def _number(found: "Selected", name: str, children: Ints) -> Column:
    column = found.table.numbers[name]
    values = np.where(column.valid[children], column.values[children], np.nan)
    cells = partial(_finite, values)
    kind = None if column.type is None else column.type.kind

    def data(rows: Ints) -> list[Any]:
        if kind is Kind.BOOLEAN:
            return [None if value is None else "true" if value else "false" for value in cells(rows)]
        if kind in INTEGRAL:
            return [None if value is None else int(value) for value in cells(rows)]
        return cells(rows)

    def shown(rows: Ints) -> list[str]:
        return [
            "-" if value is None else number_text(value) if isinstance(value, float) else str(value)
            for value in data(rows)
        ]

    return Column(
        name=name, unit=column.unit, is_value=True, sort=values, shown=shown, document=cells, data=((name, data),)
    )


def _text(found: "Selected", name: str, children: Ints) -> Column:
    column = found.table.texts[name]
    codes = column.codes[children]
    text = _cells(lambda at: column.dictionary[codes[at]] if codes[at] >= 0 else None)

    def shown(rows: Ints) -> list[str]:
        return ["-" if each is None else each for each in text(rows)]

    return Column(
        name=name, is_value=True, sort=codes.astype(np.float64), shown=shown, document=text, data=((name, text),)
    )


def _finite(values: Floats, rows: Ints) -> list[Any]:
    picked = values[rows]
    pairs = zip(picked.tolist(), np.isfinite(picked).tolist(), strict=True)
    return [value if there else None for value, there in pairs]
