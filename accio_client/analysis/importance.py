"""How much of a result's variance each parameter explains: exact shares on the grid, no model is fitted.

The variance over the whole sweep is split into main effects, what pairs do together, higher orders, and noise (the
variance inside points, over repetitions): the functional analysis of variance with equal weight for every value that
was tried. On a complete grid the shares add up to 1. docs/statistics.md has the formulas.
"""

from collections.abc import Sequence
from enum import StrEnum
from itertools import combinations

import numpy as np

from accio.late import dataclass
from accio_client.analysis.columns import Floats, Ints, Mask, Numbers, SweepTable
from accio_client.analysis.factors import factors_of


class Method(StrEnum):
    """What the data allowed to compute."""

    BALANCED = "balanced"  # each point has the same number of values
    UNWEIGHTED = "unweighted means"  # each point has one or more: points count the same
    MARGINAL = "marginal"  # some points have none: each effect alone, children count the same
    NOTHING = "nothing"  # no values, or no variance


NOTES = {
    Method.BALANCED: "every point has the same number of values: the shares are exact and add up to 1",
    Method.UNWEIGHTED: "points have different numbers of values, and count the same: shares of the points' means",
    Method.MARGINAL: "some points have no value: each share is computed alone, and they don't add up to 1",
    Method.NOTHING: "there is no variance to explain",
}


@dataclass(frozen=True, slots=True)
class Share:
    """The share of one parameter, or of two together beyond what each does alone.

    `by_chance` is what a parameter without any influence would be expected to get from the noise; None if that can't be
    told, for want of repetitions.
    """

    names: tuple[str, ...]
    share: float
    by_chance: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """The shares of the variance of a column, largest first. What is None isn't known from these data."""

    value: str
    method: Method
    variance: float
    n: int
    missing: int
    main: tuple[Share, ...]
    pairs: tuple[Share, ...]
    higher: float | None
    noise: float | None
    ranges: int = 0
    """How many ranges the values of parameters that were drawn are cut into; 0 if none were."""

    @property
    def note(self) -> str:
        if not self.ranges or self.method is Method.NOTHING:
            return NOTES[self.method]
        return f"values that were drawn are cut into {self.ranges} ranges: shares are estimates, and don't add up to 1"


def importance(table: SweepTable, value: str | Numbers, *, where: Mask | None = None) -> Importance:
    """Split the variance of *value*; values that aren't finite count as missing."""
    column = table.column(value) if isinstance(value, str) else value
    valid = np.isfinite(column.values)
    for mask in (column.present, where):
        valid = valid if mask is None else valid & mask
    factors = factors_of(table)
    names, shape = factors.names, (*factors.shape, factors.inside)
    complete = bool(valid.all())
    values = factors.spread(column.values if complete else np.where(valid, column.values, 0.0))
    grid = values.reshape(shape)
    valid = factors.spread(valid)
    complete = complete and bool(valid.all())
    inside = None if complete else valid.reshape(shape)
    n = grid.size if inside is None else int(np.count_nonzero(inside))
    looked_at = table.size if where is None else int(where.sum())
    split = _split(grid, inside, names) if n else _NOTHING
    return Importance(
        value=column.name,
        method=split.method,
        variance=split.variance,
        n=n,
        missing=looked_at - n,
        main=tuple(sorted(split.main, key=lambda each: -each.share)),
        pairs=tuple(sorted(split.pairs, key=lambda each: -each.share)),
        higher=split.higher,
        noise=split.noise,
        ranges=factors.ranges,
    )


@dataclass(frozen=True, slots=True)
class _Split:
    method: Method
    variance: float
    main: Sequence[Share] = ()
    pairs: Sequence[Share] = ()
    higher: float | None = None
    noise: float | None = None


_NOTHING = _Split(Method.NOTHING, 0.0)


def _split(grid: Floats, valid: Mask | None, names: Sequence[str]) -> _Split:
    """Split the variance of a grid with a last axis of repetitions; *valid* None: all of it is there."""
    unit = max(float(grid.max()), -float(grid.min())) or 1.0  # squares stay in range
    counts = None if valid is None else valid[..., 0].astype(np.int64) if valid.shape[-1] == 1 else valid.sum(axis=-1)
    n = grid.size if counts is None else int(counts.sum())
    grid = grid / unit
    grid -= grid.sum() / n  # and lose no digits to a large mean
    if valid is not None:
        grid[~valid] = 0.0
    means, inside = _inside(grid, valid, counts)
    complete = counts is None or bool(counts.all())
    weights = None if complete else counts
    if complete:
        noise = float((inside / (grid.shape[-1] if counts is None else counts)).mean())
        total = noise + _variance(means)
    else:
        noise = float(inside.sum()) / n
        total = float(np.vdot(grid, grid)) / n
    if total <= 1e-30:
        return _Split(Method.NOTHING, 0.0)
    effects = _effects(means, None if weights is None else weights.astype(np.float64), names)
    free = n - (means.size if counts is None else int((counts > 0).sum()))
    per_value = float(inside.sum()) / free / n if free else None  # what one degree of freedom gets by chance
    main, pairs = _shares(effects, names, total, per_value, means.shape)
    balanced = counts is None or bool((counts == counts.flat[0]).all())
    higher = None
    if complete:
        higher = max(0.0, 1 - noise / total - sum(each.share for each in (*main, *pairs)))
    method = Method.MARGINAL if not complete else Method.BALANCED if balanced else Method.UNWEIGHTED
    return _Split(method, total * unit * unit, main, pairs, higher, noise / total if free else None)


def _inside(grid: Floats, valid: Mask | None, counts: Ints | None) -> tuple[Floats, Floats]:
    """Return the mean of each point, 0 where it has no value, and how far its values are from it, squared."""
    if grid.shape[-1] == 1:
        return grid[..., 0], np.zeros(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.nan_to_num(grid.sum(axis=-1) / (grid.shape[-1] if counts is None else counts))
    deviations = grid - means[..., None]
    if valid is not None:
        deviations[~valid] = 0.0
    return means, np.einsum("...r,...r->...", deviations, deviations)


def _variance(values: Floats) -> float:
    """Return the variance of numbers whose mean is about 0."""
    return max(0.0, float(np.vdot(values, values)) / values.size - float(values.mean()) ** 2)


def _effects(means: Floats, weights: Floats | None, names: Sequence[str]) -> dict[tuple[int, ...], float]:
    """Return the variance between the values of each parameter, and of each pair of parameters.

    *means* are those of the points, about 0 on average, and *weights* what each counts (None: the same).
    """
    weighted = means if weights is None else means * weights
    total = float(means.size) if weights is None else weights.sum()
    middle = weighted.sum() / total
    found: dict[tuple[int, ...], float] = {}
    for at in [(each,) for each in range(len(names))] + list(combinations(range(len(names)), 2)):
        others = tuple(axis for axis in range(len(names)) if axis not in at)
        if weights is None:
            found[at] = _variance(means.mean(axis=others) if others else means)
            continue
        weight = weights.sum(axis=others)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(weight > 0, weighted.sum(axis=others) / weight, middle)
        found[at] = float((weight * (mean - middle) ** 2).sum() / total)
    return found


def _shares(
    effects: dict[tuple[int, ...], float],
    names: Sequence[str],
    total: float,
    per_value: float | None,
    shape: tuple[int, ...],
) -> tuple[list[Share], list[Share]]:
    main: list[Share] = []
    pairs: list[Share] = []
    for at, variance in effects.items():
        alone = sum(effects[(each,)] for each in at) if len(at) > 1 else 0.0
        freedom = int(np.prod([shape[each] - 1 for each in at]))
        by_chance = None if per_value is None else freedom * per_value / total
        # Rounding, and parameters that missing points make depend on each other, can leave less than nothing.
        share = Share(tuple(names[each] for each in at), max(0.0, (variance - alone) / total), by_chance)
        (pairs if len(at) > 1 else main).append(share)
    return main, pairs
