"""Whether a row matches: a row is a mapping from keys (`state`, `param.epsilon`, `Node/port`, `Node.metric`) to values.

A term about something that the row doesn't have (None, or no key) doesn't match, and neither does its `!=`; `not`
turns that around. A parameter of a sweep may be an Axis: the run matches if one of its values does.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from accio.domain.axes import Axis
from accio.domain.filters.checking import Checked, Predicate
from accio.domain.filters.fields import PARAM, SEARCHED
from accio.domain.filters.places import count, places
from accio.domain.filters.syntax import Leaf, Text, fold

Row: TypeAlias = Mapping[str, Any]
Test: TypeAlias = Callable[[Row], bool]


def matches(checked: Checked, row: Row) -> bool:
    """Return whether a row matches the filter."""
    return matcher(checked)(row)


def matcher(checked: Checked) -> Test:
    """Return the test whether a row matches the filter; it asks a row for no more than decides."""

    def leaf(leaf: Leaf) -> Test:
        if isinstance(leaf, Text):
            return finder(leaf.text)
        predicate = checked.predicates[leaf]
        key = predicate.subject.key
        return lambda row: holds(predicate, row.get(key))

    def negate(part: Test) -> Test:
        return lambda row: not part(row)

    def conjoin(parts: list[Test]) -> Test:
        return lambda row: all(part(row) for part in parts)

    def disjoin(parts: list[Test]) -> Test:
        return lambda row: any(part(row) for part in parts)

    return fold(
        checked.filter, everything=lambda: lambda _: True, leaf=leaf, negate=negate, conjoin=conjoin, disjoin=disjoin
    )


def holds(predicate: Predicate, value: Any) -> bool:
    """Return whether a value of a row satisfies a predicate."""
    return count(places(predicate, value)) > 0 if isinstance(value, Axis) else predicate.holds(value)


def finder(text: str) -> Test:
    """Return the test whether a word is in one of a row's texts, whatever the case of either."""
    part = text.casefold()

    def found(row: Row) -> bool:  # plain loops: it is asked of thousands of rows for one page
        for name in SEARCHED:
            if _within(row.get(name), part):
                return True
        for key in row:  # noqa: SIM110 - as above
            if key.startswith(PARAM) and _within(row[key], part):
                return True
        return False

    return found


def _within(value: Any, part: str) -> bool:
    if isinstance(value, str):
        return part in value.casefold()
    if isinstance(value, tuple):
        for each in value:
            if _within(each, part):
                return True
    return False
