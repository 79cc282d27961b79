"""The lanes that there are: opened, idle, condemned, closed. Which attempts they get is decided in `decisions.py`."""

from collections.abc import Collection

from accio_agent.agent.core.work import Attempt, Lane

CONDEMNED = 1 << 32
"""Added to the number of holds of a lane that will never answer them all."""

START_FAILURES = 3
"""How many lanes of a pool may die in a row before they began anything; then the attempt that waited is failed."""


class Lanes:
    """All lanes by number, and those of each pool that hold nothing."""

    def __init__(self, idle_limit: int) -> None:
        """*idle_limit*: how many lanes of a pool are kept though they have nothing to do."""
        self._idle_limit = idle_limit
        self._lanes: dict[int, Lane] = {}
        self._idle: dict[str, list[Lane]] = {}
        self._start_failures: dict[str, int] = {}
        self.failing = False  # whether a pool's workers have died before they began anything, of late
        self._next = 1

    def get(self, no: int) -> Lane | None:
        return self._lanes.get(no)

    def head(self, no: int) -> int:
        """Return the first attempt that a lane holds; 0 for none."""
        lane = self._lanes.get(no)
        return lane.attempts[0].no if lane is not None and lane.attempts else 0

    def running(self) -> list[tuple[int, list[int]]]:
        """Return each lane that holds attempts, with their numbers."""
        return [(lane.no, [each.no for each in lane.attempts]) for lane in self._lanes.values() if lane.attempts]

    def reuse(self, pool: str) -> Lane | None:
        """Return a lane that was idle, if there is one."""
        idle = self._idle.get(pool)
        return idle.pop() if idle else None

    def open(self, pool: str) -> Lane:
        """Add a lane; it needs a worker."""
        lane = self._lanes[self._next] = Lane(self._next, pool)
        self._next += 1
        return lane

    def rest(self, lane: Lane, *, close: bool = False) -> bool:
        """Keep a lane that holds nothing for later work; False if it is closed: that isn't wanted (*close*), it is
        retired, or enough are idle. One that has been lost meanwhile is left alone.
        """
        if lane.no not in self._lanes:
            return True
        idle = self._idle.setdefault(lane.pool, [])
        if close or lane.retired or (len(idle) >= self._idle_limit and not lane.holds):
            del self._lanes[lane.no]
            return False
        if not lane.holds and lane not in idle:  # else the answer to the hold makes it idle
            idle.append(lane)
        return True

    def retire(self, pools: Collection[str]) -> list[int]:
        """Hand nothing more to the lanes of some pools; return those that are closed for it, as they hold nothing."""
        for lane in self._lanes.values():
            lane.retired = lane.retired or lane.pool in pools
        closed = [lane.no for pool in pools for lane in self._idle.pop(pool, [])]
        for no in closed:
            del self._lanes[no]
        return closed

    def condemn(self, no: int) -> None:
        """Hand nothing more to a lane: its worker is about to be killed."""
        lane = self._lanes.get(no)
        if lane is not None:
            lane.holds += CONDEMNED
            self._wake(lane)

    def remove(self, no: int) -> Lane | None:
        """Remove a lane whose worker is gone, and return it."""
        lane = self._lanes.pop(no, None)
        if lane is not None:
            self._wake(lane)
        return lane

    def began(self, lane: Lane) -> None:
        """Note that a lane's worker has executed something: its pool can be started."""
        self._start_failures.pop(lane.pool, None)
        self.failing = bool(self._start_failures)

    def blame(self, lane: Lane) -> Attempt | None:
        """Count a worker that died before it began anything; return the attempt to fail if there were too many in a
        row.
        """
        failures = self._start_failures.get(lane.pool, 0) + 1
        self._start_failures[lane.pool] = failures % START_FAILURES
        self.failing = True
        return lane.attempts[0] if failures >= START_FAILURES else None

    def _wake(self, lane: Lane) -> None:
        idle = self._idle.get(lane.pool, [])
        if lane in idle:
            idle.remove(lane)
