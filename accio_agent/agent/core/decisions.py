"""What the agent decides: which attempt runs on which worker, what is reported, what is told to the daemon.

Pure and synchronous: no clock, no I/O, no randomness, so that the simulator runs it unchanged. Every method applies
one event to the state and adds what must happen outside to `effects`; the caller feeds any number of events, calls
`take()` once, and carries the effects out in this order: journal, then workers, then messages to the daemon.

Words. A *grant* is the reservation that the daemon made for a running attempt; it belongs to the attempt's class. A
*lane* is a worker process (or its promise) and the attempts that were handed to it, of one class at a time. The rules:

1.  A reserved assignment brings a grant. The daemon passes grants on by the same rule, from the same reports in the
    same order, so both agree without further messages (`grants.py`).
2.  A class has at most as many lanes as it has grants. Short attempts may be handed to a lane ahead of time
    (`placing.py`); such a one may end before it was its turn to hold a grant. Then no grant moves.
3.  An attempt number is begun at most once. What a lane hands back was never begun.
4.  Each attempt ends exactly once: reported, withdrawn, or dropped on the daemon's word. What is withdrawn though it
    holds a grant takes that with it: the daemon passes it on to nobody, and neither does the agent.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from accio.domain.attempts import Holding
from accio_agent.agent.core.grants import Grants
from accio_agent.agent.core.lanes import Lanes
from accio_agent.agent.core.outbox import Outbox
from accio_agent.agent.core.outcome import Ending, Outcome, killed
from accio_agent.agent.core.over import Over
from accio_agent.agent.core.placing import Placing
from accio_agent.agent.core.work import (
    Assignment,
    Attempt,
    ClassState,
    Effects,
    Lane,
    Publication,
    WorkClass,
    is_untouched,
    take_off,
)


class AgentCore:
    """All that the agent knows about attempts. Everything here is touched by one task only."""

    def __init__(
        self,
        *,
        idle_limit: int = 2,
        gone: Iterable[int] = (),
        outbox: Mapping[int, int] | None = None,
        next_seq: int = 1,
    ) -> None:
        """*gone*, *outbox* (report number to attempt) and *next_seq* are what the journal of an earlier life told."""
        self._gone = set(gone)
        self._outbox = Outbox(outbox or {}, next_seq)
        self._attempts: dict[int, Attempt] = {}
        self._classes: dict[WorkClass, ClassState] = {}
        self._lanes = Lanes(idle_limit)
        self._placing = Placing(self._lanes)
        self._grants = Grants()
        self._replaced: list[ClassState] = []  # those of operators that aren't offered any more
        self._order = 0
        self._over = Over({*self._outbox.attempts, *self._gone})
        self.leaving = False  # it is about to end
        self._drained = False  # the daemon wants it to drain; said anew in each session
        self.effects = Effects()

    # --- what is asked of it -----------------------------------------------------------------------------------------

    def held(self) -> list[tuple[int, Holding]]:
        """Return every attempt that the daemon should know of, for the opening of a session."""
        self._grants.told(self._outbox)
        known = [(each.no, Holding.RUNNING if each.granted else Holding.PENDING) for each in self._attempts.values()]
        known += [(no, Holding.FINISHED) for no in self._outbox.attempts]
        known += [(no, Holding.GONE) for no in sorted(self._gone)]
        return known

    @property
    def idle(self) -> bool:
        """Whether no attempt is left that hasn't ended."""
        return not self._attempts

    @property
    def unacknowledged(self) -> int:
        """The number of reports that the daemon hasn't acknowledged."""
        return len(self._outbox)

    @property
    def reported(self) -> int:
        """The number of reports that there have been, those of earlier lives included."""
        return self._outbox.reported

    def counts(self) -> tuple[int, int]:
        """Return how many attempts haven't ended, and how many of them hold a grant."""
        attempts = list(self._attempts.values())
        return len(attempts), sum(each.granted for each in attempts)

    def knows(self, no: int) -> bool:
        """Return whether an attempt hasn't ended."""
        return no in self._attempts

    def doom(self, no: int) -> Outcome | None:
        """Return what a stopped attempt ends as; None if it wasn't stopped, or has ended."""
        attempt = self._attempts.get(no)
        return attempt.doomed if attempt is not None else None

    def head(self, lane_no: int) -> int:
        """Return the attempt that a lane's worker executes if all that it executed has been told; 0 for none."""
        return self._lanes.head(lane_no)

    def running(self) -> list[tuple[int, list[int]]]:
        """Return each lane that holds attempts, with their numbers."""
        return self._lanes.running()

    def take(self) -> Effects:
        """Place what can be placed, and return all effects since the last call."""
        for state in self._replaced:
            self._withdraw_waiting(state)
        self._placing.place(self.effects)
        effects, self.effects = self.effects, Effects()
        return effects

    # --- what the daemon says ----------------------------------------------------------------------------------------

    def assign(self, assignments: Iterable[Assignment]) -> None:
        """Accept work. A number that was seen before is ignored."""
        for assignment in assignments:
            no = assignment.attempt
            if no in self._attempts or no in self._over:
                continue
            state = self._classes.get(assignment.work_class)
            if state is None:
                state = self._classes[assignment.work_class] = ClassState(assignment.work_class)
            self._order += 1
            attempt = self._attempts[no] = Attempt(assignment, self._order)
            self._grants.arrived(attempt, state)
            if self.leaving or (self._drained and not attempt.granted):  # it was on its way when the drain began
                self._withdraw(attempt)
                continue
            if not attempt.granted:
                state.ungranted.append(attempt)
            if assignment.ready:
                state.waiting.append(attempt)
            else:
                self.effects.stage.append(assignment)
            self._placing.touch(state)

    def stop(self, numbers: Iterable[int], outcome: Outcome | None = None) -> None:
        """End these attempts, as killed unless *outcome* says otherwise. Unknown ones have ended already."""
        for no in numbers:
            attempt = self._attempts.get(no)
            if attempt is None or attempt.doomed is not None:
                continue
            attempt.doomed = outcome or killed()
            if attempt.lane is None:
                self._publish(attempt, attempt.doomed)
            else:
                self._hold(attempt.lane, no)

    def recall(self, numbers: Iterable[int]) -> None:
        """Withdraw what holds no grant and hasn't been handed to a worker."""
        for no in numbers:
            attempt = self._attempts.get(no)
            if attempt is not None and is_untouched(attempt):
                self._drop(attempt)
                self.effects.withdrawn.append(no)
            elif attempt is None and no not in self._over:
                self._over.add(no)  # it never came, and mustn't: the daemon lets another execute it
                self.effects.withdrawn.append(no)
            else:
                self.effects.started.append(no)

    def acknowledge(self, seqs: Iterable[int]) -> None:
        """Forget reports that are durable at the daemon; grants that they left open are gone."""
        for seq in seqs:
            if self._outbox.remove(seq):
                self.effects.acked.append(seq)
                self._grants.acknowledged(seq)

    def welcome(self, keep: Iterable[int], drop: Iterable[int]) -> None:
        """Open a session: forget what the daemon doesn't want, hand over what it hasn't got."""
        del keep  # what isn't to be dropped goes on anyway
        dropped = set(drop)
        unwanted = self._outbox.of(dropped)
        for state in self._grants.welcomed(set(unwanted)):
            self._placing.touch(state)
        for no in dropped & self._attempts.keys():
            self._drop_with_grant(self._attempts[no])
        self.acknowledge(unwanted)
        self.effects.forgotten.extend(self._gone)
        self._gone.clear()
        self.effects.resend.extend(self._outbox)

    def disconnected(self) -> None:
        """End the session, or its opening. Nothing stops for that."""
        self._drained = False
        for state in self._grants.not_welcomed():
            self._placing.touch(state)

    def leave(self, leaving: bool) -> None:
        """Accept no more work, or accept it again: the agent's own wish."""
        self.leaving = leaving
        self._give_back()

    def offer(self, operators: Collection[int], retired: Collection[str] = ()) -> None:
        """Begin attempts of these *operators* only, and hand nothing more to the lanes of *retired* pools, whose code
        has changed. What a lane has been handed already ends there.
        """
        self._replaced = [state for work_class, state in self._classes.items() if work_class.operator not in operators]
        self.effects.closed += self._lanes.retire(retired)

    def give_back(self, no: int) -> None:
        """Withdraw an attempt whose process is gone, and not through any fault of its own: it is executed again."""
        attempt = self._attempts.get(no)
        if attempt is not None and attempt.lane is None:
            self._withdraw(attempt)

    def drain(self, draining: bool) -> None:
        """Accept no more work, or accept it again: the daemon's wish."""
        self._drained = draining
        self._give_back()

    def _give_back(self) -> None:
        """Withdraw what hasn't begun, if the agent is to drain."""
        if self.leaving or self._drained:
            for attempt in [each for each in self._attempts.values() if self._may_go(each)]:
                self._withdraw(attempt)

    def _may_go(self, attempt: Attempt) -> bool:
        """Return whether an attempt that hasn't begun goes: an agent that ends keeps none for the sake of its grant."""
        return is_untouched(attempt) or (self.leaving and attempt.lane is None and not attempt.begun)

    # --- what staging and workers say --------------------------------------------------------------------------------

    def staged(self, no: int) -> None:
        """Queue an attempt whose inputs are there."""
        attempt = self._attempts.get(no)
        if attempt is not None:
            self._placing.put_back(self._state(attempt), [attempt])

    def not_staged(self, no: int, outcome: Outcome) -> None:
        """Publish how an attempt ended whose inputs couldn't be fetched."""
        attempt = self._attempts.get(no)
        if attempt is not None and attempt.lane is None:
            self._publish(attempt, outcome)

    def executed(self, lane_no: int, no: int, wall_us: int) -> bool:
        """Remove from a lane an attempt that its worker has executed. False if that is no news; else `ended` must
        follow, now or later.
        """
        lane = self._lanes.get(lane_no)
        if lane is None:
            return False
        attempt = take_off(lane, no)
        if attempt is None or lane.work_class is None:
            return False
        lane.served += 1
        if self._lanes.failing:
            self._lanes.began(lane)
        state = self._classes[lane.work_class]
        pace = state.pace_us
        state.pace_us = float(wall_us) if pace is None else pace + (wall_us - pace) * (0.2 if wall_us < pace else 0.5)
        self._placing.touch(state)
        if not lane.attempts:
            self._placing.release(lane, state, self.effects)
        attempt.begun = True
        return not attempt.ended

    def executed_and_ended(self, lane_no: int, no: int, wall_us: int, outcome: Ending) -> None:
        """Do what `executed` and `ended` do, for an attempt whose worker's report is all that there is to wait for."""
        if self.executed(lane_no, no, wall_us):
            self._publish(self._attempts[no], outcome)

    def ended(self, no: int, outcome: Ending) -> None:
        """Report how an attempt ended that no lane holds any more."""
        attempt = self._attempts.get(no)
        if attempt is not None and attempt.lane is None:
            self._publish(attempt, outcome)

    def suspend(self, lane_no: int) -> None:
        """Ask a lane to hand back what it hasn't begun."""
        lane = self._lanes.get(lane_no)
        if lane is not None and not lane.holds:
            self._hold(lane, None)

    def condemn(self, lane_no: int) -> None:
        """Hand nothing more to a lane whose worker is about to be killed."""
        self._lanes.condemn(lane_no)

    def reclaim(self, lane_no: int, running: int) -> None:
        """Place elsewhere what a suspended lane holds besides *running*, with which it is still busy."""
        lane = self._lanes.get(lane_no)
        if lane is not None and lane.holds and any(each.no == running for each in lane.attempts):
            self._reclaim(lane, [each for each in lane.attempts if each.no != running])

    def handed_back(self, lane_no: int, numbers: Sequence[int]) -> None:
        """Requeue what a lane's worker gives back in answer to a hold; it will take new work."""
        lane = self._lanes.get(lane_no)
        if lane is None or not lane.holds:
            return
        lane.holds -= 1
        if lane.work_class is None:
            self._placing.rest(lane, self.effects)
            return
        self._placing.touch(self._classes[lane.work_class])
        back = set(numbers)
        self._reclaim(lane, [each for each in lane.attempts if each.no in back])

    def lane_lost(self, lane_no: int, running: int | None, outcome: Outcome | None) -> int:
        """Remove a lane whose worker is gone. What it ran ends with *outcome* (or what it was stopped for); the rest is
        requeued, as it was never begun.

        The number of what it ran may be None: it had begun nothing that hasn't been told with `executed`. Without an
        outcome, what it ran isn't over: its number is returned, and `ended` or `give_back` must follow; else 0.
        """
        lane = self._lanes.remove(lane_no)
        if lane is None:
            return 0
        if running is None and lane.served == 0 and lane.attempts and not lane.retired:
            blamed = self._lanes.blame(lane)
            running = blamed.no if blamed is not None else None
        victim = take_off(lane, running) if running is not None else None
        if lane.work_class is not None:
            state = self._classes[lane.work_class]
            self._reclaim(lane, list(lane.attempts))
            if lane.work_class is not None:  # nothing was left to reclaim
                self._placing.release(lane, state, self.effects)
        self._give_back()
        if victim is None or victim.ended:
            return 0
        ending = victim.doomed or outcome
        if ending is None:
            victim.begun = True
            return victim.no
        self._publish(victim, ending)
        return 0

    # --- within ------------------------------------------------------------------------------------------------------

    def _state(self, attempt: Attempt) -> ClassState:
        return self._classes[attempt.assignment.work_class]

    def _publish(self, attempt: Attempt, outcome: Ending) -> None:
        seq = self._outbox.add(attempt.no)
        self.effects.published.append(Publication(seq, attempt.no, outcome))
        state = self._classes[attempt.assignment.work_class]
        self._finish(attempt, state)
        if attempt.granted:
            self._grants.ended(state, seq)

    def _hold(self, lane: Lane, no: int | None) -> None:
        lane.holds += 1
        self.effects.held.append((lane.no, no))

    def _finish(self, attempt: Attempt, state: ClassState) -> None:
        del self._attempts[attempt.no]
        attempt.ended = True
        self._placing.touch(state)
        self._over.add(attempt.no)

    def _withdraw(self, attempt: Attempt) -> None:
        self._drop_with_grant(attempt)
        self.effects.withdrawn.append(attempt.no)

    def _withdraw_waiting(self, state: ClassState) -> None:
        """Withdraw what waits for a lane of a class."""
        while state.waiting:
            attempt = state.waiting.popleft()
            if not attempt.ended:
                self._withdraw(attempt)

    def _drop_with_grant(self, attempt: Attempt) -> None:
        """End an attempt without a report, and its grant with it."""
        self._grants.revoke(attempt, self._state(attempt))
        self._drop(attempt)

    def _drop(self, attempt: Attempt) -> None:
        """End an attempt without a report. Its grant, if it had one, has been dealt with."""
        lane = attempt.lane
        self._finish(attempt, self._state(attempt))
        self.effects.forgotten.append(attempt.no)
        if lane is not None:  # the worker learns of it; until then the lane counts as busy with it
            self._hold(lane, attempt.no)

    def _reclaim(self, lane: Lane, back: list[Attempt]) -> None:
        """Remove *back* from the lane: what is doomed ends, the rest waits again."""
        work_class = lane.work_class
        if work_class is None:
            return
        state = self._classes[work_class]
        for attempt in back:
            lane.attempts.remove(attempt)
            attempt.lane = None
        if not lane.attempts:
            self._placing.release(lane, state, self.effects)
        waiting = [each for each in back if not each.ended and each.doomed is None]
        for attempt in back:
            if not attempt.ended and attempt.doomed is not None:
                self._publish(attempt, attempt.doomed)
        self._placing.put_back(state, waiting)
