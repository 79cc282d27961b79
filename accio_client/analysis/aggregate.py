"""Statistics of a column per point, or per value of any parameters: n, mean, deviation, interval, quantiles.

The numbers are those of `accio export -aggregate`: sums carry the rounding error of each addition along (Knuth's
two-sum), so that they don't depend on the order, and each group is scaled by a power of two. Children without a value
are left out and counted; a value that isn't finite makes its group's mean so, and leaves no interval.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from accio.domain.student import CONFIDENCE, PLAIN_LEAST, PLAIN_MOST, ci95_factor
from accio.errors import BadRequest
from accio.late import dataclass
from accio_client.analysis.columns import AxisColumn, Floats, Ints, Mask, Numbers, SweepTable
from accio_client.analysis.portions import CELLS_AT_ONCE
from accio_client.analysis.sums import exact_sum

T = TypeVar("T", bound=np.generic)

BOOTSTRAPS = 2000
_MOST_DRAWS = 400_000_000
_DRAWN_AT_ONCE = 2_000_000
_MOST_GROUPS = 4_000_000
_MOST_CELLS = 40_000_000  # of groups that are filled up


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Aggregate:
    """Statistics of a column: arrays with an axis per parameter in `by`. NaN stands where there is nothing.

    Those of each point of a sweep that is no grid have one axis only, for its points in order.

    `over` names what was averaged over; `missing` counts the children of each group without a value.
    """

    value: str
    by: tuple[AxisColumn, ...]
    over: tuple[str, ...]
    n: Ints
    missing: Ints
    mean: Floats
    sd: Floats
    low: Floats
    high: Floats
    quantiles: Mapping[float, Floats] = field(default_factory=dict)
    bootstrap_low: Floats | None = None
    bootstrap_high: Floats | None = None

    @property
    def of(self) -> int:
        """How many children were looked at."""
        return int(self.n.sum() + self.missing.sum())


MEDIAN = 0.5


def aggregate(
    table: SweepTable,
    value: str | Numbers,
    *,
    by: Sequence[str] | None = None,
    where: Mask | None = None,
    quantiles: Sequence[float] = (),
    bootstrap_seed: int | None = None,
    only: Mapping[str, Ints] | None = None,
) -> Aggregate:
    """Compute the statistics of *value* for each combination of the parameters *by* (None: each point).

    *where* restricts the children, *only* the places of parameters, growing, whose groups are wanted. *quantiles* are
    those wanted (MEDIAN among them, perhaps). With a seed, the mean has a percentile bootstrap interval, too.
    """
    column = table.column(value) if isinstance(value, str) else value
    names = [axis.name for axis in table.axes] if by is None else list(by)
    if len(set(names)) < len(names):
        raise BadRequest(f"expected different parameters to group by, found {', '.join(names)}")
    axes = tuple(table.axis(name) for name in names)
    groups = _groups(table, by, only or {})
    shaped = groups.shaped
    values = groups.matrix(column.values)
    wanted = where if column.present is None else column.present if where is None else column.present & where
    if not groups.are_even and wanted is None:
        wanted = np.ones(table.size, dtype=np.bool_)
    valid = None if wanted is None else groups.matrix(wanted)
    found = _statistics(values, valid)
    looked_at = found.n if wanted is where and where is not None else groups.counts(where)
    ordered = _Ordered(values, valid) if quantiles else None
    draws = None if bootstrap_seed is None else _bootstrap(values, valid, bootstrap_seed)
    return Aggregate(
        value=column.name,
        by=axes,
        over=tuple(name for name, size in table.factors if name not in names and size > 1),
        n=shaped(found.n),
        missing=shaped(looked_at - found.n),
        mean=shaped(found.mean),
        sd=shaped(found.sd),
        low=shaped(found.low),
        high=shaped(found.high),
        quantiles={} if ordered is None else {share: shaped(ordered.quantile(share)) for share in quantiles},
        bootstrap_low=None if draws is None else shaped(draws[0]),
        bootstrap_high=None if draws is None else shaped(draws[1]),
    )


def _groups(table: SweepTable, by: Sequence[str] | None, only: Mapping[str, Ints]) -> "_Grid | _Uneven":
    """Return the groups of children with equal values of *by* (None: each point), in the order of the sweep."""
    if table.is_grid:
        return _Grid(table, [axis.name for axis in table.axes] if by is None else by, only)
    if by is None:
        return _Uneven(table.children() // table.sweep.repeat, (table.points,), [None])
    shape = tuple(table.axis(name).size for name in by)
    if math.prod(shape) > _MOST_GROUPS:
        sizes = " × ".join(f"{name}: {size}" for name, size in zip(by, shape, strict=True))
        raise BadRequest(f"expected at most {_MOST_GROUPS} combinations to group by, found {sizes}; name fewer")
    return _Uneven(table.codes(by), shape, [only.get(name) for name in by])


class _Grid:
    """Groups of a grid: all have equally many children, and none is sought."""

    are_even = True

    def __init__(self, table: SweepTable, by: Sequence[str], only: Mapping[str, Ints]) -> None:
        self._sizes = table.shape
        self._first = [table.place(name) for name in by]
        self._others = [at for at in range(len(self._sizes)) if at not in self._first]
        wanted = ((at, only[name]) for at, name in zip(self._first, by, strict=True) if name in only)
        self._taken = {at: places for at, places in wanted if len(places) < self._sizes[at]}
        self.shape = tuple(len(self._taken.get(at, range(self._sizes[at]))) for at in self._first)
        order = [at for at in (*self._others, *self._first) if self._sizes[at] > 1]
        self._lie_so = order == sorted(order)

    def matrix(self, values: npt.NDArray[T]) -> npt.NDArray[T]:
        """Return a column as a matrix: a column per group, with its children in order."""
        groups, grid = math.prod(self.shape), values.reshape(self._sizes)
        for at, places in self._taken.items():
            grid = grid.take(places, at)
        if self._lie_so:
            return grid.transpose(self._others + self._first).reshape(-1, groups)
        return grid.transpose(self._first + self._others).reshape(groups, -1).T  # copies long pieces, or nothing

    def counts(self, which: Mask | None) -> Ints:
        """Return how many children there are in each group, or how many of *which*."""
        if which is None:
            return np.full(math.prod(self.shape), math.prod(self._sizes[at] for at in self._others))
        return np.asarray(self.matrix(which).sum(axis=0))

    def shaped(self, found: npt.NDArray[T]) -> npt.NDArray[T]:
        """Return what was found for each group with an axis per parameter."""
        return found.reshape(self.shape)


class _Uneven:
    """Groups by their numbers, one for each child; what a group has less than the largest one is filled up."""

    are_even = False

    def __init__(self, codes: Ints, shape: tuple[int, ...], wanted: Sequence[Ints | None]) -> None:
        self._shape = shape
        self._wanted = np.ix_(
            *(np.arange(size) if some is None else some for size, some in zip(shape, wanted, strict=True))
        )
        self._codes = codes
        self._size = math.prod(shape)
        self._order = np.argsort(codes, kind="stable")
        counts = np.bincount(codes, minlength=self._size)
        self._most = int(counts.max(initial=0))
        if self._most * self._size > _MOST_CELLS:
            raise BadRequest(
                f"expected groups of similar sizes, found {self._size} of which one has {self._most} children; "
                "group by fewer parameters"
            )
        begins = np.cumsum(counts) - counts
        self._at = np.arange(len(codes)) - begins[codes[self._order]]

    def matrix(self, values: npt.NDArray[T]) -> npt.NDArray[T]:
        """Return a column as a matrix: a column per group, with its children in order; then NaN, or False."""
        nothing = np.nan if np.issubdtype(values.dtype, np.floating) else 0
        made = np.full((self._most, self._size), nothing, dtype=values.dtype)
        made[self._at, self._codes[self._order]] = values[self._order]
        return made

    def counts(self, which: Mask | None) -> Ints:
        """Return how many children there are in each group, or how many of *which*."""
        return np.bincount(self._codes if which is None else self._codes[which], minlength=self._size)

    def shaped(self, found: npt.NDArray[T]) -> npt.NDArray[T]:
        """Return what was found for each group that is wanted with an axis per parameter."""
        return found.reshape(self._shape)[self._wanted]


def counted(table: SweepTable, which: Mask | None, by: Sequence[str] | None) -> Ints:
    """Return how many of *which* (None: all) there are per combination of *by* (None: per point), in one row."""
    return _groups(table, by, {}).counts(which)


class _Found(NamedTuple):
    n: Ints
    mean: Floats
    sd: Floats
    low: Floats
    high: Floats


def _statistics(values: Floats, valid: Mask | None) -> _Found:
    """Return n, mean, deviation and interval of each column; *valid* None: all values are there."""
    rows, columns = values.shape
    at_once = max(1, CELLS_AT_ONCE // max(1, rows))
    if columns <= at_once:
        return _of_columns(values, valid)
    parts: list[_Found] = []
    for some in _slices(columns, 16 * at_once):
        # Copied in long pieces first: columns that lie across the memory would be fetched once for each few of them.
        near, valid_near = values[:, some].copy("K"), None if valid is None else valid[:, some].copy("K")
        parts += [
            _of_columns(*_needed(near[:, few], None if valid_near is None else valid_near[:, few]))
            for few in _slices(near.shape[1], at_once)
        ]
    return _Found(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _slices(size: int, at_once: int) -> list[slice]:
    return [slice(first, first + at_once) for first in range(0, size, at_once)]


def _needed(values: Floats, valid: Mask | None) -> tuple[Floats, Mask | None]:
    """Return a copy of some columns, without rows that have no value in any of them."""
    if valid is not None:
        rows = valid.any(axis=1)
        if not rows.all():
            values, valid = values[rows], valid[rows]
        if valid.all():
            valid = None
    return values.copy("F" if len(values) > values.shape[1] else "C"), valid  # what is long is quick


def _of_columns(values: Floats, valid: Mask | None) -> _Found:
    n = np.full(values.shape[1], len(values)) if valid is None else valid.sum(axis=0)
    finite = np.isfinite(values)
    usable = valid if finite.all() else finite if valid is None else finite & valid
    known = values if usable is None else np.where(usable, values, 0.0)
    # A power of two as the unit changes no digit, and neither sums nor squares leave the range of doubles.
    lowest = (known if usable is None else np.where(usable, known, np.inf)).min(axis=0, initial=np.inf)
    highest = (known if usable is None else np.where(usable, known, -np.inf)).max(axis=0, initial=-np.inf)
    largest = np.maximum(np.maximum(highest, -lowest), 0.0)
    exponent = None
    extreme = (largest > PLAIN_MOST) | ((largest < PLAIN_LEAST) & (largest > 0))
    if extreme.any():
        exponent = np.where(extreme, np.frexp(largest)[1] - 1, 0)
        known, lowest, highest = (np.ldexp(each, -exponent) for each in (known, lowest, highest))
    with np.errstate(divide="ignore", invalid="ignore"):
        # Dividing rounds once more: three times 0.1 would have a mean above 0.1, and a deviation.
        mean = _between(exact_sum(known) / n, lowest, highest)
        deviations = known - mean
        if usable is not None:
            deviations[~usable] = 0.0
        sd = np.sqrt(exact_sum(deviations * deviations) / np.where(n > 1, n - 1, 0))
        half = _factors(n) * sd / np.sqrt(n)
    found = _Found(n, mean, sd, mean - half, mean + half)
    if exponent is not None:
        with np.errstate(over="ignore"):  # the end of an interval may lie beyond the range of doubles
            found = _Found(n, *(np.ldexp(each, exponent) for each in found[1:]))
    if usable is not valid:
        odd = (~finite if valid is None else valid & ~finite).any(axis=0)
        with np.errstate(invalid="ignore"):  # an infinity outweighs whatever is finite, and sums of that may overflow
            sums = np.where(finite if valid is None else finite | ~valid, 0.0, values)[:, odd].sum(axis=0)
        found.mean[odd] = sums / n[odd]
        found.sd[odd] = found.low[odd] = found.high[odd] = np.nan
    return found


def _between(mean: Floats, lowest: Floats, highest: Floats) -> Floats:
    """Return the means, none below the least value of its column or above the largest one; a zero keeps its sign."""
    return np.where(mean < lowest, lowest, np.where(mean > highest, highest, mean))


def _factors(n: Ints) -> Floats:
    """Return what the standard error of n numbers is multiplied with; NaN for fewer than two."""
    if len(n) and n.min() == n.max():
        return np.full(len(n), ci95_factor(int(n[0]) - 1) if n[0] > 1 else np.nan)
    counts, at = np.unique(n, return_inverse=True)
    return np.array([ci95_factor(int(count) - 1) if count > 1 else np.nan for count in counts])[at]


class _Ordered:
    """The values of each column in order, for quantiles: linear between the two nearest (type 7 of Hyndman and Fan)."""

    def __init__(self, values: Floats, valid: Mask | None) -> None:
        known = ~np.isnan(values)
        self._n = np.full(values.shape[1], len(values)) if valid is None else valid.sum(axis=0)
        self._undefined = (self._n == 0) | (~known if valid is None else valid & ~known).any(axis=0)
        self._sorted = np.sort(values if valid is None else np.where(valid, values, np.inf), axis=0)  # NaN is last

    def quantile(self, share: float) -> Floats:
        """Return the quantile of each column; NaN where there is no value, or one that isn't a number."""
        if not 0 <= share <= 1:
            raise BadRequest(f"expected a quantile from 0 to 1, found {share}")
        if not len(self._sorted):
            return np.full(len(self._n), np.nan)
        last = np.maximum(self._n - 1, 0)
        place = last * share
        below = np.floor(place).astype(np.int64)
        columns = np.arange(len(self._n))
        low, high = self._sorted[below, columns], self._sorted[np.minimum(below + 1, last), columns]
        with np.errstate(invalid="ignore"):
            found = np.where(low == high, low, low + (high - low) * (place - below))
        return np.where(self._undefined, np.nan, found)


def _bootstrap(values: Floats, valid: Mask | None, seed: int) -> tuple[Floats, Floats]:
    """Return the percentile interval of each column's mean, from draws with replacement that the seed fixes."""
    valid = np.ones(values.shape, dtype=np.bool_) if valid is None else valid
    if valid.sum() * BOOTSTRAPS > _MOST_DRAWS:
        most = _MOST_DRAWS // BOOTSTRAPS
        raise BadRequest(f"a bootstrap of more than {most} values takes too long; restrict them, or use the t interval")
    low, high = np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    tail = (1 - CONFIDENCE) / 2
    for at in np.flatnonzero(valid.sum(axis=0) > 1):
        known = values[valid[:, at], at]
        if np.isfinite(known).all():
            low[at], high[at] = np.quantile(_drawn_means(known, [seed, int(at)]), [tail, 1 - tail])
    return low, high


def _drawn_means(known: Floats, seed: list[int]) -> Floats:
    """Return the means of samples as large as what is known, some at a time: memory stays bounded."""
    random = np.random.default_rng(seed)
    at_once = max(1, min(BOOTSTRAPS, _DRAWN_AT_ONCE // len(known)))
    means = [
        known[random.integers(len(known), size=(min(at_once, BOOTSTRAPS - done), len(known)))].mean(axis=1)
        for done in range(0, BOOTSTRAPS, at_once)
    ]
    return np.concatenate(means)
