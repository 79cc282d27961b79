"""Columns as data frames: parameters, repetition, state and numbers of each child, or statistics of groups of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from accio.domain.datatypes import INTEGRAL, DataType, Kind
from accio.late import dataclass
from accio_client.analysis.columns import REPEAT, STATES, AxisColumn, Ints, Numbers
from accio_client.analysis.tabulate import group
from accio_client.export.columns import parameter_column
from accio_client.export.frames import require_backend
from accio_client.selected import Selected

NO_TIME = np.iinfo(np.int64).min
"""What NumPy has for no time, and pandas and Arrow take for it."""
_WHOLE = INTEGRAL | {Kind.DURATION}


@dataclass(frozen=True, slots=True, eq=False)
class Categories:
    """Texts as places in a list of distinct ones; -1 is nothing."""

    codes: npt.NDArray[Any]
    texts: Sequence[str]


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """Milliseconds since 1970; NO_TIME where there is none."""

    values: Ints


Cells = npt.NDArray[Any] | Categories | Times


def frame_of(found: Selected, *, by: Sequence[str] | None, seeds: bool, backend: str) -> Any:
    """Return the rows of the children that are selected, or of groups of them, as a data frame."""
    columns, units = _children(found, seeds=seeds) if by is None else _groups(found, by)
    match backend:
        case "pandas":
            return _pandas(columns, units)
        case "polars":
            return _polars(columns)
        case _:
            return _arrow(columns, units)


def _children(found: Selected, *, seeds: bool) -> tuple[dict[str, Cells], dict[str, str]]:
    table, where = found.table, found.where
    children = np.arange(table.size) if where is None else np.flatnonzero(where)
    head = found.collected.head
    columns: dict[str, Cells] = {"index": children + head.first_index}
    units: dict[str, str] = {}
    for axis in table.axes:
        name = parameter_column(axis.name)
        columns[name] = cells_of_axis(axis, table.coordinate(axis.name, children))
        units |= {name: axis.unit} if axis.unit else {}
    columns[REPEAT] = children % table.sweep.repeat + head.first_repetition
    if seeds:
        columns["seed"] = np.array(
            [table.sweep.seed_of(number, head.run.seed) for number in children.tolist()]
            if table.size == 1
            else table.sweep.child_seeds(children.tolist(), head.run.seed)
        )
    columns["state"] = Categories(table.states[children], [state.value for state in STATES])
    for name in found.numbers():
        column = table.numbers[name]
        columns[name] = _of_numbers(column, children)
        units |= {name: column.unit} if column.unit else {}
    for name in found.texts():
        text = table.texts[name]
        columns[name] = Categories(text.codes[children], text.dictionary)
    return columns, units


def cells_of_axis(axis: AxisColumn, places: Ints) -> Cells:
    """Return the cells of a parameter, given the place of each row on its axis."""
    if axis.lacking is not None:
        return _of_lacking(axis, axis.lacking, places)
    kind = axis.type.kind
    if kind is Kind.TIMESTAMP:
        return Times(axis.numbers.astype(np.int64)[places])
    if kind is Kind.BOOLEAN:
        flags: npt.NDArray[np.bool_] = np.asarray([axis.text(at) == "true" for at in range(axis.size)], dtype=np.bool_)
        return np.asarray(flags[places])
    if not axis.is_ordered:
        return Categories(places, axis.texts())
    return np.asarray(axis.numbers[places].astype(np.int64) if kind in _WHOLE else axis.numbers[places])


def _of_lacking(axis: AxisColumn, lacking: int, places: Ints) -> Cells:
    """Return the cells of a parameter of which some children have no value: as those of an output with gaps."""
    if axis.type.kind is Kind.TIMESTAMP and axis.doubles is not None:
        values = np.array([NO_TIME if np.isnan(each) else int(each) for each in axis.doubles.tolist()], dtype=np.int64)
        return Times(values[places])
    if axis.doubles is not None:
        return np.asarray(axis.doubles[places])
    texts = axis.texts()
    if axis.type.kind is Kind.BOOLEAN:
        flags = np.array([np.nan if at == lacking else text == "true" for at, text in enumerate(texts)], dtype=float)
        return np.asarray(flags[places])
    codes = np.array([-1 if at == lacking else at - (at > lacking) for at in range(axis.size)], dtype=np.int64)
    return Categories(codes[places], texts[:lacking] + texts[lacking + 1 :])


def _of_numbers(column: Numbers, children: Ints) -> Cells:
    values = column.values[children]
    present = None if column.present is None else column.present[children]
    if present is not None and not present.all():
        values[~present] = np.nan
        return values
    return _exact(values, column.type)


def _exact(values: npt.NDArray[np.float64], datatype: DataType | None) -> Cells:
    if datatype is None:
        return values
    if datatype.kind is Kind.TIMESTAMP:
        return Times(values.astype(np.int64))
    if datatype.kind is Kind.BOOLEAN:
        return np.asarray(values != 0)
    return values.astype(np.int64) if datatype.kind in _WHOLE else values


def _groups(found: Selected, by: Sequence[str]) -> tuple[dict[str, Cells], dict[str, str]]:
    grouped = group(found.table, found.numbers(), by=by, where=found.where)
    columns: dict[str, Cells] = {}
    units: dict[str, str] = {}
    for at, axis in enumerate(grouped.by):
        name = parameter_column(axis.name)
        columns[name] = cells_of_axis(axis, grouped.places(at))
        units |= {name: axis.unit} if axis.unit else {}
    for each in grouped.columns:
        unit = found.table.numbers[each.value].unit
        statistics = {"n": each.n, "mean": each.mean, "sd": each.sd, "ci95_low": each.low, "ci95_high": each.high}
        for statistic, values in statistics.items():
            columns[f"{each.value}.{statistic}"] = values.reshape(-1)[grouped.rows]
            units |= {f"{each.value}.{statistic}": unit} if unit and statistic != "n" else {}
    return columns, units


def _pandas(columns: dict[str, Cells], units: dict[str, str]) -> Any:
    pandas = require_backend("pandas")

    def cells(of: Cells) -> Any:
        match of:
            case Categories():
                return pandas.Categorical.from_codes(of.codes.astype(np.int64), categories=list(of.texts))
            case Times():
                return pandas.DatetimeIndex(of.values.astype("datetime64[ms]"), tz="UTC")
            case _:
                return of

    frame = pandas.DataFrame({name: cells(each) for name, each in columns.items()}, copy=False)
    frame.attrs["units"] = units
    return frame


def _polars(columns: dict[str, Cells]) -> Any:
    polars = require_backend("polars")

    def cells(name: str, of: Cells) -> Any:
        match of:
            case Categories():
                codes = polars.Series(name, of.codes.astype(np.int64))
                texts = polars.Series(name, list(of.texts), dtype=polars.String)
                return texts.gather(codes.set(codes < 0, None)).cast(polars.Categorical)
            case Times():
                values = polars.Series(name, of.values)
                return values.set(values == NO_TIME, None).cast(polars.Datetime("ms", "UTC"))
            case _:
                return polars.Series(name, of)

    return polars.DataFrame([cells(name, each) for name, each in columns.items()])


def _arrow(columns: dict[str, Cells], units: dict[str, str]) -> Any:
    arrow = require_backend("arrow")

    def cells(of: Cells) -> Any:
        match of:
            case Categories():
                codes = of.codes.astype(np.int32)
                texts = arrow.array(list(of.texts), type=arrow.string())
                return arrow.DictionaryArray.from_arrays(arrow.array(codes, mask=codes < 0), texts)
            case Times():
                return arrow.array(of.values.astype("datetime64[ms]"), type=arrow.timestamp("ms", tz="UTC"))
            case _:
                return arrow.array(of)

    arrays = {name: cells(each) for name, each in columns.items()}
    fields = [
        arrow.field(name, each.type, metadata={"unit": units[name]} if name in units else None)
        for name, each in arrays.items()
    ]
    return arrow.table(list(arrays.values()), schema=arrow.schema(fields))
