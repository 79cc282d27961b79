"""Which children of a sweep are taken, what the others count as, and how many there are in each state.

Most children have no row: they are computed from their index. So what is known about them stands in a few numbers and
small sets, in memory as in the parent's row; this is the one place that reads them. It must not know why a child
begins, ends or is deleted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from accio.domain.states import RunState

# Why a run opens no more children.
OPEN, CLOSED_BY_KILL, CLOSED_BY_FAILURE, CLOSED_BY_DELETE = range(4)

_IMPLIED = {
    OPEN: RunState.SCHEDULED,
    CLOSED_BY_KILL: RunState.KILLED,
    CLOSED_BY_FAILURE: RunState.FAILED,
    CLOSED_BY_DELETE: RunState.KILLED,
}

Intervals = Sequence[tuple[int, int]]
"""Disjoint ascending intervals [first, last] of indices."""


def implied_state(closed: int) -> RunState:
    """Return what a child without a row counts as."""
    return _IMPLIED[closed]


def is_within(intervals: Intervals, index: int) -> bool:
    """Return whether an index is in one of the intervals."""
    return any(first <= index <= last for first, last in intervals)


def last_of(intervals: Intervals, index: int) -> int | None:
    """Return the end of the interval that an index is in; None if it is in none."""
    return next((last for first, last in intervals if first <= index <= last), None)


def total(intervals: Intervals) -> int:
    """Return how many indices are in the intervals."""
    return sum(last - first + 1 for first, last in intervals)


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
        if self.killed or (unreached and self.closed == CLOSED_BY_KILL):
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
        taken.removed = list(removed)
        taken.reached = set(reached)
        taken.low = low
        taken._move_up()
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
            self._move_up()

    def remove(self, index: int) -> None:
        """Note that a child was deleted."""
        self.removed = merged([*self.removed, (index, index)])
        self.reached.discard(index)
        self._move_up()

    def go_back(self) -> None:
        """Move the cursor back to the lowest child that isn't taken."""
        self.cursor = self.low
        self.ahead = 0

    def _move_up(self) -> None:
        while self.low < self.size and (self.low in self.reached or self.is_removed(self.low)):
            self.reached.discard(self.low)
            self.low += 1
