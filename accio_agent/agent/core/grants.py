"""Who holds the daemon's grants, and who gets one when its holder ends: as the daemon decides it, too.

1.  When an attempt that holds a grant ends, the grant passes to the oldest attempt of its class that holds none.
2.  If there is none, the grant stays open until the daemon acknowledged the report: an attempt of the class that was
    sent before the daemon knew of the end takes it. Then it is gone.
3.  While a session opens nobody knows whether the daemon still wants what ends: it may have given the grant away. So
    it stays open, and passes on once the daemon has said that it wants the report.
"""

from collections.abc import Container, Iterable

from accio_agent.agent.core.work import Attempt, ClassState


class Grants:
    """The grants of all classes; how many each class has is in its state."""

    def __init__(self) -> None:
        """Begin without any."""
        self._open_by_report: dict[int, ClassState] = {}
        self._told: list[int] = []  # reports whose attempts the daemon was told to have ended when the session opened
        self._opening = False
        self._held_up: list[int] = []  # reports of what ended meanwhile, whose grants are open

    def arrived(self, attempt: Attempt, state: ClassState) -> None:
        """Note the grant that an attempt brought, or pass an open one on to it."""
        if attempt.granted:
            state.grants += 1
            if attempt.assignment.gpus:
                state.free_gpus.append(attempt.assignment.gpus)
        elif state.open_grants:
            oldest = min(state.open_grants)  # the daemon learns of the ends in this order, too
            state.open_grants.remove(oldest)
            del self._open_by_report[oldest]
            attempt.granted = True
            state.grants += 1

    def ended(self, state: ClassState, report: int) -> None:
        """Pass on the grant of an attempt, which holds one and whose end is in a report, or leave it open."""
        if not self._opening and _pass_on(state):
            return
        if self._opening:
            self._held_up.append(report)
        state.grants -= 1
        state.open_grants.add(report)
        self._open_by_report[report] = state

    def acknowledged(self, report: int) -> None:
        """Close the grant that a report left open, if nobody took it over."""
        state = self._open_by_report.pop(report, None)
        if state is not None:
            state.open_grants.discard(report)
            _lose_gpus(state)

    def told(self, reports: Iterable[int]) -> None:
        """Note which ends the daemon is told of as a session opens."""
        self._told = list(reports)
        self._opening = True

    def welcomed(self, unwanted: Container[int]) -> list[ClassState]:
        """Close the grants of what the daemon was told to have ended, as it holds no reservation for that from now on,
        and pass on those that were held up, but for *unwanted* reports'. Return the classes of these.
        """
        for report in self._told:
            self.acknowledged(report)
        return self._pass_on_held_up(unwanted)

    def not_welcomed(self) -> list[ClassState]:
        """Pass on the grants that were held up by a session that doesn't open; return their classes."""
        return self._pass_on_held_up(unwanted=())

    def _pass_on_held_up(self, unwanted: Container[int]) -> list[ClassState]:
        self._opening, self._told = False, []
        held_up, self._held_up = self._held_up, []
        states = list[ClassState]()
        for report in held_up:
            state = self._open_by_report.get(report)
            if state is not None and report not in unwanted and _pass_on(state):
                del self._open_by_report[report]
                state.open_grants.discard(report)
                state.grants += 1
                states.append(state)
        return states

    def revoke(self, attempt: Attempt, state: ClassState) -> None:
        """Remove the grant of an attempt that the daemon doesn't want any more, or that goes back to it."""
        if attempt.granted:
            attempt.granted = False
            state.grants -= 1
            _lose_gpus(state)


def _pass_on(state: ClassState) -> bool:
    """Hand a grant to the oldest attempt of its class that holds none; return whether there is one."""
    while state.ungranted:
        heir = state.ungranted.popleft()
        if not heir.ended:
            heir.granted = True
            return True
    return False


def _lose_gpus(state: ClassState) -> None:
    if state.free_gpus:
        state.free_gpus.pop()
