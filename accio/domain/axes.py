"""Axes: a parameter of a sweep with its values in order, listed or computed, each found by its place."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from accio.domain.absence import NO_VALUE
from accio.domain.datatypes import INTEGRAL, DataType, Kind, parse_type
from accio.domain.jsontypes import JsonObject
from accio.domain.ranges import GeometricPoints, LinearPoints, Points, WholePoints
from accio.domain.values import format_double

CACHED_TEXTS = 32_768
"""Texts that are kept once computed, of all axes together: some megabytes, however many axes there are."""


class _Kept:
    """The texts of all axes. State: how many were kept since all were forgotten, and where.

    Threads may lose a count, or an axis that is noted while all is forgotten: then a few texts more are kept.
    """

    def __init__(self) -> None:
        self._count = 0
        self._axes: list[dict[int, str]] = []

    def keep(self, texts: dict[int, str], index: int, text: str) -> None:
        """Keep a text of an axis, and forget all before it where they are as many as may be."""
        self._count += 1
        if self._count > CACHED_TEXTS:
            axes, self._axes, self._count = self._axes, [], 1
            for each in axes:
                each.clear()
        if not texts:
            self._axes.append(texts)
        texts[index] = text


_KEPT = _Kept()


class Axis:
    """One parameter with its values in order, as canonical texts, or NO_VALUE. Immutable, but for a cache."""

    __slots__ = ("_cache", "_indices", "_points", "_texts", "name", "size", "type")

    def __init__(self, name: str, datatype: DataType, values: "tuple[str, ...] | Points") -> None:
        """Make an axis of listed texts (distinct, at least one), or of the points of a range."""
        self.name = name
        self.type = datatype
        self._texts = values if isinstance(values, tuple) else None
        self._points = None if isinstance(values, tuple) else values
        self.size = len(values) if isinstance(values, tuple) else values.size
        self._cache: dict[int, str] = {}
        self._indices: dict[str, int] | None = None

    @property
    def is_formula(self) -> bool:
        """Whether the values are computed, not listed."""
        return self._texts is None

    def value_at(self, index: int) -> str:
        """Return the canonical text of a value, or NO_VALUE; IndexError if there is no such index."""
        if self._texts is not None:
            if index < 0:
                raise IndexError(index)
            return self._texts[index]
        text = self._cache.get(index)
        return self._computed(index) if text is None else text

    def _computed(self, index: int) -> str:
        assert self._points is not None
        if not 0 <= index < self.size:
            raise IndexError(index)
        point = self._points.at(index)
        kind = self.type.kind
        text = format_double(float(point)) if kind is Kind.DOUBLE or kind is Kind.DISTANCE else str(int(point))
        _KEPT.keep(self._cache, index, text)
        return text

    def index_of(self, text: str) -> int | None:
        """Find a canonical text among the values."""
        if self._points is None:
            if self._indices is None:
                self._indices = {value: index for index, value in enumerate(self._texts or ())}
            return self._indices.get(text)
        try:
            near = self._points.index_near(Decimal(text))
        except ArithmeticError:  # "NaN" in quotation marks, say
            return None
        for index in (near, near - 1, near + 1):
            if 0 <= index < self.size and self.value_at(index) == text:
                return index
        return None

    @property
    def includes_none(self) -> bool:
        """Whether some children have no value of the parameter."""
        return self._points is None and self.index_of(NO_VALUE) is not None

    def values(self) -> Iterator[str]:
        """Go through all values; only for axes whose size was checked."""
        return (self.value_at(index) for index in range(self.size))

    def bounds(self) -> tuple[str, str]:
        """Return the first and the last value."""
        return self.value_at(0), self.value_at(self.size - 1)

    def all_are_doubles(self) -> bool:
        """Return, of a computed axis, whether a double can hold each value exactly; False if that isn't easily seen."""
        return self._points is not None and (not isinstance(self._points, WholePoints) or self._points.are_doubles())

    def to_json(self) -> JsonObject:
        """Return an exact form that `from_json` reads; a range stays a formula."""
        document: JsonObject = {"name": self.name, "type": str(self.type)}
        match self._points:
            case None:
                document["values"] = list(self._texts or ())
            case WholePoints(start=start, step=step, size=size):
                document |= {"start": str(start), "step": str(step), "size": size}
            case LinearPoints(start=origin, step=stride, size=size, end=end):
                document |= {"start": str(origin), "step": str(stride), "size": size}
                document["end"] = None if end is None else str(end)
            case GeometricPoints(start=origin, ratio=ratio, size=size, end=end):
                document |= {"start": str(origin), "ratio": str(ratio), "size": size}
                document["end"] = None if end is None else str(end)
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Axis":
        """Read what `to_json` gave."""
        datatype = parse_type(document["type"])
        return cls(document["name"], datatype, _values_from_json(datatype, document))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Axis) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash((self.name, self.type, self.size))

    def __repr__(self) -> str:
        first, last = self.bounds()
        return f"Axis({self.name}: {self.type}, {self.size} values, {first} to {last})"


def _values_from_json(datatype: DataType, document: Mapping[str, Any]) -> "tuple[str, ...] | Points":
    if "values" in document:
        return tuple(document["values"])
    size = document["size"]
    if datatype.kind in INTEGRAL or datatype.kind in (Kind.DURATION, Kind.TIMESTAMP):
        return WholePoints(start=int(document["start"]), step=int(document["step"]), size=size)
    end = None if document["end"] is None else Decimal(document["end"])
    start = Decimal(document["start"])
    if "ratio" in document:
        return GeometricPoints(start=start, ratio=Decimal(document["ratio"]), size=size, end=end)
    return LinearPoints(start=start, step=Decimal(document["step"]), size=size, end=end)
