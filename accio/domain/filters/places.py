"""Which values of an axis satisfy a predicate, as ranges of indices: by bisection where the axis is a formula."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, TypeAlias

from accio.domain.absence import ABSENT, means_none
from accio.domain.axes import Axis
from accio.domain.datatypes import Kind
from accio.domain.filters.checking import Predicate
from accio.domain.filters.fields import Reads
from accio.domain.filters.literals import comparable_text, read_typed
from accio.domain.filters.syntax import ORDERED, Op

Places: TypeAlias = tuple[range, ...]
"""Indices as ranges of step 1, in order, that neither meet nor overlap."""


def count(found: Places) -> int:
    """Return how many indices there are."""
    return sum(map(len, found))


def places(predicate: Predicate, axis: Axis) -> Places:
    """Return the indices on *axis* whose values satisfy the predicate."""
    if axis.includes_none and predicate.subject.reads is Reads.ANY and predicate.op is not Op.CONTAINS:
        subject = replace(predicate.subject, reads=axis.type)
        predicate = replace(predicate, subject=subject, values=_read_for(predicate, axis))
    if not axis.is_formula or axis.size < 3:
        return _where(predicate.holds, (comparable_text(axis.type, text) for text in axis.values()))
    if predicate.subject.reads is Reads.ANY:  # what it is compared with is read as this axis has it
        if predicate.op is Op.CONTAINS:
            return ()
        predicate = replace(predicate, values=_read_for(predicate, axis))
    return of_sequence(predicate, _Values(axis))


def _read_for(predicate: Predicate, axis: Axis) -> tuple[Any, ...]:
    """Return what a predicate on a parameter of any type compares with, as this axis has it, if it can have it."""
    if predicate.op not in ORDERED and any(means_none(axis.type, text) for text in predicate.values):
        others = replace(predicate, values=tuple(text for text in predicate.values if not means_none(axis.type, text)))
        return (ABSENT, *_read_for(others, axis))
    read = (read_typed(axis.type, text, predicate.now_ms) for text in predicate.values)
    return tuple(value for value in read if value is not None)


def of_repetitions(predicate: Predicate, repeat: int) -> Places:
    """Return the indices (from 0) of the repetitions (from 1) that satisfy the predicate."""
    return of_sequence(predicate, range(1, repeat + 1))


def of_sequence(predicate: Predicate, values: Sequence[Any]) -> Places:
    """Return the indices of values that strictly grow or strictly shrink, by bisection."""
    size = len(values)
    wanted = [each for each in predicate.values if each == each and each is not ABSENT]
    if not size or not wanted:
        return (range(size),) if predicate.op is Op.DIFFERENT and size else ()
    grows = size == 1 or values[0] < values[-1]
    if predicate.op in (Op.EQUAL, Op.DIFFERENT):
        equal = {at for value in wanted if (at := _left(values, value, grows)) < size and values[at] == value}
        found = union(range(at, at + 1) for at in equal)
        return complement(found, size) if predicate.op is Op.DIFFERENT else found
    value = wanted[0]
    below, upto = _left(values, value, grows), _right(values, value, grows)
    match predicate.op, grows:
        case (Op.LESS, True) | (Op.MORE, False):
            found = (range(below),)
        case (Op.AT_MOST, True) | (Op.AT_LEAST, False):
            found = (range(upto),)
        case (Op.MORE, True) | (Op.LESS, False):
            found = (range(upto, size),)
        case _:
            found = (range(below, size),)
    return tuple(each for each in found if each)


class _Values(Sequence[Any]):
    """The comparable values of a computed axis."""

    def __init__(self, axis: Axis) -> None:
        self._axis = axis
        doubles = axis.type.kind in (Kind.DOUBLE, Kind.DISTANCE)
        self._read: Callable[[str], Any] = float if doubles else int

    def __len__(self) -> int:
        return self._axis.size

    def __getitem__(self, at: Any) -> Any:
        return self._read(self._axis.value_at(at if at >= 0 else at + self._axis.size))


def _left(values: Sequence[Any], wanted: Any, grows: bool) -> int:
    if grows:
        return bisect_left(values, wanted)
    return bisect_left(values, -wanted, key=lambda value: -value)


def _right(values: Sequence[Any], wanted: Any, grows: bool) -> int:
    if grows:
        return bisect_right(values, wanted)
    return bisect_right(values, -wanted, key=lambda value: -value)


def _where(holds: Callable[[Any], bool], values: Iterable[Any]) -> Places:
    return of_flags(map(holds, values))


def of_flags(flags: Iterable[bool]) -> Places:
    """Return the indices at which a flag is set."""
    found: list[range] = []
    at = 0
    for satisfied, group in groupby(flags):
        size = sum(1 for _ in group)
        if satisfied:
            found.append(range(at, at + size))
        at += size
    return tuple(found)


def complement(found: Places, size: int) -> Places:
    """Return the other indices below *size*."""
    rest: list[range] = []
    at = 0
    for each in found:
        if each.start > at:
            rest.append(range(at, each.start))
        at = each.stop
    if at < size:
        rest.append(range(at, size))
    return tuple(rest)


def union(ranges: Iterable[range]) -> Places:
    """Return the indices of any ranges, in the one form that compares equal."""
    merged: list[range] = []
    for each in sorted((each for each in ranges if each), key=lambda each: each.start):
        if merged and each.start <= merged[-1].stop:
            merged[-1] = range(merged[-1].start, max(merged[-1].stop, each.stop))
        else:
            merged.append(each)
    return tuple(merged)


def segments(found: Sequence[Places], size: int) -> list[tuple[range, int]]:
    """Cut the indices below *size* into ranges inside which nothing changes.

    Each has the set of those of *found* that have it, as bits: the k-th of them is 1 << k.
    """
    changes: dict[int, int] = {0: 0}
    for bit, each in enumerate(found):
        for part in each:
            for edge in (part.start, part.stop):
                changes[edge] = changes.get(edge, 0) ^ (1 << bit)
    edges = sorted(edge for edge in changes if edge < size)
    cut: list[tuple[range, int]] = []
    held = 0
    for edge, following in zip(edges, [*edges[1:], size], strict=True):
        held ^= changes[edge]
        cut.append((range(edge, following), held))
    return cut
