"""Placing: which lane gets the waiting attempts of a class, and what becomes of a lane that holds nothing more.

A class has at most as many lanes as it has grants. Short attempts may be handed to a lane ahead of time, in the order
of their arrival.
"""

from collections import deque

from accio_agent.agent.core.lanes import Lanes
from accio_agent.agent.core.work import Assignment, Attempt, Begin, ClassState, Effects, Lane, WorkClass


class Placing:
    """The lanes, and the classes in which something may be placed since the last look."""

    def __init__(self, lanes: Lanes) -> None:
        """Place on these lanes."""
        self._lanes = lanes
        self._touched: dict[WorkClass, ClassState] = {}

    def touch(self, state: ClassState) -> None:
        """Note that something may be placed in a class."""
        self._touched[state.work_class] = state

    def put_back(self, state: ClassState, attempts: list[Attempt]) -> None:
        """Queue attempts of a class, in the order of their arrival."""
        if attempts:
            state.waiting = deque(sorted([*state.waiting, *attempts], key=lambda each: each.order))
        self.touch(state)

    def release(self, lane: Lane, state: ClassState, effects: Effects) -> None:
        """Free a lane that holds nothing more."""
        del state.lanes[lane.no]
        lane.work_class = None
        self.touch(state)
        if lane.gpus:
            in_use = sum(1 for each in state.lanes.values() if each.gpus) + len(state.free_gpus)
            if in_use < state.grants + len(state.open_grants):  # else its grant is gone already
                state.free_gpus.append(lane.gpus)
            lane.gpus = ()
        self.rest(lane, effects, close=state.work_class.alone)

    def rest(self, lane: Lane, effects: Effects, *, close: bool = False) -> None:
        """Keep a lane that holds nothing for later work, or close it if that isn't wanted or enough are idle."""
        if not self._lanes.rest(lane, close=close):
            effects.closed.append(lane.no)

    def place(self, effects: Effects) -> None:
        """Place what can be placed."""
        while self._touched:
            _, state = self._touched.popitem()
            self._fill(state, effects)

    def _fill(self, state: ClassState, effects: Effects) -> None:
        """Place waiting attempts of a class: a lane for each grant, then more on lanes whose attempts are short."""
        waiting = state.waiting
        while waiting and waiting[0].ended:
            waiting.popleft()
        if not waiting:
            return
        depth = state.depth()
        if depth > 1:  # every lane gets its share
            held = sum(len(each.attempts) for each in state.lanes.values())
            depth = min(depth, -(-(len(waiting) + held) // max(1, state.grants)))
        while waiting and len(state.lanes) < state.grants:
            effects.begun.append(_hand(self._open_lane(state, effects), state, depth))
        if depth > 1:
            for lane in state.lanes.values():
                if waiting and not lane.holds and not lane.retired and len(lane.attempts) * 2 <= depth:
                    effects.begun.append(_hand(lane, state, depth - len(lane.attempts)))

    def _open_lane(self, state: ClassState, effects: Effects) -> Lane:
        """Return a lane for a class: one that is idle, or a new one."""
        pool = state.work_class.pool
        lane = self._lanes.reuse(pool) if not state.work_class.alone else None
        if lane is None:
            lane = self._lanes.open(pool)
            effects.opened.append(lane)
        lane.work_class = state.work_class
        state.lanes[lane.no] = lane
        if state.free_gpus:
            lane.gpus = state.free_gpus.pop()
        return lane


def _hand(lane: Lane, state: ClassState, count: int) -> Begin:
    """Hand up to *count* waiting attempts to a lane; the first that waits hasn't ended."""
    handed: list[Assignment] = []
    waiting = state.waiting
    while waiting and len(handed) < count:
        attempt = waiting.popleft()
        attempt.lane = lane
        lane.attempts.append(attempt)
        handed.append(attempt.assignment)
        while waiting and waiting[0].ended:
            waiting.popleft()
    return Begin(lane=lane.no, work_class=state.work_class, gpus=lane.gpus, attempts=handed)
