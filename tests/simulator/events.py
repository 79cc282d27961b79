"""A discrete-event loop: nothing happens but what was planned, in the order of its time; chance comes from one seed."""

import heapq
import random
from collections import Counter
from collections.abc import Callable

from tests.fakes import FakeClock


class Loop:
    """Time, chance, and what is planned."""

    def __init__(self, seed: int) -> None:
        """Begin at second 1000 of the monotonic clock."""
        self.random = random.Random(seed)  # noqa: S311 — a simulation must be repeatable
        self.clock = FakeClock()
        self.seen: Counter[str] = Counter()  # how often each rare thing happened
        self._planned: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0

    @property
    def now(self) -> float:
        """Seconds on the monotonic clock."""
        return self.clock.mono

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        """Plan something."""
        self._order += 1
        heapq.heappush(self._planned, (self.clock.mono + seconds, self._order, what))

    def note(self, what: str) -> None:
        """Count something rare."""
        self.seen[what] += 1

    def chance(self, probability: float) -> bool:
        """Toss a coin."""
        return self.random.random() < probability

    def between(self, low: float, high: float) -> float:
        """Choose a number."""
        return self.random.uniform(low, high)

    def run_until(self, when: float, done: Callable[[], bool] = lambda: False) -> bool:
        """Run what is planned until a time, or until *done*; return whether it is done."""
        while self._planned and self._planned[0][0] <= when:
            time, _, what = heapq.heappop(self._planned)
            self.clock.advance(max(0.0, time - self.clock.mono))
            what()
            if done():
                return True
        self.clock.advance(max(0.0, when - self.clock.mono))
        return done()


class Standstill:
    """Whether a process is stopped (SIGSTOP): what reaches it waits until it goes on, and keeps its order then."""

    def __init__(self, loop: Loop) -> None:
        """Begin in motion."""
        self._loop = loop
        self._waiting: list[Callable[[], None]] | None = None  # None: in motion

    @property
    def is_on(self) -> bool:
        """Return whether it is stopped."""
        return self._waiting is not None

    def begin(self, seconds: float) -> None:
        """Stop for so long, or until `end`."""
        assert not self.is_on, "it is stopped already"
        waiting: list[Callable[[], None]] = []
        self._waiting = waiting
        self._loop.after(seconds, lambda: self.end() if self._waiting is waiting else None)

    def end(self) -> None:
        """Go on, with what waited first."""
        waiting, self._waiting = self._waiting, None
        for what in waiting or ():
            what()

    def pass_on(self, what: Callable[[], None]) -> None:
        """Do it now, or when the process goes on."""
        if self._waiting is None:
            what()
        else:
            self._waiting.append(what)
