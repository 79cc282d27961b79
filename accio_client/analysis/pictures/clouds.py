"""Every child by itself: over two outputs (scatter, with the best of both), and across all parameters (parallel)."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from accio_client.analysis.codes import Codes, among, blocks
from accio_client.analysis.columns import AxisColumn, Floats, Ints, Mask, Numbers, SweepTable
from accio_client.analysis.pictures.specification import (
    BINS,
    MOST_LINES,
    MOST_POINTS,
    Cloud,
    Counted,
    Head,
    Kind,
    Parallel,
    PictureAxis,
    Scale,
    command_of,
    growing,
    parameter_axis,
)
from accio_client.analysis.portions import portions

_DENSITY = 150
_MOST_TICKS = 64
_ALL = slice(None)
_WEIGHTS = (0.5, 0.1, 0.9, 0.02, 0.98)


def scatter(
    table: SweepTable,
    x: str,
    y: str,
    *,
    larger_x: bool = False,
    larger_y: bool = False,
    where: Mask | None = None,
    query: str = "",
) -> Cloud:
    """Return the children over two outputs, and which of them no other beats in both (*larger_…*: more is better)."""
    first, second = table.column(x), table.column(y)
    known = _known(first, where) & _known(second, where)
    whole = bool(known.all())
    xs, ys = (each.values if whole else each.values[known] for each in (first, second))
    best = undominated(-xs if larger_x else xs, -ys if larger_y else ys)
    looked_at = table.size if where is None else int(where.sum())
    density, n = None, len(xs)
    remarks = [f"{int(best.sum()):,} not beaten in both"]
    bounds = [np.array([each.min(), each.max()] if n else [np.nan, np.nan]) for each in (xs, ys)]
    children = np.arange(table.size) if whole else np.flatnonzero(known)
    if n > MOST_POINTS:
        # Rows are y, columns x, as in maps.
        density = _density(xs, ys)
        remarks.append(f"more than {MOST_POINTS:,} points: their density")
        xs, ys, children, best = xs[best], ys[best], children[best], best[best]
    return Cloud(
        head=Head(
            kind=Kind.SCATTER,
            title=f"{y} against {x}",
            counted=Counted(n, table.total, looked_at - n),
            remarks=tuple(remarks),
            command=command_of(table.run, Kind.SCATTER, query, y=y, x=x),
        ),
        x=PictureAxis(x, first.unit, Scale.LINEAR, bounds[0]),
        y=PictureAxis(y, second.unit, Scale.LINEAR, bounds[1]),
        xs=xs,
        ys=ys,
        children=table.children(children),
        best=best,
        density=density,
        directions=("maximize" if larger_x else "minimize", "maximize" if larger_y else "minimize"),
    )


def _density(xs: Floats, ys: Floats) -> Ints:
    """Return how many points fall into each of the cells between the lowest and the highest values."""
    found = np.zeros(_DENSITY**2, dtype=np.int64)
    rows, columns = _cells(ys), _cells(xs)
    for some in portions(len(xs)):
        found += np.bincount(rows(ys[some]) * _DENSITY + columns(xs[some]), minlength=_DENSITY**2)
    return found.reshape(_DENSITY, _DENSITY)


def _cells(values: Floats) -> Callable[[Floats], Ints]:
    """Return what tells in which of the cells along an axis some of the values are."""
    low = values.min()
    scale = _DENSITY / ((values.max() - low) or 1.0)
    return lambda some: np.minimum(((some - low) * scale).astype(np.int64), _DENSITY - 1)


def _known(column: Numbers, where: Mask | None) -> Mask:
    known = np.isfinite(column.values)
    for mask in (column.present, where):
        known = known if mask is None else known & mask
    return known


def undominated(xs: Floats, ys: Floats) -> Mask:
    """Return which points have no other one that is at most as large in both, and smaller in one."""
    best = np.zeros(len(xs), dtype=np.bool_)
    if not len(xs):
        return best
    # Most points are beaten by one of a few good ones: what is left to sort is little.
    left = np.concatenate([_unbeaten(xs, ys, some) for some in portions(len(xs))])
    left = left[_unbeaten(xs[left], ys[left], slice(None))]
    order = left[np.lexsort((ys[left], xs[left]))]
    x, y = xs[order], ys[order]
    lowest = np.minimum.accumulate(y)
    # The first of equal places on the one axis has the lowest of the other.
    first = np.searchsorted(x, x, side="left")
    before = np.where(first > 0, lowest[np.maximum(first - 1, 0)], np.inf)
    best[order] = (y == y[first]) & (y < before)
    return best


def _unbeaten(xs: Floats, ys: Floats, some: slice) -> Ints:
    """Return which of some points aren't beaten by a few good ones of them."""
    spans = [float(np.ptp(each[some])) or 1.0 for each in (xs, ys)]
    left, x, y = np.arange(*some.indices(len(xs))), xs[some], ys[some]
    for weight in _WEIGHTS:
        good = np.argmin(x * (weight / spans[0]) + y * ((1 - weight) / spans[1]))
        kept = (x < x[good]) | (y < y[good]) | ((x == x[good]) & (y == y[good]))
        left, x, y = left[kept], x[kept], y[kept]
    return left


def parallel(
    table: SweepTable,
    value: str,
    *,
    brush: Mask | None = None,
    where: Mask | None = None,
    query: str = "",
) -> Parallel:
    """Return the children across all parameters that vary and an output; *brush* selects some of them."""
    column = table.column(value)
    known = _known(column, where)
    n = int(np.count_nonzero(known))
    looked_at = table.size if where is None else int(np.count_nonzero(where))
    low, high = 0.0, 1.0
    if n:
        low, high = (
            float(column.values.min(where=known, initial=np.inf)),
            float(column.values.max(where=known, initial=-np.inf)),
        )
    value_axis = PictureAxis(value, column.unit, Scale.LINEAR, np.array([low, high]))
    few = n <= MOST_LINES
    children = np.flatnonzero(known) if few else None
    places = _Heights(table, column, low, high)
    return Parallel(
        head=Head(
            kind=Kind.PARALLEL,
            title=f"{value} across all parameters",
            counted=Counted(n, table.total, looked_at - n),
            remarks=() if few else (f"more than {MOST_LINES:,} children: ribbons of {BINS} bins",),
            command=command_of(table.run, Kind.PARALLEL, query, y=value),
        ),
        axes=(*(_parallel_axis(axis) for axis in table.axes), value_axis),
        lines=None if children is None else places.lines(children),
        children=None if children is None else table.children(children),
        ribbons=() if few else places.ribbons(known),
        brushed=() if brush is None else places.ribbons(known & brush),
    )


class _Heights:
    """Where children stand on the axes, from 0 to 1: those of all parameters, and the last one of a column."""

    def __init__(self, table: SweepTable, column: Numbers, low: float, high: float) -> None:
        self._table, self._values = table, column.values
        self._low, self._range = low, (high - low) or 1.0
        self._axes = {axis.name: _heights(axis) for axis in table.axes}

    def lines(self, children: Ints) -> Floats:
        """Return a row for each of some children."""
        heights = [each[self._table.coordinate(name, children)] for name, each in self._axes.items()]
        return np.stack([*heights, self._of_values(self._values[children])], axis=1)

    def ribbons(self, which: Mask) -> tuple[Ints, ...]:
        """Return, for neighbouring axes, how many children go from each bin of the one to each bin of the other."""
        bins = {name: _bins(each) for name, each in self._axes.items()}
        pairs = [Codes(self._table, {a: bins[a] * BINS, b: bins[b]}) for a, b in pairwise(bins)]
        to_values = [Codes(self._table, {name: bins[name] * BINS}) for name in list(bins)[-1:]]
        found = [np.zeros(BINS * BINS, dtype=np.int64) for _ in (*pairs, *to_values)]
        for block in blocks(self._table):
            chosen: Mask | slice = _ALL if (some := among(block, which)) is None else some
            ends = [each.of(block)[chosen] for each in pairs]
            ends += [each.of(block)[chosen] + _bins(self._of_values(self._values[block][chosen])) for each in to_values]
            for counts, each in zip(found, ends, strict=True):
                counts += np.bincount(each, minlength=BINS * BINS)
        return tuple(counts.reshape(BINS, BINS) for counts in found)

    def _of_values(self, values: Floats) -> Floats:
        return np.asarray((values - self._low) / self._range)


def _bins(heights: Floats) -> Ints:
    """Return the bin of each height."""
    return np.asarray(np.minimum((heights * BINS).astype(np.int64), BINS - 1))


def _parallel_axis(axis: AxisColumn) -> PictureAxis:
    order = growing(axis)
    if axis.size > _MOST_TICKS:
        order = order[[0, -1]]
    return parameter_axis(axis, order)


def _heights(axis: AxisColumn) -> Floats:
    """Return where each value of a parameter stands between 0 and 1."""
    numbers = np.log(axis.numbers) if axis.is_log else axis.numbers
    low, high = numbers.min(), numbers.max()
    return np.asarray((numbers - low) / ((high - low) or 1.0))
