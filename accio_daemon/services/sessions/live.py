"""What running attempts say of themselves: how far they are, and what they measure.

It is in memory alone, and believed of the agent that has the attempt, as its report will be: what is measured ends
trials of studies. Whatever is said of other attempts is dropped, so that nobody fills the room there is with attempts
that never were.
"""

from collections.abc import Callable, Iterable

from accio.domain.series import MOST_SERIES, Packed
from accio.v1 import agents_pb2
from accio_daemon.core.terms import AttemptNo, SessionNo

SERIES_BYTES = 64 << 20
"""Of the points of all series. What there is no room for waits for the report of its attempt."""
SWEEP_AT = 1_000
"""Attempts of which something is known, at least, before those that are gone without a report are looked for."""

Holds = Callable[[SessionNo, AttemptNo], bool]
"""Returns whether an attempt goes on, and is the agent's of a session."""
GoesOn = Callable[[AttemptNo], object]
"""Returns something true of an attempt that goes on."""


class Live:
    """State: the latest of each attempt, `_sweep_at` how many are known when those that are gone are looked for."""

    def __init__(self, holds: Holds, goes_on: GoesOn) -> None:
        """Believe who *holds* an attempt, until it no longer *goes_on*."""
        self._holds = holds
        self._goes_on = goes_on
        self._progress: dict[AttemptNo, float] = {}
        self._series: dict[AttemptNo, dict[str, Packed]] = {}
        self._series_bytes = 0
        self._sweep_at = SWEEP_AT

    def note_progress(self, session: SessionNo, said: agents_pb2.Progress) -> None:
        """Remember what running operators say; the latest wins."""
        for number, fraction in zip(said.attempt, said.fraction, strict=False):
            attempt = AttemptNo(number)
            if self._holds(session, attempt):
                self._progress[attempt] = min(max(fraction, 0.0), 1.0)
        self._sweep()

    def note_series(self, session: SessionNo, found: Iterable[tuple[int, Packed]]) -> None:
        """Remember what running operators have measured; the latest wins."""
        for number, packed in found:
            attempt = AttemptNo(number)
            if not self._holds(session, attempt):
                continue
            known = self._series.setdefault(attempt, {})
            before = known.get(packed.name)
            if before is None and len(known) >= MOST_SERIES:
                continue
            grown = len(packed.points) - (0 if before is None else len(before.points))
            if self._series_bytes + grown <= SERIES_BYTES:
                self._series_bytes += grown
                known[packed.name] = packed
        self._sweep()

    def forget(self, session: SessionNo, attempts: Iterable[AttemptNo]) -> None:
        """Drop what was said of attempts of a session that have ended."""
        if self._progress or self._series:
            for attempt in attempts:
                if self._holds(session, attempt):
                    self._drop(attempt)

    def progress(self, attempt: int) -> float:
        """Return the fraction that a running attempt last reported, 0 if none."""
        return self._progress.get(AttemptNo(attempt), 0.0)

    def series(self, attempt: int) -> list[Packed]:
        """Return what a running attempt has measured so far."""
        return list(self._series.get(AttemptNo(attempt), {}).values())

    def _sweep(self) -> None:
        """Drop what was said of attempts that were lost, now and then."""
        if len(self._progress) + len(self._series) < self._sweep_at:
            return
        for attempt in [*self._progress, *self._series]:
            if not self._goes_on(attempt):
                self._drop(attempt)
        self._sweep_at = max(SWEEP_AT, 2 * (len(self._progress) + len(self._series)))

    def _drop(self, attempt: AttemptNo) -> None:
        self._progress.pop(attempt, None)
        self._series_bytes -= sum(len(each.points) for each in self._series.pop(attempt, {}).values())
