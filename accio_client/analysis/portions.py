"""Portions of columns: what is computed of one fits into a processor's cache."""

from collections.abc import Iterator

CELLS_AT_ONCE = 1 << 16
"""How many numbers are taken at once."""


def portions(size: int) -> Iterator[slice]:
    """Return the portions of a column of this size, in its order."""
    return (slice(first, first + CELLS_AT_ONCE) for first in range(0, size, CELLS_AT_ONCE))
