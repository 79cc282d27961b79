"""How much time nodes of a class need, as far as that is known: what placing compares with the time an agent has left.

Recent executions tell it; what the end of an agent's time cut off tells that it is more than that. Nothing is known of
a new class, and then it is placed anywhere. A time-out bounds the need from above, and is no estimate of it.
"""

from collections import deque

ENOUGH = 5
"""Executions from which on their durations count."""

NEARLY_ALL = 0.9
"""The share of a host's time that counts as all of it: a host is never there for its nodes from the first second."""

_REMEMBERED = 64
_ALLOWANCE = 1.25  # for what takes longer than nearly all did
_AFTER_CUT = 1.5  # what was cut off is tried where there is so much more time


class Need:
    """What is known of one class; times in seconds."""

    __slots__ = ("_recent", "_tried", "_usual")

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=_REMEMBERED)
        self._tried = 0.0  # the longest time that was cut off since an execution took as long
        self._usual: float | None = 0.0

    def learn(self, seconds: float) -> None:
        """Count an execution that came to its own end."""
        self._recent.append(seconds)
        if seconds >= self._tried:
            self._tried = 0.0
        self._usual = None

    def cut_off(self, seconds: float) -> None:
        """Count an execution that wasn't over after so long."""
        self._tried = max(self._tried, seconds)
        self._usual = None

    @property
    def seconds(self) -> float:
        """The time that nearly all executions would be over in; 0 if nothing is known."""
        return max(self._nearly_all(), self._tried * _AFTER_CUT)

    def within(self, longest: float) -> float:
        """Return the same where no host lasts longer than *longest*.

        What was only cut off may need less than half as much time again: it is tried where nearly all of that is left,
        unless it took longer already.
        """
        after_cut = self._tried * _AFTER_CUT
        if self._tried * NEARLY_ALL <= longest:
            after_cut = min(after_cut, longest * NEARLY_ALL)
        return max(self._nearly_all(), after_cut)

    def _nearly_all(self) -> float:
        if self._usual is None:
            self._usual = 0.0
            if len(self._recent) >= ENOUGH:
                ordered = sorted(self._recent)
                self._usual = ordered[(len(ordered) * 95 + 99) // 100 - 1] * _ALLOWANCE
        return self._usual

    def __repr__(self) -> str:
        return f"Need({self.seconds:.1f} s, of {len(self._recent)} executions, {self._tried:.1f} s cut off)"
