"""Some of a sweep's children, in order, as a number of ranges on each digit: none is listed.

One level per digit of a child's number (docs/architecture.md: an axis, or axes that go together), then one for the
repetitions. The k-th child is found by going down once, and so is how many come before a child; both cost the same,
however many children there are. What is numbered in such a way can be restricted, renumbered and chained, and is still
so.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from math import prod
from typing import Any, Protocol, TypeAlias

from accio.late import dataclass

Intervals: TypeAlias = Sequence[tuple[int, int]]
"""Disjoint ascending intervals [first, last] of numbers."""


class Numbered(Protocol):
    """Some numbers in ascending order, none of which is listed."""

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    def number(self, k: int) -> int:
        """Return the k-th of them, from 0; IndexError if there is none."""
        ...

    def first(self, low: int) -> int:
        """Return the smallest k whose number is *low* or a higher one: how many come before."""
        ...

    def contains(self, number: int) -> bool:
        """Return whether a number is one of them."""
        ...

    def __iter__(self) -> Iterator[int]: ...


class _Numbers:
    """What follows from `number` and `first`."""

    size: int
    number: Callable[[int], int]
    first: Callable[[int], int]

    def contains(self, number: int) -> bool:
        """Return whether a number is one of them."""
        k = self.first(number)
        return k < self.size and self.number(k) == number

    def __iter__(self) -> Iterator[int]:
        return map(self.number, range(self.size))

    def __len__(self) -> int:
        return self.size


@dataclass(frozen=True, slots=True)
class Level:
    """What is taken on one level: ranges of indices, each with the node of the next level, and running totals."""

    ranges: tuple[range, ...]
    below: "tuple[Level | None, ...]"  # None is the end: the child is one of them
    totals: tuple[int, ...]  # members before each range, and of all
    size: int

    @classmethod
    def of(cls, taken: "Iterable[tuple[range, Level | None]]") -> "Level | None":
        """Return the level that takes these ranges, ascending and none of them empty; None without any."""
        parts = tuple(taken)
        if not parts:
            return None
        sizes = [len(part) * (1 if below is None else below.size) for part, below in parts]
        totals = tuple(accumulate(sizes, initial=0))
        return cls(tuple(part for part, _ in parts), tuple(below for _, below in parts), totals[:-1], totals[-1])


class SweepSlice(_Numbers):
    """Some children of a sweep, in order; none is listed."""

    def __init__(self, sizes: Sequence[int], root: Level | None) -> None:
        """Begin at a level for the first digit; *sizes* has those of all digits. *root* None: no child."""
        self._sizes = tuple(sizes)
        self._all = prod(self._sizes)
        self.root = root
        self.size = 0 if root is None else root.size

    def number(self, k: int) -> int:
        """Return the number of the k-th child, from 0; it grows with k."""
        if not 0 <= k < self.size:
            raise IndexError(k)
        node, number = self.root, 0
        for size in self._sizes:
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
        if low >= self._all:
            return self.size
        node, before = self.root, 0
        stride = self._all
        for size in self._sizes:
            stride //= size
            if node is None:
                return before
            index = low // stride % size
            at = bisect_right(node.ranges, index, key=_start) - 1
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

    def repeated(self, repeat: int) -> "SweepSlice":
        """Return the same with a last digit of *repeat* repetitions, all of them taken."""
        every = Level.of([(range(repeat), None)])
        made: dict[int, Level | None] = {}

        def deeper(node: Level | None) -> Level | None:
            if node is None:
                return every
            if id(node) not in made:
                made[id(node)] = Level.of((part, deeper(below)) for part, below in _parts(node))
            return made[id(node)]

        return SweepSlice((*self._sizes, repeat), None if self.root is None else deeper(self.root))

    def among(self, other: "SweepSlice") -> "SweepSlice":
        """Return what both take, of the same digits."""
        met: dict[tuple[int, int], Level | None] = {}

        def both(one: Level, two: Level) -> Level | None:
            key = id(one), id(two)
            if key not in met:
                met[key] = Level.of(_met(one, two, both))
            return met[key]

        neither = self.root is None or other.root is None
        return SweepSlice(self._sizes, None if neither else both(self.root, other.root))  # type: ignore[arg-type]  # neither is None

    def to_json(self) -> list[list[list[int]]]:
        """Return the levels, each before those above it: `[first, end, place of the level below or -1]` per range."""
        places: dict[int, int] = {}
        listed: list[list[list[int]]] = []

        def place(node: Level | None) -> int:
            if node is None:
                return -1
            if id(node) not in places:
                ranges = [[part.start, part.stop, place(below)] for part, below in _parts(node)]
                places[id(node)] = len(listed)
                listed.append(ranges)
            return places[id(node)]

        place(self.root)
        return listed

    @classmethod
    def from_json(cls, sizes: Sequence[int], document: Sequence[Any]) -> "SweepSlice":
        """Read what `to_json` gave."""
        levels: list[Level | None] = []
        for ranges in document:
            levels.append(Level.of((range(first, end), None if at < 0 else levels[at]) for first, end, at in ranges))
        return cls(sizes, levels[-1] if levels else None)

    def __repr__(self) -> str:
        return f"SweepSlice({self.size} of {self._all})"


def _start(part: range) -> int:
    return part.start


def _parts(node: Level) -> Iterator[tuple[range, Level | None]]:
    return zip(node.ranges, node.below, strict=True)


def _met(one: Level, two: Level, both: Callable[[Level, Level], Level | None]) -> Iterator[tuple[range, Level | None]]:
    """Yield what the ranges of two levels have in common, with what the levels below have."""
    left, right = 0, 0
    while left < len(one.ranges) and right < len(two.ranges):
        first, second = one.ranges[left], two.ranges[right]
        common = range(max(first.start, second.start), min(first.stop, second.stop))
        if common:
            below, other = one.below[left], two.below[right]
            if below is None or other is None:
                yield common, None
            elif (deeper := both(below, other)) is not None:
                yield common, deeper
        if first.stop <= second.stop:
            left += 1
        else:
            right += 1


class Every(_Numbers):
    """All numbers below a size."""

    def __init__(self, size: int) -> None:
        """Hold all of *size*."""
        self.size = size

    def number(self, k: int) -> int:
        """Return k."""
        if not 0 <= k < self.size:
            raise IndexError(k)
        return k

    def first(self, low: int) -> int:
        """Return *low* itself, within bounds."""
        return min(max(low, 0), self.size)


class Without(_Numbers):
    """Those of some numbers that lie in none of some intervals."""

    def __init__(self, taken: Numbered, removed: Intervals) -> None:
        """Remove intervals of numbers, disjoint and ascending."""
        self._taken = taken
        # In places of `taken`: where each gap begins, and how many are lost before it and with it.
        gaps = [(taken.first(first), taken.first(last + 1)) for first, last in removed]
        self._lost = list(accumulate((end - start for start, end in gaps), initial=0))
        self._starts = [start for start, _ in gaps]
        self._left = [start - lost for start, lost in zip(self._starts, self._lost, strict=False)]
        self._ends = [end for _, end in gaps]
        self.size = taken.size - self._lost[-1]

    def number(self, k: int) -> int:
        """Return the k-th number that is left."""
        if not 0 <= k < self.size:
            raise IndexError(k)
        return self._taken.number(k + self._lost[bisect_right(self._left, k)])

    def first(self, low: int) -> int:
        """Return how many numbers below *low* are left."""
        place = self._taken.first(low)
        at = bisect_right(self._starts, place)
        if at and place < self._ends[at - 1]:
            return self._starts[at - 1] - self._lost[at - 1]
        return place - self._lost[at]


class Renumbered(_Numbers):
    """The places that some numbers have among others, all of which they are part of."""

    def __init__(self, taken: Numbered, among: Numbered) -> None:
        """Number *taken* by *among*."""
        self._taken = taken
        self._among = among
        self.size = taken.size

    def number(self, k: int) -> int:
        """Return the place of the k-th."""
        return self._among.first(self._taken.number(k))

    def first(self, low: int) -> int:
        """Return how many have a place below *low*."""
        if low >= self._among.size:
            return self.size
        return self._taken.first(self._among.number(max(low, 0)))


class Chained(_Numbers):
    """Numbers one part after the other, each part's counted from its own beginning."""

    def __init__(self, parts: Sequence[tuple[int, Numbered]]) -> None:
        """Chain parts, each given with how many numbers there are of it in all."""
        self._parts = [part for _, part in parts]
        self._offsets = list(accumulate((of for of, _ in parts), initial=0))
        self._totals = list(accumulate((part.size for part in self._parts), initial=0))
        self.size = self._totals[-1]

    def number(self, k: int) -> int:
        """Return the k-th number of all parts."""
        if not 0 <= k < self.size:
            raise IndexError(k)
        at = bisect_right(self._totals, k) - 1
        return self._offsets[at] + self._parts[at].number(k - self._totals[at])

    def first(self, low: int) -> int:
        """Return how many numbers of all parts are below *low*."""
        if low >= self._offsets[-1]:
            return self.size
        at = max(0, bisect_right(self._offsets, max(low, 0)) - 1)
        return self._totals[at] + self._parts[at].first(low - self._offsets[at])
