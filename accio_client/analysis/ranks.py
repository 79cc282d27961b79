"""Values by their rank, exactly, without sorting all of them.

Values are put into bins that grow with them, so that only those are sorted which share a bin with one that is wanted.
Bins are of equal width; where a few values lie far from all others, of equal width in the digits of the doubles. Where
most values would still have to be sorted, as they are crowded, bins are cut once more, the fuller the finer; what is
there over and over again isn't sorted at all. How values are put into bins decides about time, never about the result.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from accio_client.analysis.columns import Floats, Ints, Mask
from accio_client.analysis.portions import portions

_SORTED_BELOW = 50_000
_BINS = 1 << 16
_MUCH = 8
"""One of so many values to sort is worth another look at all of them."""
_LOOKED_AT = 4096
_FAR = 16
_SIGN = np.int64(0x7FFF_FFFF_FFFF_FFFF)
_Heights = Callable[[Floats], Floats]
"""From 0 to the number of bins, and growing with the values."""


def values_at(values: Floats, ranks: Ints) -> Floats:
    """Return what stands at some ascending ranks (from 0) when the values, all finite, are sorted."""
    if len(values) < _SORTED_BELOW:
        return np.asarray(np.sort(values)[ranks])
    heights = _heights(values)
    if heights is None:
        return np.asarray(np.sort(values)[ranks])
    repeat = _repeats(values)
    bins = _Bins(values, heights, _BINS)
    if bins.are_full(ranks, look=repeat):
        finer, count = bins.finer(ranks)
        bins = _Bins(values, finer, count)
        bins.are_full(ranks, look=repeat)
    return bins.values_at(ranks)


def _heights(values: Floats) -> _Heights | None:
    """Return what puts values into bins of about equal sizes; None if there is no such thing."""
    low, high = float(values.min()), float(values.max())
    some = np.sort(values[:: max(1, len(values) // _LOOKED_AT)])
    near = float(some[len(some) * 99 // 100]) - float(some[len(some) // 100])
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        width = np.float64(high) - low
        if not near * _FAR < width:
            per_bin = (_BINS - 1) / width
            return (lambda some: (some - low) * per_bin) if 0 < per_bin < np.inf else None
        first, last = _digits(np.array([low, high]))
        per_digit = (_BINS - 1) / (last - first)
    return lambda some: (_digits(some) - first) * per_digit


def _digits(values: Floats) -> Floats:
    """Return numbers that grow with the values, by about the same for each digit of a double."""
    bits = np.ascontiguousarray(values).view(np.int64)
    return np.asarray((bits ^ ((bits >> 63) & _SIGN)).astype(np.float64))


def _repeats(values: Floats) -> bool:
    """Return whether most values are there more than once."""
    some = values[:: max(1, len(values) // _LOOKED_AT)]
    return len(np.unique(some)) * 2 < len(some)


class _Bins:
    """Which bin each value is in, and how many are in each."""

    def __init__(self, values: Floats, heights: _Heights, count: int) -> None:
        self._values, self._heights = values, heights
        self._at: npt.NDArray[np.uint32] = np.empty(len(values), dtype=np.uint32)
        self._sizes = np.zeros(count, dtype=np.int64)
        for some in portions(len(values)):
            at = heights(values[some]).astype(np.int64)
            self._at[some] = at
            self._sizes += np.bincount(at, minlength=count)
        self._ends = np.cumsum(self._sizes)
        self._one: Floats | None = None
        self._is_sorted = np.ones(count, dtype=np.bool_)
        """Which bins have to be sorted: those whose values aren't all the same."""

    def _of(self, ranks: Ints) -> Ints:
        return np.searchsorted(self._ends, ranks, side="right")

    def _sorted_for(self, ranks: Ints) -> Mask:
        """Return which bins are to be sorted so that values of some ranks are known."""
        found = np.zeros(len(self._sizes), dtype=np.bool_)
        found[self._of(ranks)] = True
        return found & self._is_sorted

    def are_full(self, ranks: Ints, *, look: bool) -> bool:
        """Return whether much would have to be sorted; with *look*, what is there over and over again isn't counted."""
        if look and self._is_much(ranks):
            self._one = np.zeros(len(self._sizes))
            self._one[self._at] = self._values
            self._is_sorted[:] = False
            for some in portions(len(self._values)):
                at = self._at[some]
                self._is_sorted[at[self._one[at] != self._values[some]]] = True
        return self._is_much(ranks)

    def _is_much(self, ranks: Ints) -> bool:
        return bool(self._sizes[self._sorted_for(ranks)].sum() * _MUCH > len(self._values))

    def values_at(self, ranks: Ints) -> Floats:
        """Return the values at some ranks."""
        is_sorted, of_rank = self._sorted_for(ranks), self._of(ranks)
        ordered = np.sort(self._values[is_sorted[self._at]])
        kept = np.where(is_sorted, self._sizes, 0)
        place = (np.cumsum(kept) - kept)[of_rank] + ranks - (self._ends - self._sizes)[of_rank]
        if self._one is None:
            return np.asarray(ordered[place])
        found, there = self._one[of_rank], is_sorted[of_rank]
        found[there] = ordered[place[there]]
        return found

    def finer(self, ranks: Ints) -> tuple[_Heights, int]:
        """Return what puts values into finer bins, the more of them the fuller one is, and how many there are."""
        inside = np.where(self._sorted_for(ranks), self._sizes, 0)
        parts = 1 + inside * _BINS // max(1, int(inside.sum()))
        firsts = (np.cumsum(parts) - parts).astype(np.float64)
        last = (parts - 1).astype(np.float64)

        def heights(some: Floats) -> Floats:
            found = self._heights(some)
            at = found.astype(np.int64)
            found -= at
            found *= parts[at]
            return np.asarray(np.minimum(found, last[at]) + firsts[at])

        return heights, int(parts.sum())
