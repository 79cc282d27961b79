"""When a run will have ended, as a range: from how many nodes have ended in the last minute and in the last five."""

from collections import deque
from dataclasses import field
from datetime import timedelta

from accio.late import dataclass

WINDOWS_S = (60.0, 300.0)
_LEAST_S = 2.0


@dataclass(slots=True)
class Pace:
    """How many nodes had ended when; times are seconds of one clock, and only grow."""

    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def note(self, at: float, ended: int) -> None:
        """Note how many nodes have ended; a retry, which lowers that, begins anew."""
        if self._seen and ended < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((at, ended))
        while len(self._seen) > 2 and self._seen[1][0] <= at - WINDOWS_S[-1]:
            self._seen.popleft()

    def rates(self) -> tuple[float, ...]:
        """Return nodes a second in the last minute and in the last five; nothing until something can be said."""
        if not self._seen:
            return ()
        now, ended = self._seen[-1]
        rates: list[float] = []
        for window in WINDOWS_S:
            began, before = next((seen for seen in self._seen if seen[0] >= now - window), self._seen[0])
            if now - began >= _LEAST_S:
                rates.append((ended - before) / (now - began))
        return tuple(rates)

    def left(self, nodes: int) -> tuple[timedelta, timedelta] | None:
        """Return the least and the most time in which *nodes* more will end at these rates; None if nobody can say."""
        rates = [rate for rate in self.rates() if rate > 0]
        if not rates or nodes <= 0:
            return None
        return timedelta(seconds=nodes / max(rates)), timedelta(seconds=nodes / min(rates))
