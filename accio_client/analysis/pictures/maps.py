"""Maps over two parameters: states, means of an output, failures. Other parameters and repetitions collapse."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from accio.domain.states import RunState
from accio.errors import FailedPrecondition
from accio_client.analysis.aggregate import aggregate, counted
from accio_client.analysis.columns import REPEAT, STATES, AxisColumn, Ints, Mask, SweepTable
from accio_client.analysis.pictures.specification import (
    MOST_CELLS,
    Counted,
    Head,
    Kind,
    Map,
    PictureAxis,
    Scale,
    binned_remark,
    command_of,
    edges_of,
    growing,
    over_remark,
    parameter_axis,
    put_together,
)

T = TypeVar("T", bound=np.generic)


def two_axes(table: SweepTable, x: str | None, y: str | None) -> tuple[AxisColumn, AxisColumn]:
    """Return the axes of a map: those named, and the parameters with most values for the others."""
    left = [axis for axis in sorted(table.axes, key=lambda axis: -axis.size) if axis.name not in (x, y)]
    if table.sweep.repeat > 1 and REPEAT not in (x, y):
        left.append(table.repetitions)
    chosen: list[AxisColumn] = []
    for name in (x, y):
        if name is None and not left:
            raise FailedPrecondition("a map needs two parameters that vary, or one and repetitions")
        chosen.append(left.pop(0) if name is None else table.axis(name))
    return chosen[0], chosen[1]


class _Cells:
    """The cells of a map: where children fall, and which values were put together."""

    def __init__(self, table: SweepTable, x: str | None, y: str | None) -> None:
        self.table = table
        self.x, self.y = two_axes(table, x, y)
        self._orders = growing(self.y), growing(self.x)
        self._edges = edges_of(self.y.size, MOST_CELLS), edges_of(self.x.size, MOST_CELLS)
        self.names = [self.y.name, self.x.name]

    def summed(self, values: npt.NDArray[T]) -> npt.NDArray[T]:
        """Return a table over y and x in growing order, put together in bins."""
        for level in (0, 1):
            values = put_together(np.take(values, self._orders[level], axis=level), self._edges[level], level)
        return values

    def count(self, which: Mask) -> Ints:
        return self.summed(counted(self.table, which, self.names).reshape(self.y.size, self.x.size))

    def axes(self) -> tuple[PictureAxis, PictureAxis]:
        y = parameter_axis(self.y, self._orders[0], self._edges[0])
        return parameter_axis(self.x, self._orders[1], self._edges[1]), y

    def remarks(self) -> list[str]:
        everything = [*(axis.name for axis in self.table.axes), *([REPEAT] if self.table.sweep.repeat > 1 else [])]
        over = [name for name in everything if name not in self.names]
        return [*over_remark(over), *binned_remark(self.x, self._edges[1]), *binned_remark(self.y, self._edges[0])]


def _looked_at(table: SweepTable, where: Mask | None) -> Mask:
    return np.ones(table.size, dtype=np.bool_) if where is None else where


def state_map(
    table: SweepTable, *, x: str | None = None, y: str | None = None, where: Mask | None = None, query: str = ""
) -> Map:
    """Return the state that most children of each cell are in."""
    cells = _Cells(table, x, y)
    looked_at = _looked_at(table, where)
    counts = np.stack([cells.count(table.in_state(state) & looked_at) for state in STATES])
    n = counts.sum(axis=0)
    xs, ys = cells.axes()
    remarks = [each.replace("averaged", "counted") for each in cells.remarks()]
    return Map(
        head=Head(
            kind=Kind.STATES,
            title=f"States by {cells.x.name} and {cells.y.name}",
            counted=Counted(int(n.sum()), table.size, 0),
            remarks=tuple(remarks),
            command=command_of(table.run, Kind.STATES, query, x=cells.x.name, by=cells.y.name),
        ),
        x=xs,
        y=ys,
        value=PictureAxis("state", "", Scale.CATEGORIES, None, tuple(state.value for state in STATES)),
        values=np.where(n > 0, counts.argmax(axis=0).astype(np.float64), np.nan),
        n=n,
        failed=counts[STATES.index(RunState.FAILED)],
        mixed=counts.max(axis=0) < n,
    )


def heat_map(
    table: SweepTable,
    value: str,
    *,
    x: str | None = None,
    y: str | None = None,
    where: Mask | None = None,
    query: str = "",
) -> Map:
    """Return the mean of an output in each cell; values that aren't finite count as missing."""
    cells = _Cells(table, x, y)
    column = table.column(value)
    looked_at = _looked_at(table, where)
    found = aggregate(table, column, by=cells.names, where=column.finite_among(where))
    n = cells.summed(found.n)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = cells.summed(np.where(found.n > 0, found.mean * found.n, 0.0)) / n
    failed = cells.count(table.in_state(RunState.FAILED) & looked_at)
    xs, ys = cells.axes()
    shown = int(n.sum())
    return Map(
        head=Head(
            kind=Kind.HEAT,
            title=f"Mean of {value}{f' ({column.unit})' * bool(column.unit)} by {cells.x.name} and {cells.y.name}",
            counted=Counted(shown, table.size, int(looked_at.sum()) - shown),
            remarks=tuple(cells.remarks()),
            command=command_of(table.run, Kind.HEAT, query, y=value, x=cells.x.name, by=cells.y.name),
        ),
        x=xs,
        y=ys,
        value=PictureAxis(value, column.unit, Scale.LINEAR),
        values=mean,
        n=n,
        failed=failed,
    )


def failure_map(
    table: SweepTable, *, x: str | None = None, y: str | None = None, where: Mask | None = None, query: str = ""
) -> Map:
    """Return the share of failures in each cell, among the children that have ended."""
    cells = _Cells(table, x, y)
    looked_at = _looked_at(table, where)
    ended = table.in_state(RunState.SUCCESS, RunState.FAILED, RunState.KILLED) & looked_at
    failed, n = cells.count(table.in_state(RunState.FAILED) & looked_at), cells.count(ended)
    xs, ys = cells.axes()
    with np.errstate(divide="ignore", invalid="ignore"):
        share = failed / n
    shown = int(n.sum())
    remarks = [each.replace("averaged", "counted") for each in cells.remarks()]
    return Map(
        head=Head(
            kind=Kind.FAILURES,
            title=f"Share of failures by {cells.x.name} and {cells.y.name}",
            counted=Counted(shown, table.size, int(looked_at.sum()) - shown),
            remarks=tuple(remarks),
            command=command_of(table.run, Kind.FAILURES, query, x=cells.x.name, by=cells.y.name),
        ),
        x=xs,
        y=ys,
        value=PictureAxis("failed", "share", Scale.LINEAR),
        values=share,
        n=n,
        failed=failed,
    )
