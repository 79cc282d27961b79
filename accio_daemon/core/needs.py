"""How much time nodes of a class need, as far as that is known: what placing compares with the time an agent has left.

Recent executions tell it; what the end of an agent's time cut off tells that it is more than that. Nothing is known of
a new class, and then it is placed anywhere. A time-out bounds the need from above, and is no estimate of it.
"""

from collections import deque

ENOUGH = 5
"""Executions from which on their durations count."""

_REMEMBERED = 64
_ALLOWANCE = 1.25  # for what takes longer than nearly all did
_AFTER_CUT = 1.5  # what was cut off is tried where there is so much more time


class Need:
    """What is known of one class; times in seconds."""

    __slots__ = ("_known", "_recent", "_tried")

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=_REMEMBERED)
        self._tried = 0.0  # the longest time that was cut off since an execution took as long
        self._known: float | None = 0.0

    def learn(self, seconds: float) -> None:
        """Count an execution that came to its own end."""
        self._recent.append(seconds)
        if seconds >= self._tried:
            self._tried = 0.0
        self._known = None

    def cut_off(self, seconds: float) -> None:
        """Count an execution that wasn't over after so long."""
        self._tried = max(self._tried, seconds)
        self._known = None

    @property
    def seconds(self) -> float:
        """The time that nearly all executions would be over in; 0 if nothing is known."""
        if self._known is None:
            usual = 0.0
            if len(self._recent) >= ENOUGH:
                ordered = sorted(self._recent)
                usual = ordered[(len(ordered) * 95 + 99) // 100 - 1] * _ALLOWANCE
            self._known = max(usual, self._tried * _AFTER_CUT)
        return self._known

    def __repr__(self) -> str:
        return f"Need({self.seconds:.1f} s, of {len(self._recent)} executions, {self._tried:.1f} s cut off)"
