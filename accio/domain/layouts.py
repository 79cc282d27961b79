"""How the points of a sweep that is no plain grid are numbered: digits, what is kept of them, blocks one after another.

A point's number is written in a mixed radix. Each digit stands for an axis, or for several whose values go together: it
says a row, and the row an index on each of them. A block is the product of its digits, or what conditions leave of it
(a slice, so that the k-th point that is left is computed); a union has several blocks. Nothing is listed, but for rows
that are the definition themselves.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import prod
from typing import Any, Protocol

from accio.domain.jsontypes import JsonObject
from accio.domain.sampling import Row, Sampled
from accio.domain.slices import Every, Intervals, Level, Numbered, Renumbered, SweepSlice, Without


class Rows(Protocol):
    """What the values of a digit mean: an index on each of its axes."""

    @property
    def size(self) -> int:
        """How many rows there are."""
        ...

    def at(self, index: int) -> Row:
        """Return a row."""
        ...

    def columns(self) -> Sequence[Sequence[int]]:
        """Return all rows, by axes."""
        ...

    def to_json(self) -> JsonObject:
        """Return the members of a digit's JSON that say the rows."""
        ...


class Alike:
    """Rows in which every axis has the row's own number: one axis alone, or several whose values are all different."""

    __slots__ = ("_width", "size")

    def __init__(self, width: int, size: int) -> None:
        """Make *size* rows for *width* axes."""
        self._width = width
        self.size = size

    def at(self, index: int) -> Row:
        """Return a row."""
        return (index,) * self._width

    def columns(self) -> Sequence[Sequence[int]]:
        """Return all rows, by axes."""
        return [range(self.size)] * self._width

    def to_json(self) -> JsonObject:
        """Return the members that say the rows."""
        return {"size": self.size}


class Listed:
    """Rows that the definition lists."""

    __slots__ = ("_columns", "size")

    def __init__(self, columns: Sequence[Sequence[int]]) -> None:
        """Keep the rows by axes, all of the same length."""
        self._columns = tuple(tuple(column) for column in columns)
        self.size = len(self._columns[0])

    def at(self, index: int) -> Row:
        """Return a row."""
        return tuple([column[index] for column in self._columns])

    def columns(self) -> Sequence[Sequence[int]]:
        """Return all rows, by axes."""
        return self._columns

    def to_json(self) -> JsonObject:
        """Return the members that say the rows."""
        return {"rows": [list(column) for column in self._columns]}


class Digit:
    """One digit of a point's number: the places of its axes in the sweep, and what its values mean. Immutable."""

    __slots__ = ("_found", "axes", "rows", "size")

    def __init__(self, axes: Sequence[int], rows: Rows) -> None:
        """Combine axes, given by their places, with an index on each of them per row."""
        self.axes = tuple(axes)
        self.rows = rows
        self.size = rows.size
        self._found: dict[Row, int] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether every axis has the digit's own value as its index."""
        return isinstance(self.rows, Alike)

    def column(self, place: int) -> Sequence[int]:
        """Return, for each value of the digit, its index on the axis at a place of the sweep."""
        return self.rows.columns()[self.axes.index(place)]

    def find(self, row: Row) -> int | None:
        """Return which value of the digit means these indices."""
        if isinstance(self.rows, Alike):
            return row[0] if row == self.rows.at(row[0]) and 0 <= row[0] < self.size else None
        if self._found is None:
            self._found = {each: at for at, each in enumerate(zip(*self.rows.columns(), strict=True))}
        return self._found.get(row)

    def to_json(self) -> JsonObject:
        """Return an exact form that `from_json` reads."""
        return {"axes": list(self.axes), **self.rows.to_json()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Digit":
        """Read what `to_json` gave."""
        axes = document["axes"]
        if "rows" in document:
            return cls(axes, Listed(document["rows"]))
        if "sample" in document:
            return cls(axes, Sampled.from_json(document["sample"]))
        return cls(axes, Alike(len(axes), document["size"]))


class Block:
    """The product of some digits, the first varies slowest, or what is kept of it."""

    __slots__ = ("_points", "_strides", "digits", "kept", "removed", "size")

    def __init__(self, digits: Sequence[Digit], kept: SweepSlice | None = None, removed: Intervals = ()) -> None:
        """Combine digits.

        *kept* is what conditions leave of the product (None: all of it), and *removed* which points of what is kept
        aren't of the block, since blocks before it have them.
        """
        self.digits = tuple(digits)
        self.kept = kept
        self.removed = tuple((first, last) for first, last in removed)
        stride = prod(self.sizes)
        strides: list[tuple[Digit, int]] = []
        for digit in self.digits:
            stride //= digit.size
            strides.append((digit, stride))
        self._strides = tuple(strides)
        whole: Numbered = Every(prod(self.sizes)) if kept is None else kept
        self._points = Without(Every(whole.size), self.removed) if self.removed else None
        self.size = whole.size if self._points is None else self._points.size

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the digits."""
        return tuple(digit.size for digit in self.digits)

    @property
    def is_whole(self) -> bool:
        """Whether the block is the whole product of its digits."""
        return self.kept is None and not self.removed

    def fill(self, point: int, indices: list[int]) -> None:
        """Write the indices of a point on the block's axes into *indices*, which has all axes of the sweep."""
        if self._points is not None:
            point = self._points.number(point)
        if self.kept is not None:
            point = self.kept.number(point)
        for digit, stride in self._strides:
            for axis, index in zip(digit.axes, digit.rows.at(point // stride % digit.size), strict=True):
                indices[axis] = index

    def find(self, indices: Sequence[int]) -> int | None:
        """Return the point with these indices on all axes of the sweep."""
        point = 0
        for digit in self.digits:
            value = digit.find(tuple([indices[axis] for axis in digit.axes]))
            if value is None:
                return None
            point = point * digit.size + value
        for numbers in (self.kept, self._points):
            if numbers is not None:
                if not numbers.contains(point):
                    return None
                point = numbers.first(point)
        return point

    def children(self, root: Level | None, repeat: int) -> Numbered:
        """Return some of the block's children, counted from its first.

        *root* takes them of the product of its digits and of *repeat* repetitions.
        """
        found = SweepSlice((*self.sizes, repeat), root)
        children: Numbered = found
        size = prod(self.sizes) * repeat
        if self.kept is not None:
            kept = self.kept.repeated(repeat)
            children, size = Renumbered(found.among(kept), kept), kept.size
        if self.removed:
            removed = [(first * repeat, (last + 1) * repeat - 1) for first, last in self.removed]
            children = Renumbered(Without(children, removed), Without(Every(size), removed))
        return children

    def with_indices(self, fixed: Mapping[int, int], repeat: int) -> Level | None:
        """Return what takes the points that have these indices on axes, given by the places of these."""
        level = Level.of([(range(repeat), None)])
        for digit in reversed(self.digits):
            wanted = [(digit.column(axis), fixed[axis]) for axis in digit.axes if axis in fixed]
            taken = [range(digit.size)]
            if wanted:
                column, index = wanted[0]
                rows = _all_at(column, index)
                taken = [range(at, at + 1) for at in rows if all(column[at] == index for column, index in wanted)]
            below = level
            level = None if below is None else Level.of((part, below) for part in taken)
        return level

    def to_json(self) -> JsonObject:
        """Return an exact form that `from_json` reads."""
        document: JsonObject = {"digits": [digit.to_json() for digit in self.digits]}
        if self.kept is not None:
            document["kept"] = self.kept.to_json()
        if self.removed:
            document["removed"] = [list(each) for each in self.removed]
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Block":
        """Read what `to_json` gave."""
        digits = [Digit.from_json(digit) for digit in document["digits"]]
        sizes = [digit.size for digit in digits]
        kept = SweepSlice.from_json(sizes, document["kept"]) if "kept" in document else None
        return cls(digits, kept, [(first, last) for first, last in document.get("removed", ())])


def _all_at(column: Sequence[int], index: int) -> Sequence[int]:
    """Return where a column has an index; of a range, without looking at its values."""
    if isinstance(column, range):
        return [column.index(index)] if index in column else []
    return [at for at, value in enumerate(column) if value == index]


class Layout:
    """The points of a sweep as blocks, one after the other. Immutable."""

    __slots__ = ("_ends", "blocks", "size")

    def __init__(self, blocks: Sequence[Block]) -> None:
        """Chain blocks of the same axes."""
        self.blocks = tuple(blocks)
        self._ends = list(accumulate(block.size for block in self.blocks))
        self.size = self._ends[-1]

    def indices(self, point: int, width: int) -> Row:
        """Return the indices of a point on all *width* axes of the sweep."""
        at = bisect_right(self._ends, point) if len(self._ends) > 1 else 0
        found = [0] * width
        self.blocks[at].fill(point - (self._ends[at - 1] if at else 0), found)
        return tuple(found)

    def find(self, indices: Sequence[int]) -> int | None:
        """Return the point with these indices on all axes."""
        before = 0
        for block in self.blocks:
            if (point := block.find(indices)) is not None:
                return before + point
            before += block.size
        return None

    def stride(self, axes: frozenset[int]) -> int:
        """Return how many points one after the other surely agree on these axes; 1 if that isn't easily seen."""
        block = self.blocks[0]
        if len(self.blocks) > 1 or not block.is_whole:
            return 1
        last = max((at for at, digit in enumerate(block.digits) if axes.intersection(digit.axes)), default=-1)
        return prod(block.sizes[last + 1 :])

    def to_json(self) -> list[JsonObject]:
        """Return an exact form that `from_json` reads."""
        return [block.to_json() for block in self.blocks]

    @classmethod
    def from_json(cls, document: Sequence[Mapping[str, Any]]) -> "Layout":
        """Read what `to_json` gave."""
        return cls([Block.from_json(block) for block in document])
