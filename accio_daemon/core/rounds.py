"""Children of a run that is repeated until precise: which of them may begin so far.

Numbers are given for as many repetitions as a point can get at most, so that every child has its number, seed and key
from the start. A point's repetitions may begin up to `upto`; once they have ended, what they gave is read outside, and
comes back as a command (`repeating.py`): then the point gets more, or those beyond are spared, as if there had never
been any.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping

from accio.domain.precision import Until
from accio.domain.sweeps import Sweep
from accio_daemon.core.terms import Round


class Rounds:
    """How far each point of a run has been allowed to go."""

    __slots__ = ("asked", "due", "ended", "least", "most", "place", "points", "until", "upto")

    def __init__(self, sweep: Sweep, until: Until, stored: Mapping[int, Round]) -> None:
        """Go on from what is stored of each point that isn't in its first round any more."""
        self.until = until
        self.least = until.least
        self.most = sweep.repeat
        self.points = sweep.points
        self.upto = {point: each.repetitions for point, each in stored.items()}
        self.ended = {point for point, each in stored.items() if each.ended}
        self.asked: set[int] = set()  # points whose values are being read
        self.due: list[int] = []  # a heap of children beyond the first round that may begin
        self.place = 0  # in the first round, of the next child to open

    @property
    def left(self) -> int:
        """How many children may begin so far that weren't opened; at most, as some of them may be gone."""
        return len(self.due) + self.points * self.least - self.place

    def members(self, point: int) -> range:
        """Return the children of a point that may begin so far."""
        first = point * self.most
        return range(first, first + self.upto.get(point, self.least))

    def extend(self, point: int, repetitions: int) -> None:
        """Allow a point a number of repetitions."""
        before = self.members(point)
        self.upto[point] = repetitions
        self.call(range(before.stop, self.members(point).stop))

    def end(self, point: int) -> None:
        """Note that a point gets no more than it has."""
        self.upto[point] = len(self.members(point))
        self.ended.add(point)

    def call(self, children: Iterable[int]) -> None:
        """Note children beyond the first round that may begin: they come before what is left of that."""
        for index in children:
            heapq.heappush(self.due, index)

    def next(self, is_taken: Callable[[int], bool]) -> int | None:
        """Return the next child to open; None if none may begin now."""
        while self.due:
            index = heapq.heappop(self.due)
            if not is_taken(index):
                return index
        while self.place < self.points * self.least:
            point, repetition = divmod(self.place, self.least)
            self.place += 1
            index = point * self.most + repetition
            if point not in self.ended and not is_taken(index):
                return index
        return None

    def may_begin(self, index: int) -> bool:
        """Return whether a child may begin so far."""
        return index in self.members(index // self.most)

    def __repr__(self) -> str:
        return f"Rounds({len(self.ended)} of {self.points} points ended, {len(self.asked)} asked, {self.left} left)"
