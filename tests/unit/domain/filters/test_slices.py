"""Children that match, found by arithmetic: the same as by looking at each."""

from typing import Any

import pytest
from hypothesis import given, settings

from accio.domain.axes import Axis
from accio.domain.datatypes import LONG
from accio.domain.filters import Checked, Filter, FilterProblem, check, matches, read_query, select, sweep_context
from accio.domain.ranges import WholePoints
from accio.domain.sweeps import Sweep
from accio.domain.values import decode
from tests.unit.domain.filters.queries import CONTEXT, NOW, SWEEP, sweep_filters

SAME = {"owner": ("ada", "ada@example.org"), "name": "first"}


def row(number: int) -> dict[str, Any]:
    """Everything that is known of a child by its number."""
    child = SWEEP.child(number)
    values = {f"param.{axis.name}": decode(axis.type, child[axis.name]) for axis in SWEEP.axes}
    return {**SAME, **values, "repeat": SWEEP.repetition(number)}


@settings(max_examples=60)
@given(sweep_filters)
def test_slices_are_what_looking_at_each_child_finds(made: Filter) -> None:
    """Size, order, membership and position of every child agree with matching row by row."""
    checked = check(made, CONTEXT)
    expected = [number for number in range(SWEEP.size) if matches(checked, row(number))]
    selected = select(checked, SWEEP, SAME)
    assert str(selected.rest) == ""
    assert list(selected.children) == expected
    assert [k for k in range(SWEEP.size) if selected.children.contains(k)] == expected
    below = 0
    for number in range(SWEEP.size):
        assert selected.children.first(number) == below
        below += number in set(expected[below : below + 1])


def test_what_needs_each_child_is_left_over() -> None:
    """Terms about states stay as the rest, those about parameters are done; an `or` of both stays whole."""
    selected = select(read_query("n>3 state=failed x<1", CONTEXT), SWEEP)
    assert str(selected.rest) == "state=failed"
    assert selected.children.size == 3 * 4 * 3 * 2 * 3
    either = select(read_query("n>3 or state=failed", CONTEXT), SWEEP)
    assert either.children.size == SWEEP.size
    assert str(either.rest) == "n>3 or state=failed"


def huge() -> tuple[Sweep, Checked]:
    axes = tuple(Axis(name, LONG, WholePoints(start=0, step=1, size=10**6)) for name in "abc")
    sweep = Sweep(axes, repeat=10)
    return sweep, read_query("(a<10 or b>=999990) not c=5 repeat<=2", sweep_context(sweep, now_ms=NOW))


def test_slices_of_huge_sweeps_are_computed() -> None:
    """A sweep of 10^19 children is sliced without walking anything."""
    sweep, checked = huge()
    children = select(checked, sweep).children
    a_or_b = 10 * 10**6 + (10**6 - 10) * 10
    assert children.size == a_or_b * (10**6 - 1) * 2
    middle = children.number(children.size // 2)
    assert children.first(middle) == children.size // 2
    assert children.contains(middle)


def test_queries_of_too_many_cases_are_refused() -> None:
    """The work is bounded: a query that would need more is refused, and nothing hangs."""
    sweep, _ = huge()
    query = " or ".join(f"(a={at} b={at * 7 % 1000} c={at % 3})" for at in range(400))
    with pytest.raises(FilterProblem, match="too many cases"):
        select(read_query(query, sweep_context(sweep, now_ms=NOW)), sweep)
