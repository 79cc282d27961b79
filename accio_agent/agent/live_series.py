"""What running attempts on this agent have measured: told to the daemon now and then, and with the report of an attempt
whose worker died.
"""

from accio.v1 import agents_pb2, runs_pb2
from accio_agent.agent.link.outbound import Outbound

AT_ONCE = 64
"""Series in one message, of some 12 kB each."""

REMEMBERED = 2_000
"""Attempts of which series are kept here; they aren't told of more, and their reports have all that they measured."""


class LiveSeries:
    """The latest series of each running attempt, and which of them the daemon doesn't know."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._latest: dict[int, dict[str, runs_pb2.Series]] = {}
        self._changed: dict[tuple[int, str], None] = {}

    def measured(self, found: agents_pb2.AttemptSeries) -> None:
        """Keep a series of an attempt."""
        if found.attempt not in self._latest and len(self._latest) >= REMEMBERED:
            return
        self._latest.setdefault(found.attempt, {})[found.series.name] = found.series
        self._changed[found.attempt, found.series.name] = None

    def tell(self) -> None:
        """Send some of what has changed, in a session; the rest goes with the next calls."""
        some = list(self._changed)[:AT_ONCE] if self._outbound.is_open else []
        if some:
            message = agents_pb2.LiveSeries()
            for attempt, name in some:
                del self._changed[attempt, name]
                message.series.add(attempt=attempt, series=self._latest[attempt][name])
            self._outbound.put(agents_pb2.AgentMessage(series=message))

    def session_opened(self) -> None:
        """Count everything as news: the daemon may be another one."""
        self._changed = {(attempt, name): None for attempt, series in self._latest.items() for name in series}

    @property
    def any_kept(self) -> bool:
        """Whether a series of some attempt is kept."""
        return bool(self._latest)

    def take(self, attempt: int) -> list[runs_pb2.Series]:
        """Return what an attempt that has ended has measured as far as it is known here, and forget it."""
        found = self._latest.pop(attempt, {})
        for name in found:
            self._changed.pop((attempt, name), None)
        return list(found.values())
