"""A number for each child that is a sum of what its parameters contribute, such as the cell of a map that it is in.

Of a grid no child is looked at for it: what the slow parameters contribute is added to what the quick ones do, a few
children at a time, so that whatever is computed of them fits into a processor's cache.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from accio_client.analysis.columns import Ints, Mask, SweepTable
from accio_client.analysis.portions import CELLS_AT_ONCE


class Codes:
    """The numbers of the children; each place of each named parameter contributes to them."""

    def __init__(self, table: SweepTable, contributions: Mapping[str, Ints]) -> None:
        self._table = table
        self._contributions = contributions
        self._inner = _inner(table)
        if table.is_grid:
            self._quick = self._sum(np.arange(self._inner))
            self._slow = self._sum(np.arange(0, table.size, self._inner)) - self._quick[0]

    def _sum(self, children: Ints) -> Ints:
        found = np.zeros(len(children), dtype=np.int64)
        for name, of_place in self._contributions.items():
            found += of_place[self._table.coordinate(name, children)]
        return found

    def of(self, block: slice) -> Ints:
        """Return the numbers of the children of one of the `blocks` of the sweep."""
        if not self._table.is_grid:
            return self._sum(np.arange(block.start, block.stop))
        first, inside = divmod(block.start, self._inner)
        if inside or block.stop - block.start < self._inner:
            return np.asarray(self._quick[inside : inside + block.stop - block.start] + self._slow[first])
        return np.asarray(self._slow[first : block.stop // self._inner, None] + self._quick).reshape(-1)


def blocks(table: SweepTable) -> Iterator[slice]:
    """Yield the children of a sweep, some at a time."""
    inner = _inner(table)
    step = max(inner, CELLS_AT_ONCE // inner * inner)
    for first in range(0, table.size, step):
        last = min(table.size, first + step)
        for start in range(first, last, CELLS_AT_ONCE):
            yield slice(start, min(last, start + CELLS_AT_ONCE))


def among(block: slice, where: Mask | None) -> Mask | None:
    """Return which children of a block are selected; None if all are."""
    chosen = None if where is None else where[block]
    return None if chosen is None or chosen.all() else chosen


def _inner(table: SweepTable) -> int:
    """Return how many children follow each other that differ in quick parameters only."""
    inner = 1
    for size in reversed(table.shape if table.is_grid else ()):
        if inner > 1 and inner * size > CELLS_AT_ONCE:
            break
        inner *= size
    return inner
