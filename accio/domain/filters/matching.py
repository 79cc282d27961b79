"""Whether a row matches: a row is a mapping from keys (`state`, `param.epsilon`, `Node/port`, `Node.metric`) to values.

A term about something that the row doesn't have (None, or no key) doesn't match, and neither does its `!=`; `not`
turns that around. A parameter of a sweep may be an Axis: the run matches if one of its values does.
"""

from collections.abc import Mapping
from typing import Any

from accio.domain.filters.checking import Checked, Predicate, contains
from accio.domain.filters.fields import PARAM, SEARCHED
from accio.domain.filters.places import count, places
from accio.domain.filters.syntax import Leaf, Text, fold
from accio.domain.sweeps import Axis

Row = Mapping[str, Any]


def matches(checked: Checked, row: Row) -> bool:
    """Return whether a row matches the filter."""

    def leaf(leaf: Leaf) -> bool:
        if isinstance(leaf, Text):
            return found_in(leaf.text, row)
        predicate = checked.predicates[leaf]
        return holds(predicate, row.get(predicate.subject.key))

    return fold(
        checked.filter, everything=lambda: True, leaf=leaf, negate=lambda part: not part, conjoin=all, disjoin=any
    )


def holds(predicate: Predicate, value: Any) -> bool:
    """Return whether a value of a row satisfies a predicate."""
    return count(places(predicate, value)) > 0 if isinstance(value, Axis) else predicate.holds(value)


def found_in(text: str, row: Row) -> bool:
    """Return whether a word is in one of the row's texts."""
    searched = [row.get(name) for name in SEARCHED]
    searched += [value for key, value in row.items() if key.startswith(PARAM)]
    return any(_in_value(text, value) for value in searched)


def _in_value(text: str, value: Any) -> bool:
    if isinstance(value, tuple):
        return any(_in_value(text, each) for each in value)
    return isinstance(value, str) and contains(value, text)
