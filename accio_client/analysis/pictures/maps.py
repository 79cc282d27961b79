"""Maps over two parameters: states, means of an output, failures. Other parameters and repetitions collapse."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accio.domain.states import RunState
from accio.domain.student import PLAIN_MOST
from accio.errors import FailedPrecondition
from accio_client.analysis.codes import Codes, among, blocks
from accio_client.analysis.columns import REPEAT, STATES, AxisColumn, Floats, Ints, Mask, Numbers, SweepTable
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
)


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


class _Tally(NamedTuple):
    """What is in the cells of a map: how many children in each state (the first axis), the number of usable values of a
    column and their mean, NaN where there is none.
    """

    states: Ints
    n: Ints
    mean: Floats

    def in_state(self, *states: RunState) -> Ints:
        return np.asarray(self.states[[STATES.index(state) for state in states]].sum(axis=0))


class _Cells:
    """The cells of a map: where children fall, and what is counted in them."""

    def __init__(self, table: SweepTable, x: str | None, y: str | None) -> None:
        self.table = table
        self.x, self.y = two_axes(table, x, y)
        self._orders = growing(self.y), growing(self.x)
        self._edges = edges_of(self.y.size, MOST_CELLS), edges_of(self.x.size, MOST_CELLS)
        self._shape = len(self._edges[0]) - 1, len(self._edges[1]) - 1
        of_y, of_x = _bins(self._orders[0], self._edges[0]), _bins(self._orders[1], self._edges[1])
        self._codes = Codes(table, {self.y.name: of_y * self._shape[1], self.x.name: of_x})

    def tally(self, where: Mask | None, column: Numbers | None = None) -> _Tally:
        """Count the children that *where* selects, and average a column; values that aren't finite are left out.

        A few children at a time: what is computed on the way stays small. The mean is corrected by what the first sum
        left over, so that it doesn't depend on the order of the children.
        """
        cells = math.prod(self._shape)
        states = np.zeros((len(STATES), cells), dtype=np.int64)
        n, total = np.zeros(cells, dtype=np.int64), np.zeros(cells)
        exponent = 0 if column is None else _exponent(column.values)
        for block in blocks(self.table):
            at, of_state, chosen = self._codes.of(block), self.table.states[block], among(block, where)
            if chosen is not None:
                at, of_state = at[chosen], of_state[chosen]
            some = _count(at, of_state, states)
            if column is None or not len(at):
                continue
            values = column.values[block] if chosen is None else column.values[block][chosen]
            usable = np.isfinite(values)
            if column.present is not None:
                usable &= column.present[block] if chosen is None else column.present[block][chosen]
            if some is None or not usable.all():
                at, values = at[usable], values[usable]
                some = np.bincount(at, minlength=cells)
            if exponent:
                values = np.ldexp(values, -exponent)
            mean = np.bincount(at, weights=values, minlength=cells) / np.maximum(some, 1)
            total += some * mean + np.bincount(at, weights=values - mean[at], minlength=cells)
            n += some
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.ldexp(total / n, exponent)
        return _Tally(states.reshape(-1, *self._shape), n.reshape(self._shape), mean.reshape(self._shape))

    def axes(self) -> tuple[PictureAxis, PictureAxis]:
        y = parameter_axis(self.y, self._orders[0], self._edges[0])
        return parameter_axis(self.x, self._orders[1], self._edges[1]), y

    def remarks(self) -> list[str]:
        everything = [*(axis.name for axis in self.table.axes), *([REPEAT] if self.table.sweep.repeat > 1 else [])]
        over = [name for name in everything if name not in (self.x.name, self.y.name)]
        return [*over_remark(over), *binned_remark(self.x, self._edges[1]), *binned_remark(self.y, self._edges[0])]


def _bins(order: Ints, edges: Ints) -> Ints:
    """Return the bin of each place of an axis."""
    found = np.empty(len(order), dtype=np.int64)
    found[order] = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
    return found


def _count(at: Ints, of_state: npt.NDArray[np.uint8], states: Ints) -> Ints | None:
    """Add how many children there are of each state in each cell; return how many in all, where they have one state."""
    cells = states.shape[1]
    if len(at) and of_state.min() == of_state.max():  # mostly: those that have succeeded
        some = np.bincount(at, minlength=cells)
        states[of_state[0]] += some
        return some
    states += np.bincount(at + of_state * np.int64(cells), minlength=states.size).reshape(states.shape)
    return None


def _exponent(values: Floats) -> int:
    """Return the power of two by which values are divided, so that their sums stay finite; mostly 0."""
    finite = np.isfinite(values)
    largest = max(float(values.max(where=finite, initial=0.0)), -float(values.min(where=finite, initial=0.0)))
    return math.frexp(largest)[1] if largest > PLAIN_MOST else 0


def state_map(
    table: SweepTable, *, x: str | None = None, y: str | None = None, where: Mask | None = None, query: str = ""
) -> Map:
    """Return the state that most children of each cell are in."""
    cells = _Cells(table, x, y)
    counts = cells.tally(where).states
    n = counts.sum(axis=0)
    xs, ys = cells.axes()
    remarks = [each.replace("averaged", "counted") for each in cells.remarks()]
    return Map(
        head=Head(
            kind=Kind.STATES,
            title=f"States by {cells.x.name} and {cells.y.name}",
            counted=Counted(int(n.sum()), table.total, 0),
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
    found = cells.tally(where, column)
    xs, ys = cells.axes()
    shown = int(found.n.sum())
    return Map(
        head=Head(
            kind=Kind.HEAT,
            title=f"Mean of {value}{f' ({column.unit})' * bool(column.unit)} by {cells.x.name} and {cells.y.name}",
            counted=Counted(shown, table.total, int(found.states.sum()) - shown),
            remarks=tuple(cells.remarks()),
            command=command_of(table.run, Kind.HEAT, query, y=value, x=cells.x.name, by=cells.y.name),
        ),
        x=xs,
        y=ys,
        value=PictureAxis(value, column.unit, Scale.LINEAR),
        values=found.mean,
        n=found.n,
        failed=found.in_state(RunState.FAILED),
    )


def failure_map(
    table: SweepTable, *, x: str | None = None, y: str | None = None, where: Mask | None = None, query: str = ""
) -> Map:
    """Return the share of failures in each cell, among the children that have ended."""
    cells = _Cells(table, x, y)
    found = cells.tally(where)
    failed, n = found.in_state(RunState.FAILED), found.in_state(RunState.SUCCESS, RunState.FAILED, RunState.KILLED)
    xs, ys = cells.axes()
    with np.errstate(divide="ignore", invalid="ignore"):
        share = failed / n
    shown = int(n.sum())
    remarks = [each.replace("averaged", "counted") for each in cells.remarks()]
    return Map(
        head=Head(
            kind=Kind.FAILURES,
            title=f"Share of failures by {cells.x.name} and {cells.y.name}",
            counted=Counted(shown, table.total, int(found.states.sum()) - shown),
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
