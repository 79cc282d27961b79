"""Some of a sweep's children, in order, as a number of ranges on each axis: none is listed.

One level per axis, then one for the repetitions. The k-th child is found by going down once, and so is how many come
before a child; both cost the same, however many children there are.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from accio.domain.sweeps import Sweep


@dataclass(frozen=True, slots=True)
class Level:
    """What is taken on one level: ranges of indices, each with the node of the next level, and running totals."""

    ranges: tuple[range, ...]
    below: "tuple[Level | None, ...]"  # None is the end: the child is one of them
    totals: tuple[int, ...]  # members before each range, and of all
    size: int


class SweepSlice:
    """Some children of a sweep, in order; none is listed."""

    def __init__(self, sweep: Sweep, root: Level | None) -> None:
        """Begin at a level for the first axis (of the repetitions, if there is none); *root* None: no child."""
        self._sweep = sweep
        self._root = root
        self.size = 0 if root is None else root.size

    def number(self, k: int) -> int:
        """Return the number of the k-th child, from 0; it grows with k."""
        if not 0 <= k < self.size:
            raise IndexError(k)
        node, number = self._root, 0
        for size in _sizes(self._sweep):
            assert node is not None
            at = bisect_right(node.totals, k) - 1
            k -= node.totals[at]
            below = node.below[at]
            each = 1 if below is None else below.size
            number = number * size + node.ranges[at].start + k // each
            node, k = below, k % each
        return number

    def first(self, low: int) -> int:
        """Return the smallest k whose child has the number *low* or a higher one: how many children come before."""
        if low <= 0:
            return 0
        if low >= self._sweep.size:
            return self.size
        node, before = self._root, 0
        for stride, size in _strides(self._sweep):
            if node is None:
                return before
            index = low // stride % size
            at = bisect_right([each.start for each in node.ranges], index) - 1
            if at < 0:
                return before
            below = node.below[at]
            each = 1 if below is None else below.size
            inside = index < node.ranges[at].stop
            passed = index - node.ranges[at].start if inside else len(node.ranges[at])
            before += node.totals[at] + passed * each
            if not inside:
                return before
            node = below
        return before

    def contains(self, number: int) -> bool:
        """Return whether a child is one of them."""
        k = self.first(number)
        return k < self.size and self.number(k) == number

    def __iter__(self) -> Iterator[int]:
        return map(self.number, range(self.size))

    def __len__(self) -> int:
        return self.size

    def __repr__(self) -> str:
        return f"SweepSlice({self.size} of {self._sweep.size})"


def all_with(sweep: Sweep, fixed: Mapping[int, int]) -> SweepSlice:
    """Return the children that have an index on some axes, given by the places of these."""
    level: Level | None = None
    for place, size in reversed(list(enumerate(_sizes(sweep)))):
        taken = range(fixed[place], fixed[place] + 1) if place in fixed else range(size)
        level = Level((taken,), (level,), (0,), len(taken) * (1 if level is None else level.size))
    return SweepSlice(sweep, level)


def _sizes(sweep: Sweep) -> list[int]:
    return [*(axis.size for axis in sweep.axes), sweep.repeat]


def _strides(sweep: Sweep) -> Iterator[tuple[int, int]]:
    stride = sweep.size
    for size in _sizes(sweep):
        stride //= size
        yield stride, size
