"""Which children are taken and how many count as what: the small numbers say what a list of all children would."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from accio.domain.axes import Axis
from accio.domain.children import (
    CLOSED_BY_FAILURE,
    CLOSED_BY_KILL,
    OPEN,
    Counts,
    Members,
    Taken,
    implied_node_state,
    implied_state,
    is_within,
    last_of,
    merged,
    total,
)
from accio.domain.datatypes import INTEGER
from accio.domain.states import RUN_TERMINAL, NodeState, RunState, final_state
from accio.domain.sweeps import Sweep

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


@dataclass(frozen=True, slots=True)
class Row:
    """A child that has begun."""

    index: int
    state: RunState


@dataclass(frozen=True, slots=True)
class Kept:
    """Rows in memory."""

    states: dict[int, RunState]

    def in_state(self, state: RunState, low: int, limit: int) -> Sequence[Row]:
        return [Row(n, each) for n, each in sorted(self.states.items()) if n >= low and each is state][:limit]

    def among(self, indices: Sequence[int]) -> Mapping[int, Row]:
        return {n: Row(n, self.states[n]) for n in indices if n in self.states}


@given(
    rows=st.dictionaries(st.integers(0, 23), st.sampled_from([RunState.SUCCESS, RunState.FAILED, RunState.KILLED])),
    gone=st.lists(st.integers(0, 23), max_size=4, unique=True).map(sorted),
    closed=st.sampled_from([OPEN, CLOSED_BY_KILL, CLOSED_BY_FAILURE]),
    cursor=st.integers(0, 24),
    wanted=st.none() | st.integers(0, 5),
    states=st.frozensets(st.sampled_from(list(RunState))),
    limit=st.integers(1, 7),
)
def test_pages_hold_what_a_walk_over_all_children_finds(
    rows: dict[int, RunState],
    gone: list[int],
    closed: int,
    cursor: int,
    wanted: int | None,
    states: frozenset[RunState],
    limit: int,
) -> None:
    """With and without rows, deleted or not, in one order: however pages are cut."""
    sweep = Sweep((Axis("a", INTEGER, tuple(map(str, range(6)))), Axis("b", INTEGER, ("1", "2"))), 2)
    removed = merged((index, index) for index in gone)
    stored = {index: state for index, state in rows.items() if index not in gone}
    unreached = [index for index in range(sweep.size) if index not in stored and index not in gone]
    members = Members(
        rows=Kept(stored),
        wanted=sweep.with_indices({} if wanted is None else {0: wanted}),
        size=sweep.size,
        implied=implied_state(closed),
        cursor=min([cursor, *unreached]),
        removed=removed,
    )
    found: list[tuple[int, RunState | None]] = []
    low: int | None = 0
    while low is not None:
        page = members.page(states, low, limit, examined=20_000)
        assert len(page.children) <= limit
        found += [(index, None if row is None else row.state) for index, row in page.children]
        low = page.low
    expected = [
        (index, stored.get(index))
        for index in range(sweep.size)
        if index not in gone
        and (wanted is None or index // 4 == wanted)
        and (not states or stored.get(index, implied_state(closed)) in states)
    ]
    assert found == expected


def test_a_page_that_looked_at_enough_ends_short() -> None:
    """What is rare costs no walk: pages come back empty on the way, each further on, and nothing is left out."""
    sweep = Sweep((Axis("a", INTEGER, tuple(map(str, range(5_000)))),))
    stored = dict.fromkeys(range(5_000), RunState.SUCCESS)
    del stored[4_321]
    members = Members(
        rows=Kept(stored), wanted=sweep.with_indices({}), size=5_000, implied=RunState.SCHEDULED, cursor=0, removed=[]
    )
    pages = []
    low: int | None = 0
    while low is not None:
        page = members.page(frozenset({RunState.SCHEDULED}), low, limit=9, examined=1_000)
        pages.append([index for index, _ in page.children])
        assert page.low is None or page.low > low
        low = page.low
    assert pages == [[], [], [], [], [4_321]]


def test_nodes_of_unreached_children_count_as_the_end_of_their_run_says() -> None:
    """A kill reaches what was ready, the roots; whatever else never began is cancelled."""
    assert implied_node_state(RunState.KILLED, is_root=True) is NodeState.KILLED
    assert implied_node_state(RunState.KILLED, is_root=False) is NodeState.CANCELLED
    assert implied_node_state(RunState.FAILED, is_root=True) is NodeState.CANCELLED


def test_spared_children_are_gone_like_deleted_ones() -> None:
    """Intervals stay in order and apart, whichever is spared first."""
    taken = Taken(100)
    for first, last in ((50, 59), (10, 19), (70, 79), (60, 64), (20, 20), (0, 9)):
        taken.spare(first, last)
    assert taken.removed == [(0, 20), (50, 64), (70, 79)]
    assert taken.low == 21
    assert [taken.is_removed(index) for index in (20, 21, 49, 50, 64, 65, 79, 80)] == [
        True, False, False, True, True, False, True, False,
    ]  # fmt: skip
