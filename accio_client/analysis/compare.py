"""Two settings of one sweep, or two sweeps on their common points: differences with an interval.

Differences between partners (same repetition, same child otherwise) are taken one by one and summarised: what both have
in common cancels. It cancels entirely where they also have the same seeds, as settings of a dataset parameter do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from accio.domain.datatypes import Kind
from accio.domain.sweeps import Sweep
from accio.errors import BadRequest, FailedPrecondition
from accio_client.analysis.aggregate import Aggregate, aggregate
from accio_client.analysis.columns import Floats, Ints, Mask, Numbers, SweepTable
from accio_client.analysis.student import ci95_factor


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
    at = table.place(axis)
    values, valid = column.values.reshape(table.shape), wanted.reshape(table.shape)
    with np.errstate(invalid="ignore"):
        difference = np.take(values, b, at) - np.take(values, a, at)
    present = np.take(valid, a, at) & np.take(valid, b, at)
    rest = Sweep(tuple(each for each in table.sweep.axes if each.name != axis), table.sweep.repeat)
    differences = Numbers(
        name=f"{column.name} ({second} - {first})",
        values=difference.reshape(-1),
        present=present.reshape(-1),
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


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Joined:
    """Two sweeps on the points that both have: their means, and the differences `second - first` with an interval.

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
    ours, theirs = _common_places(first.sweep, second.sweep, names)
    a, b = aggregate(first, value), aggregate(second, value)
    at_first, at_second = _points(first, names, ours), _points(second, names, theirs)
    mean_a, mean_b = a.mean.reshape(-1)[at_first], b.mean.reshape(-1)[at_second]
    if same_seeds:
        n, difference, low, high = _paired_points(first, second, value, at_first, at_second)
    else:
        n, difference, low, high = _welch(a, b, at_first, at_second)
    grid = np.meshgrid(*(np.array(places, dtype=np.int64) for places in ours), indexing="ij")
    return Joined(
        names=names,
        points=np.stack([each.reshape(-1) for each in grid], axis=1) if names else np.zeros((1, 0), np.int64),
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
) -> tuple[Ints, Floats, Floats, Floats]:
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
    return n, mean, mean - half, mean + half


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
