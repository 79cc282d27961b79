"""Two settings of one sweep, or two sweeps on their common points: differences with an interval.

Differences between partners (same repetition, same child otherwise) are taken one by one and summarised: what both have
in common cancels. It cancels entirely where they also have the same seeds, as settings of a dataset parameter do.
"""

from collections.abc import Sequence

import numpy as np

from accio.domain.datatypes import Kind
from accio.domain.layouts import Block, Digit, Layout, Listed
from accio.domain.student import ci95_factor
from accio.domain.sweeps import Sweep
from accio.errors import BadRequest, FailedPrecondition
from accio.late import dataclass
from accio_client.analysis.aggregate import Aggregate, aggregate
from accio_client.analysis.columns import Floats, Ints, Mask, Numbers, SweepTable


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Paired:
    """The differences `second - first` between two settings of a parameter, per value of the parameters grouped by."""

    axis: str
    first: str
    second: str
    difference: Aggregate
    common_seeds: bool
    """Whether partners computed with the same random numbers."""


def paired(
    table: SweepTable,
    value: str,
    axis: str,
    first: str,
    second: str,
    *,
    by: Sequence[str] = (),
    where: Mask | None = None,
) -> Paired:
    """Compare two values of the parameter *axis*, as users write them; by default over everything else at once."""
    if axis in by:
        raise BadRequest(f"'{axis}' is what is compared, so it can't be grouped by")
    column, varied = table.column(value), table.axis(axis)
    a, b = varied.index_of(first), varied.index_of(second)
    wanted = column.valid if where is None else column.valid & where
    rest, at_a, at_b = _partners(table, axis, a, b)
    with np.errstate(invalid="ignore"):
        difference = column.values[at_b] - column.values[at_a]
    differences = Numbers(
        name=f"{column.name} ({second} - {first})",
        values=difference,
        present=wanted[at_a] & wanted[at_b],
        type=column.type,
        unit=column.unit,
    )
    partners = SweepTable(run=table.run, sweep=rest, states=np.zeros(rest.size, np.uint8))
    return Paired(
        axis=axis,
        first=varied.text(a),
        second=varied.text(b),
        difference=aggregate(partners, differences, by=by),
        common_seeds=varied.type.contains(Kind.DATASET),
    )


def _partners(table: SweepTable, axis: str, a: int, b: int) -> tuple[Sweep, Ints, Ints]:
    """Return the children with one value of a parameter and those with another, pair by pair.

    The sweep is of what they have in common: the other parameters, and the repetitions.
    """
    place = table.coordinate(axis)
    at_a, at_b = np.flatnonzero(place == a), np.flatnonzero(place == b)
    kept = [level for level, each in enumerate(table.sweep.axes) if each.name != axis]
    axes = tuple(table.sweep.axes[level] for level in kept)
    if table.is_grid:
        return Sweep(axes, table.sweep.repeat), at_a, at_b

    def rows(children: Ints) -> dict[tuple[tuple[int, ...], int], int]:
        places = (table.sweep.coordinates(child) for child in children.tolist())
        return {(tuple(at[level] for level in kept), no): k for k, (at, no) in enumerate(places)}

    first, second = rows(at_a), rows(at_b)
    common = [row for row in first if row in second]
    if not common:
        raise FailedPrecondition(f"no two children of this sweep differ in '{axis}' alone, so none can be compared")
    listed = [list(column) for column in zip(*(row for row, _ in common), strict=True)] or [[0] * len(common)]
    layout = Layout([Block([Digit(range(len(axes)), Listed(listed))])])
    return Sweep(axes, 1, layout), at_a[[first[row] for row in common]], at_b[[second[row] for row in common]]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Joined:
    """Two sweeps on the points that both have: their means, and the differences `second - first` with an interval.

    Where they are paired, means are those of the partners: repetitions that only one of them has count for neither.
    `points` are the common combinations, as places on the axes of the first sweep (in the order of `names`).
    """

    names: tuple[str, ...]
    points: Ints
    first: Aggregate
    second: Aggregate
    first_mean: Floats
    second_mean: Floats
    n: Ints
    difference: Floats
    low: Floats
    high: Floats
    paired: bool
    only_first: int
    only_second: int


def joined(first: SweepTable, second: SweepTable, value: str, *, same_seeds: bool) -> Joined:
    """Join two sweeps on the points that both have, and compare *value* there.

    Partners are paired by repetition if they have the same seeds; else the interval is Welch's, for independent
    samples. FailedPrecondition if a parameter varies in one sweep and is unknown to the other.
    """
    names = _common(first, second)
    a, b = aggregate(first, value), aggregate(second, value)
    points, at_first, at_second = _common_points(first, second, names)
    if same_seeds:
        mean_a, mean_b, n, difference, low, high = _paired_points(first, second, value, at_first, at_second)
    else:
        mean_a, mean_b = a.mean.reshape(-1)[at_first], b.mean.reshape(-1)[at_second]
        n, difference, low, high = _welch(a, b, at_first, at_second)
    return Joined(
        names=names,
        points=points,
        first=a,
        second=b,
        first_mean=mean_a,
        second_mean=mean_b,
        n=n,
        difference=difference,
        low=low,
        high=high,
        paired=same_seeds,
        only_first=first.points - len(at_first),
        only_second=second.points - len(at_second),
    )


def _common(first: SweepTable, second: SweepTable) -> tuple[str, ...]:
    """Return the parameters that vary in either sweep, and that both have."""
    for one, other in ((first, second), (second, first)):
        for axis in one.axes:
            if other.sweep.axis(axis.name) is None:
                why = f"'{axis.name}' varies in run {one.run}, and run {other.run} has no such parameter"
                raise FailedPrecondition(f"{why}: no points are common")
    varying = dict.fromkeys([*(axis.name for axis in first.axes), *(axis.name for axis in second.axes)])
    return tuple(varying)


def _common_points(first: SweepTable, second: SweepTable, names: Sequence[str]) -> tuple[Ints, Ints, Ints]:
    """Return the points that both have: as places on the axes of the first, and by their numbers in either."""
    if first.is_grid and second.is_grid:
        ours, theirs = _common_places(first.sweep, second.sweep, names)
        grid = np.meshgrid(*(np.array(places, dtype=np.int64) for places in ours), indexing="ij")
        points = np.stack([each.reshape(-1) for each in grid], axis=1) if names else np.zeros((1, 0), np.int64)
        return points, _points(first, names, ours), _points(second, names, theirs)
    one, other = _by_values(first.sweep, names), _by_values(second.sweep, names)
    common = [values for values in one if values in other]
    axes = [axis for name in names if (axis := first.sweep.axis(name)) is not None]
    places = [[axis.index_of(text) for axis, text in zip(axes, values, strict=True)] for values in common]
    at_first, at_second = ([of[values] for values in common] for of in (one, other))
    return (
        np.array(places, dtype=np.int64).reshape(len(common), len(names)),
        np.array(at_first, dtype=np.int64),
        np.array(at_second, dtype=np.int64),
    )


def _by_values(sweep: Sweep, names: Sequence[str]) -> dict[tuple[str, ...], int]:
    """Return the number of each point by its values of some parameters."""
    children = (sweep.child(point * sweep.repeat) for point in range(sweep.points))
    return {tuple(child[name] for name in names): point for point, child in enumerate(children)}


def _common_places(first: Sweep, second: Sweep, names: Sequence[str]) -> tuple[list[list[int]], list[list[int]]]:
    """Return, for each parameter, the places of the common values on both axes."""
    ours: list[list[int]] = []
    theirs: list[list[int]] = []
    for name in names:
        axis, other = first.axis(name), second.axis(name)
        assert axis is not None
        assert other is not None
        pairs = [(at, found) for at, text in enumerate(axis.values()) if (found := other.index_of(text)) is not None]
        ours.append([at for at, _ in pairs])
        theirs.append([found for _, found in pairs])
    return ours, theirs


def _points(table: SweepTable, names: Sequence[str], places: Sequence[Sequence[int]]) -> Ints:
    """Return the numbers of the points at all combinations of places, in the order of *names*."""
    total = np.zeros((1,) * len(names), dtype=np.int64)
    for level, (name, at) in enumerate(zip(names, places, strict=True)):
        stride = 0
        if any(axis.name == name for axis in table.axes):
            stride = int(np.prod(table.shape[table.place(name) + 1 : -1], dtype=np.int64))
        shape = [1] * len(names)
        shape[level] = len(at)
        total = total + (np.array(at, dtype=np.int64) * stride).reshape(shape)
    return total.reshape(-1)


def _paired_points(
    first: SweepTable, second: SweepTable, value: str, at_first: Ints, at_second: Ints
) -> tuple[Floats, Floats, Ints, Floats, Floats, Floats]:
    """Return the means of the partners, how many there are, and their difference with its interval."""
    repeat = min(first.sweep.repeat, second.sweep.repeat)
    values: list[Floats] = []
    valid: list[Mask] = []
    for table, at in ((first, at_first), (second, at_second)):
        column = table.column(value)
        values.append(column.values.reshape(table.points, -1)[at, :repeat])
        valid.append(column.valid.reshape(table.points, -1)[at, :repeat])
    both = valid[0] & valid[1]
    with np.errstate(all="ignore"):
        delta = np.where(both, values[1] - values[0], 0.0)
        n = both.sum(axis=1)
        mean = delta.sum(axis=1) / n
        sd = np.sqrt((np.where(both, delta - mean[:, None], 0.0) ** 2).sum(axis=1) / (n - 1))
        half = np.array([ci95_factor(int(count) - 1) if count > 1 else np.nan for count in n]) * sd / np.sqrt(n)
        of_each = [np.where(both, each, 0.0).sum(axis=1) / n for each in values]
    return of_each[0], of_each[1], n, mean, mean - half, mean + half


def _welch(a: Aggregate, b: Aggregate, at_a: Ints, at_b: Ints) -> tuple[Ints, Floats, Floats, Floats]:
    """Return Welch's interval for the difference of means, with Satterthwaite's degrees of freedom."""
    n_a, n_b = a.n.reshape(-1)[at_a], b.n.reshape(-1)[at_b]
    with np.errstate(all="ignore"):
        error_a, error_b = a.sd.reshape(-1)[at_a] ** 2 / n_a, b.sd.reshape(-1)[at_b] ** 2 / n_b
        error = error_a + error_b
        degrees = error**2 / (error_a**2 / (n_a - 1) + error_b**2 / (n_b - 1))
        factors = [ci95_factor(float(each)) if each >= 1 else np.nan for each in degrees]
        half = np.where(error == 0, 0.0, np.array(factors)) * np.sqrt(error)
        difference = b.mean.reshape(-1)[at_b] - a.mean.reshape(-1)[at_a]
    return np.minimum(n_a, n_b), difference, difference - half, difference + half
