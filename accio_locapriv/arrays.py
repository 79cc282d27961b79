"""The array types of this package: everything works on columns, not on objects per event."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
"""Float columns; of shape (n,), or (n, 3) for unit vectors and (n, 2) for planar metres."""

Ints: TypeAlias = NDArray[np.int64]
"""Integer columns: epoch milliseconds, indices, offsets."""

Bools: TypeAlias = NDArray[np.bool_]
"""Masks."""


def offsets_of(counts: Ints) -> Ints:
    """Return where each group begins, and at the end where the last one ends: n + 1 numbers for n groups."""
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def ranges(starts: Ints, counts: Ints) -> Ints:
    """Return the indices start … start + count - 1 of each group, one group after the other."""
    offsets = offsets_of(counts)
    indices: Ints = np.arange(offsets[-1], dtype=np.int64) + np.repeat(starts - offsets[:-1], counts)
    return indices
