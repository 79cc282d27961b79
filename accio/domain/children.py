"""Which children of a sweep are taken, what the others count as, how many there are in each state, and their pages.

Most children have no row: they are computed from their index. So what is known about them stands in a few numbers and
small sets, in memory as in the parent's row; this is the one place that reads them. It must not know why a child
begins, ends or is deleted, nor where rows are kept.
"""

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import inf
from typing import Generic, Protocol, TypeAlias, TypeVar

from accio.domain.slices import Intervals, Numbered
from accio.domain.states import NodeState, RunState
from accio.late import dataclass

OWN = -1
"""The index under which the nodes of a parent itself stand, beside its children."""

# Why a run opens no more children.
OPEN, CLOSED_BY_KILL, CLOSED_BY_FAILURE, CLOSED_BY_DELETE = range(4)

_IMPLIED = {
    OPEN: RunState.SCHEDULED,
    CLOSED_BY_KILL: RunState.KILLED,
    CLOSED_BY_FAILURE: RunState.FAILED,
    CLOSED_BY_DELETE: RunState.KILLED,
}


def implied_state(closed: int) -> RunState:
    """Return what a child without a row counts as."""
    return _IMPLIED[closed]


def implied_node_state(child: RunState, *, is_root: bool) -> NodeState:
    """Return what a node counts as of a child that its closed run never reached: a kill kills what was ready."""
    return NodeState.KILLED if child is RunState.KILLED and is_root else NodeState.CANCELLED


def is_within(intervals: Intervals, index: int) -> bool:
    """Return whether an index is in one of the intervals, which are in order."""
    return last_of(intervals, index) is not None


def last_of(intervals: Intervals, index: int) -> int | None:
    """Return the end of the interval that an index is in; None if it is in none. They are in order."""
    at = bisect_right(intervals, (index, inf)) - 1
    return intervals[at][1] if at >= 0 and index <= intervals[at][1] else None


def total(intervals: Intervals) -> int:
    """Return how many indices are in the intervals."""
    return sum(last - first + 1 for first, last in intervals)


def within(intervals: Intervals, first: int, last: int) -> int:
    """Return how many of the indices from *first* to *last* are in the intervals."""
    return sum(max(0, min(end, last) - max(start, first) + 1) for start, end in intervals)


def merged(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return intervals in order, those that touch or overlap joined."""
    result: list[tuple[int, int]] = []
    for first, last in sorted(intervals):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(result[-1][1], last))
        else:
            result.append((first, last))
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many children a run has in each state."""

    present: int  # without deleted ones
    closed: int
    running: int
    success: int
    failed: int
    killed: int
    pruned: int = 0  # of the killed ones, those that don't count towards the run's state

    @property
    def unreached(self) -> int:
        """How many have no row."""
        return self.present - self.running - self.success - self.failed - self.killed

    def by_state(self) -> dict[RunState, int]:
        """Return the number of children in each state, those without a row included."""
        counts = {
            RunState.SCHEDULED: 0,
            RunState.RUNNING: self.running,
            RunState.SUCCESS: self.success,
            RunState.FAILED: self.failed,
            RunState.KILLED: self.killed,
        }
        counts[implied_state(self.closed)] += self.unreached
        return counts

    def final(self) -> RunState | None:
        """Return the state of a run none of whose children goes on; None if some are yet to begin.

        What was never reached counts for nothing once the run was deleted.
        """
        unreached = self.unreached
        if unreached and self.closed == OPEN:
            return None
        if self.killed > self.pruned or (unreached and self.closed == CLOSED_BY_KILL):
            return RunState.KILLED
        return RunState.FAILED if self.failed or (unreached and self.closed == CLOSED_BY_FAILURE) else RunState.SUCCESS


class Taken:
    """Which children of a run have a row or are deleted, and where the cursor stands that opens the others."""

    __slots__ = ("ahead", "cursor", "low", "reached", "removed", "size")

    def __init__(self, size: int) -> None:
        """Start with all of *size* children untaken."""
        self.size = size
        self.cursor = 0  # the next child to open
        self.low = 0  # every child below has a row or is deleted
        self.ahead = 0  # where the cursor looks next beyond children that only wait for a shared execution
        self.reached: set[int] = set()  # children at or beyond `low` that have a row
        self.removed: list[tuple[int, int]] = []  # deleted children

    @classmethod
    def stored(cls, size: int, *, low: int, reached: Iterable[int], removed: Intervals) -> "Taken":
        """Return what the rows of a run say, with the cursor at the lowest child that isn't taken."""
        taken = cls(size)
        taken.reached = set(reached)
        taken.low = low
        taken.lose(removed)
        taken.cursor = taken.low
        return taken

    def is_removed(self, index: int) -> bool:
        """Return whether a child was deleted."""
        return bool(self.removed) and is_within(self.removed, index)

    def has_row(self, index: int) -> bool:
        """Return whether a child has a row, or is below `low` as a deleted one."""
        return index < self.low or index in self.reached

    def is_unreached(self, index: int) -> bool:
        """Return whether a child has neither a row nor been deleted."""
        return self.low <= index < self.size and index not in self.reached and not self.is_removed(index)

    def reach(self, index: int) -> None:
        """Note that a child has a row now."""
        if index > self.low:
            self.reached.add(index)
        elif index == self.low:
            self.low += 1
            if self.reached or self.removed:
                self._move_up()

    def remove(self, index: int) -> None:
        """Note that a child was deleted."""
        self.reached.discard(index)
        self.spare(index, index)

    def spare(self, first: int, last: int) -> None:
        """Note that some children are gone that have no row: nobody needs them."""
        low, high = bisect_left(self.removed, (first - 1,)), bisect_right(self.removed, (last + 1, inf))
        low = max(0, low - 1)  # one that begins before them may reach into them
        self.removed[low:high] = merged([*self.removed[low:high], (first, last)])
        self._move_up()

    def lose(self, removed: Intervals) -> None:
        """Note all the children that have been deleted so far."""
        self.removed = list(removed)
        self._move_up()

    def go_back(self) -> None:
        """Move the cursor back to the lowest child that isn't taken."""
        self.cursor = self.low
        self.ahead = 0

    def _move_up(self) -> None:
        while self.low < self.size and (self.low in self.reached or self.is_removed(self.low)):
            self.reached.discard(self.low)
            self.low += 1


# --- pages: children with and without a row, in one order -----------------------------------------------------------

_BATCH = 500  # of rows that are read at once


class Row(Protocol):
    """A child that has begun or ended."""

    @property
    def index(self) -> int:
        """Its place in the sweep."""
        ...

    @property
    def state(self) -> RunState:
        """Its state."""
        ...


R = TypeVar("R", bound=Row)
R_co = TypeVar("R_co", bound=Row, covariant=True)


class Rows(Protocol[R_co]):
    """Where the rows of one run's children are kept."""

    def in_state(self, state: RunState, low: int, limit: int) -> Sequence[R_co]:
        """Return the first rows in a state, from the index *low* on, in order."""
        ...

    def among(self, indices: Sequence[int]) -> Mapping[int, R_co]:
        """Return those rows that there are of some children, given in order."""
        ...


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """Some children, each with its row if it has one, and where the next page begins: None after the last."""

    children: list[tuple[int, R | None]]
    low: int | None


Children: TypeAlias = Iterable[tuple[int, R | None]]
"""Children by their indices, with their rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Members(Generic[R]):
    """The children of one run, by pages in order, with or without a row: no page walks all of them.

    Those that are wanted are a slice of the sweep: they are numbered through, in order, and the n-th is computed. Those
    in some states are taken from their rows, and computed ones from the part of the sweep that has hardly any rows.
    """

    rows: Rows[R]
    wanted: Numbered
    size: int  # of the whole sweep
    implied: RunState  # the state of a child without a row
    cursor: int  # nearly every child below has a row, or is deleted; hardly any from there on
    removed: Intervals

    def page(
        self,
        states: frozenset[RunState],
        low: int,
        limit: int,
        examined: int,
        keep: Callable[[Children[R]], Children[R]] | None = None,
    ) -> Page[R]:
        """Return up to *limit* children in these states (in any, if there are none) from the index *low* on.

        A page that has looked at *examined* children ends short. *keep* returns those of some children that are
        wanted for more than their place and state.
        """
        budget = _Budget(examined)
        matching = self._matching(states, low, budget)
        found = list(islice(matching if keep is None else _kept(matching, keep), limit + 1))
        if budget.stopped_at is not None:  # behind it, one kind of children may be missing
            found = [each for each in found if each[0] < budget.stopped_at]
        if len(found) > limit:
            return Page(found[:limit], found[limit][0])
        return Page(found, budget.stopped_at)

    def _matching(self, states: frozenset[RunState], low: int, budget: "_Budget") -> Iterator[tuple[int, R | None]]:
        if not states:
            return self._all(low, budget)
        streams = [self._with_row(state, low, budget) for state in sorted(states) if state is not self.implied]
        if self.implied in states:
            streams.append(self._in_implied_state(low, budget))
        return heapq.merge(*streams, key=lambda found: found[0])

    def _all(self, low: int, budget: "_Budget") -> Iterator[tuple[int, R | None]]:
        """Yield every child that is wanted, in order."""
        wanted = self.wanted
        k = wanted.first(low)
        while k < wanted.size:
            indices = [wanted.number(place) for place in range(k, min(k + _BATCH, wanted.size))]
            if not budget.spend(len(indices), indices[0]):
                return
            rows = self.rows.among(indices)
            for index in indices:
                if not is_within(self.removed, index):
                    yield index, rows.get(index)
            k = self._behind_removed(k + _BATCH)

    def _behind_removed(self, k: int) -> int:
        """Leave each deleted interval behind in one step."""
        while self.removed and k < self.wanted.size:
            last = last_of(self.removed, self.wanted.number(k))
            if last is None:
                return k
            k = self.wanted.first(last + 1)
        return k

    def _with_row(self, state: RunState, low: int, budget: "_Budget") -> Iterator[tuple[int, R | None]]:
        """Yield the children in a state that only a row can give."""
        whole = self.wanted.size == self.size
        while rows := self.rows.in_state(state, low, _BATCH):
            if not budget.spend(len(rows), rows[0].index):
                return
            for row in rows:
                if not is_within(self.removed, row.index) and (whole or self.wanted.contains(row.index)):
                    yield row.index, row
            low = rows[-1].index + 1

    def _in_implied_state(self, low: int, budget: "_Budget") -> Iterator[tuple[int, R | None]]:
        """Yield the children in the state of those without a row: rows below the cursor, rows or none from there on."""
        if self.implied is not RunState.SCHEDULED and low < self.cursor:
            for index, row in self._with_row(self.implied, low, budget):
                if index >= self.cursor:
                    break
                yield index, row
        if budget.stopped_at is None:
            behind = self._all(max(low, self.cursor), budget)
            yield from ((index, row) for index, row in behind if row is None or row.state is self.implied)


def _kept(candidates: Iterator[tuple[int, R | None]], keep: Callable[[Children[R]], Children[R]]) -> Children[R]:
    """Yield the candidates that are kept, asked for in batches: a small one first, as a page may need few."""
    size = _BATCH // 10
    while batch := list(islice(candidates, size)):
        yield from keep(batch)
        size = _BATCH


class _Budget:
    """How many children may still be looked at; where to go on once it is used up."""

    def __init__(self, left: int) -> None:
        self._left = left
        self.stopped_at: int | None = None

    def spend(self, count: int, at: int) -> bool:
        """Spend *count*; False if there isn't so much left, and then a later page goes on at *at*."""
        self._left -= count
        if self._left < 0:
            self.stopped_at = at if self.stopped_at is None else min(self.stopped_at, at)
            return False
        return True
