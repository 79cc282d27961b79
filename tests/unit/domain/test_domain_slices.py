"""Children of a sweep that have given values on some axes."""

from hypothesis import given
from hypothesis import strategies as st

from accio.domain.axes import Axis
from accio.domain.datatypes import LONG
from accio.domain.sweeps import Sweep


@st.composite
def fixed_sweeps(draw: st.DrawFn) -> tuple[Sweep, dict[int, int]]:
    sizes = draw(st.lists(st.integers(1, 4), max_size=3))
    axes = tuple(Axis(f"a{no}", LONG, tuple(str(value) for value in range(size))) for no, size in enumerate(sizes))
    fixed = {no: draw(st.integers(0, size - 1)) for no, size in enumerate(sizes) if draw(st.booleans())}
    return Sweep(axes, draw(st.integers(1, 3))), fixed


@given(fixed_sweeps())
def test_children_with_given_values_are_numbered_through(case: tuple[Sweep, dict[int, int]]) -> None:
    """The k-th of them, how many come before a child, and whether it is one of them are as if all were listed."""
    sweep, fixed = case
    children = [
        number
        for number in range(sweep.size)
        if all(sweep.coordinates(number)[0][place] == index for place, index in fixed.items())
    ]
    found = sweep.with_indices(fixed)
    assert list(found) == children
    for number in range(sweep.size + 1):
        assert found.first(number) == sum(child < number for child in children)
    assert [number for number in range(sweep.size) if found.contains(number)] == children
