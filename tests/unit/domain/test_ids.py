"""Run ids: their shape, their order, and prefixes of them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio.domain.ids import (
    ID_LENGTH,
    RANDOM_BITS,
    RunId,
    RunIdFactory,
    RunReference,
    child_id,
    created_ms,
    parse_reference,
)

moments = st.lists(st.tuples(st.integers(0, 2**44), st.integers(0, 2**RANDOM_BITS - 1)), min_size=2, max_size=30)


@given(moments)
def test_ids_grow_whatever_the_clock_does(ticks: list[tuple[int, int]]) -> None:
    """Ids of one factory grow as text, also when the clock stands still or goes back."""
    factory = RunIdFactory()
    ids = [factory.next(now, bits) for now, bits in ticks]
    assert ids == sorted(set(ids))
    assert all(re.fullmatch(r"[0-9a-hjkmnp-tv-z]{16}", run) for run in ids)


def test_the_time_can_be_read_back() -> None:
    """An id, and that of a child, tells the millisecond of its creation."""
    run = RunIdFactory().next(1_700_000_000_123, 77)
    assert created_ms(run) == created_ms(child_id(run, 5)) == 1_700_000_000_123


def test_a_factory_goes_on_after_the_last_id() -> None:
    """After a restart ids still grow, even if the clock went back."""
    last = RunIdFactory().next(1_700_000_000_000, 2**RANDOM_BITS - 1)
    assert RunIdFactory(last).next(5, 0) > last


def test_children_are_split() -> None:
    """A child's id is its parent's and its index."""
    parent = RunId("1hf7yat000000005")
    assert parse_reference(child_id(parent, 12)) == RunReference(top=parent, index="12")
    assert parse_reference(parent) == RunReference(top=parent, index=None)


@pytest.mark.parametrize("text", ["", ".", ".1", "UPPER", "has space", "a.b", "a.1.2", "a.-1", "0" * 17, "a.²", "iloU"])
def test_what_is_no_prefix(text: str) -> None:
    """A text that no id begins with is told at once."""
    assert parse_reference(text) is None


def test_a_prefix_without_a_dot_means_no_child() -> None:
    """Without a dot there are no children to look at, and bounds enclose exactly the ids that begin so."""
    reference = parse_reference("1hf7")
    assert reference is not None
    assert not reference.is_whole
    assert reference.child_ranges(1000) == ()
    low, high = reference.top_range()
    assert low <= "1hf7" + "z" * 12 < high
    assert not low <= "1hf8" + "0" * 12 < high
    assert not low <= "1hf6" + "z" * 12 < high


@given(index=st.from_regex(r"[0-9]{0,4}", fullmatch=True), children=st.integers(0, 3000))
def test_child_ranges_are_the_indices_with_that_prefix(index: str, children: int) -> None:
    """The ranges hold exactly the indices whose digits begin as typed; an exact match comes first."""
    reference = parse_reference("0" * ID_LENGTH + "." + index)
    assert reference is not None
    found = [number for part in reference.child_ranges(children) for number in part]
    assert sorted(found) == [number for number in range(children) if str(number).startswith(index)]
    if index and index == str(int(index)) and int(index) < children:
        assert found[0] == int(index)
