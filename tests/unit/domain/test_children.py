"""Which children are taken and how many count as what: the small numbers say what a list of all children would."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from accio.domain.children import (
    CLOSED_BY_FAILURE,
    CLOSED_BY_KILL,
    OPEN,
    Counts,
    Taken,
    implied_state,
    is_within,
    last_of,
    merged,
    total,
)
from accio.domain.states import RUN_TERMINAL, RunState, final_state

SIZE = 9
indices = st.integers(0, SIZE - 1)


@given(st.lists(st.tuples(st.booleans(), indices)))
def test_taken_is_what_was_reached_or_removed(steps: list[tuple[bool, int]]) -> None:
    """After any reaching and removing, each child is told as what it is, and a restart finds the same."""
    taken = Taken(SIZE)
    reached: set[int] = set()
    removed: set[int] = set()
    for reaches, index in steps:
        if index in removed:
            continue
        if reaches:
            taken.reach(index)
            reached.add(index)
        else:
            taken.remove(index)
            removed.add(index)
            reached.discard(index)
    again = Taken.stored(
        SIZE, low=taken.low, reached=[each for each in reached if each >= taken.low], removed=taken.removed
    )
    for each in (taken, again):
        assert [each.is_unreached(index) for index in range(SIZE)] == [
            index not in reached | removed for index in range(SIZE)
        ]
        assert [each.is_removed(index) for index in range(SIZE)] == [index in removed for index in range(SIZE)]
        assert all(each.has_row(index) for index in reached)
    assert (again.low, again.reached) == (taken.low, taken.reached)
    assert again.cursor == again.low


@given(st.lists(st.tuples(indices, indices).map(lambda pair: (min(pair), max(pair)))))
def test_intervals_are_sets_of_indices(given_intervals: list[tuple[int, int]]) -> None:
    """Merged intervals hold exactly what was given, in as few intervals as there can be."""
    wanted = {index for first, last in given_intervals for index in range(first, last + 1)}
    found = merged(given_intervals)
    assert [index for index in range(SIZE) if is_within(found, index)] == sorted(wanted)
    assert total(found) == len(wanted)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(found))
    for index in range(SIZE):
        last = last_of(found, index)
        assert (last is not None) == (index in wanted)
        assert last is None or (last in wanted and last + 1 not in wanted)


counted = st.integers(0, 2)


@given(st.sampled_from([OPEN, CLOSED_BY_KILL, CLOSED_BY_FAILURE]), counted, counted, counted, counted)
def test_a_parent_ends_as_its_children_do(closed: int, unreached: int, success: int, failed: int, killed: int) -> None:
    """The final state is that of a list of all children, those never reached in the state that the run implies."""
    counts = Counts(
        present=unreached + success + failed + killed,
        closed=closed,
        running=0,
        success=success,
        failed=failed,
        killed=killed,
    )
    assert counts.unreached == unreached
    by_state = counts.by_state()
    assert sum(by_state.values()) == counts.present
    states = [state for state, count in by_state.items() if count]
    if RunState.SCHEDULED in states:
        assert counts.final() is None
    else:
        assert counts.final() is final_state(states)
    assert (implied_state(closed) in RUN_TERMINAL) == (closed != OPEN)
