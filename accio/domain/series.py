"""Series of measurements that an operator makes while it runs: bounded, thinned so that their shape stays.

A series is a list of points in the order in which they were measured. It keeps a bounded number of them, however many
there are, by this rule:

- Points that follow each other make a *bucket*: one each at first, twice as many whenever there are BUCKETS of them.
- Of each bucket its smallest and its largest value are kept, in their order. NaN counts as larger than any number.
- The first and the last point of all are kept besides.

So no extreme is ever lost, a series of up to BUCKETS points is kept whole, and adding a point costs the same however
many came before.
"""

import math
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

BUCKETS = 256
"""The most that are shown; up to twice as many and two points are kept."""

MOST_POINTS = 2 * BUCKETS + 2

_POINT_BYTES = 24

MOST_SERIES = 100
"""Of one execution."""

LARGEST_STEP = (1 << 53) - 1
"""Steps are from minus this to this, so that a double holds each."""

PROGRESS = "progress"
"""The series of what an operator says of its progress; no metric with steps has this name."""


class Point(NamedTuple):
    """One measurement: *seconds* since the execution began."""

    step: int
    value: float
    seconds: float


class Packed(NamedTuple):
    """A series as it travels and is stored: *points* as `pack` writes them."""

    name: str
    total: int
    points: bytes


Bucket = tuple[Point, Point]
"""The points of its smallest and its largest value, the earlier one first."""


_NOWHERE = Point(0, 0.0, 0.0)


class Series:
    """The points of one name, thinned as they come."""

    __slots__ = ("_buckets", "_filled", "_first", "_high", "_high_at", "_last", "_low", "_low_at", "_width", "total")

    def __init__(self) -> None:
        self.total = 0
        """How many points there were."""
        self._first: Point | None = None
        self._last: Point | None = None
        self._buckets: list[Bucket] = []  # the full ones
        self._width = 1  # points of a bucket
        self._filled = 0  # points in the one that isn't full, and then its extremes and their places
        self._low = self._high = _NOWHERE
        self._low_at = self._high_at = 0

    def add(self, point: Point) -> None:
        """Add a point. Operators call this in their innermost loops: it takes a microsecond."""
        if self._first is None:
            self._first = point
        self._last = point
        self.total += 1
        value = point[1]
        if not self._filled:
            self._low = self._high = point
            self._low_at = self._high_at = self.total
        else:
            low, high = self._low[1], self._high[1]
            # What differs from itself is NaN.
            if value < low or (low != low and value == value):
                self._low, self._low_at = point, self.total
            if value > high or (value != value and high == high):
                self._high, self._high_at = point, self.total
        self._filled += 1
        if self._filled == self._width:
            self._buckets.append(self._extremes())
            self._filled = 0
            if len(self._buckets) == BUCKETS:
                pairs = zip(self._buckets[::2], self._buckets[1::2], strict=True)
                self._buckets = [_merged(left, right) for left, right in pairs]
                self._width *= 2

    def _extremes(self) -> Bucket:
        return (self._low, self._high) if self._low_at <= self._high_at else (self._high, self._low)

    def points(self) -> list[Point]:
        """Return the points that are kept, in the order in which they came."""
        found: dict[Point, None] = {}
        if self._first is not None:
            found[self._first] = None
        for bucket in [*self._buckets, self._extremes()] if self._filled else self._buckets:
            found[bucket[0]] = None
            found[bucket[1]] = None
        if self._last is not None:
            found.pop(self._last, None)
            found[self._last] = None
        return list(found)

    def __repr__(self) -> str:
        return f"<Series of {self.total} points, {self._width} in a bucket>"


def _merged(earlier: Bucket, later: Bucket) -> Bucket:
    low = _smaller(_smaller(*earlier), _smaller(*later))
    high = _larger(_larger(*earlier), _larger(*later))
    # Who is the earlier of the two: points of the earlier bucket come first, and within one its own order says.
    order = [*earlier, *later]
    return (low, high) if _place(order, low) <= _place(order, high) else (high, low)


def _place(order: Sequence[Point], point: Point) -> int:
    return next(place for place, each in enumerate(order) if each is point)


def _rank(value: float) -> tuple[bool, float]:
    return (True, 0.0) if math.isnan(value) else (False, value)


def _smaller(one: Point, other: Point) -> Point:
    return other if _rank(other.value) < _rank(one.value) else one


def _larger(one: Point, other: Point) -> Point:
    return other if _rank(other.value) > _rank(one.value) else one


def pack(points: Sequence[Point]) -> bytes:
    """Write points as doubles, the lowest byte first: all steps, then all values, then all seconds."""
    columns = zip(*points, strict=True) if points else ()
    return struct.pack(f"<{3 * len(points)}d", *(number for column in columns for number in column))


def unpack(data: bytes) -> list[Point]:
    """Read what `pack` wrote; ValueError for what it can't have written."""
    count, rest = divmod(len(data), _POINT_BYTES)
    if rest or count > MOST_POINTS:
        raise ValueError(f"expected at most {MOST_POINTS} points of {_POINT_BYTES} bytes, found {len(data)} bytes")
    numbers = struct.unpack(f"<{3 * count}d", data)
    steps, values, seconds = numbers[:count], numbers[count : 2 * count], numbers[2 * count :]
    if not all(abs(step) <= LARGEST_STEP for step in steps):
        raise ValueError(f"expected whole numbers as steps, found one of {max(steps, key=abs)}")
    return [Point(int(step), value, at) for step, value, at in zip(steps, values, seconds, strict=True)]


def latest_at(points: Iterable[Point], step: int) -> Point | None:
    """Return the latest of the points that were measured at *step* or before it; None if there is none."""
    found: Point | None = None
    for point in points:
        if point.step <= step and (found is None or point.step >= found.step):
            found = point
    return found


def joined(attempts: Iterable[Sequence[Point]]) -> list[Point]:
    """Return the points of several attempts of a node, oldest first, as one series.

    An attempt that goes on from a checkpoint begins at the step after it: what the attempts before had measured from
    there on doesn't count.
    """
    found: list[Point] = []
    for points in attempts:
        if points:
            begun = points[0].step
            found = [point for point in found if point.step < begun]
            found.extend(points)
    return found
