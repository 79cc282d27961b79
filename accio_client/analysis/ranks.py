"""Values by their rank, exactly, without sorting all of them."""

import numpy as np

from accio_client.analysis.columns import Floats, Ints

_SORTED_BELOW = 50_000
_BINS = 1 << 16


def values_at(values: Floats, ranks: Ints) -> Floats:
    """Return what stands at some ascending ranks (from 0) when the values, all finite, are sorted.

    Of many values, only those are sorted that fall into the same of 65,536 bins as one that is wanted.
    """
    if len(values) < _SORTED_BELOW:
        return np.asarray(np.sort(values)[ranks])
    low, high = float(values.min()), float(values.max())
    with np.errstate(over="ignore", divide="ignore"):
        per_bin = (_BINS - 1) / np.float64(high - low)
    if not (0 < per_bin < np.inf):  # all are equal, or too far from each other for a double
        return np.asarray(np.sort(values)[ranks])
    bins = ((values - low) * per_bin).astype(np.int32)  # grows with the values, so that no rank changes its bin
    inside = np.bincount(bins, minlength=_BINS)
    ends = np.cumsum(inside)
    of_rank = np.searchsorted(ends, ranks, side="right")
    is_wanted = np.zeros(_BINS, dtype=np.bool_)
    is_wanted[of_rank] = True
    left = np.sort(values[is_wanted[bins]])
    kept = np.where(is_wanted, inside, 0)
    first_left = np.cumsum(kept) - kept
    return np.asarray(left[first_left[of_rank] + ranks - (ends - inside)[of_rank]])
