"""Changes the places or the times of events, and keeps all of them."""

from dataclasses import replace

import numpy as np

from accio_locapriv.arrays import Floats, Ints
from accio_locapriv.errors import DataError
from accio_locapriv.geometry import degrees_of
from accio_locapriv.traces import Traces

DAY_MS = 86_400_000
CUT = 5
"""Weights beyond this many omegas are taken for 0 (they are below 4·10⁻⁶)."""


def collapse_temporal_gaps(traces: Traces, start_at: int) -> Traces:
    """Renumber the UTC days on which a trace has events consecutively, from the day of *start_at* (epoch ms) on.

    The time of day of each event stays.
    """
    days = traces.time // DAY_MS
    new_day = np.zeros(len(days), dtype=np.int64)
    new_day[1:] = days[1:] != days[:-1]
    new_day[traces.firsts()] = 0
    numbers = np.cumsum(new_day)
    if len(days):
        numbers -= numbers[traces.offsets[:-1][traces.owners]]
    return replace(traces, time=(start_at // DAY_MS + numbers) * DAY_MS + traces.time % DAY_MS)


def gaussian(traces: Traces, omega: int) -> Traces:
    """Move each event to the mean of its trace, weighted by exp(-Δt²/2ω²) as far as 5ω (in ms) to both sides.

    The mean is taken in the plane of the event. It is computed lag by lag over all events at once: first each with its
    successor, then with the one after that, as long as any pair is near enough in time.
    """
    if omega < 0:
        raise DataError(f"omega: expected at least 0 ms, found {omega} ms")
    if omega == 0:
        return traces
    vectors = traces.vectors()
    sums = _Sums(vectors)
    ends = traces.offsets[1:][traces.owners]
    early = np.arange(len(vectors), dtype=np.int64)
    lag = 0
    while len(early):
        lag += 1
        early = early[early + lag < ends[early]]
        gaps = traces.time[early + lag] - traces.time[early]
        near = gaps <= CUT * omega
        early, gaps = early[near], gaps[near]
        sums.add(early, lag, np.exp(-0.5 * (gaps / omega) ** 2))
    shifts = sums.shifts()
    angles = np.sqrt(np.einsum("ni,ni->n", shifts, shifts))
    scale = np.divide(np.sin(angles), angles, out=np.ones_like(angles), where=angles > 0.0)
    lat, lng = degrees_of(vectors * np.cos(angles)[:, None] + shifts * scale[:, None])
    still = angles == 0.0
    return traces.moved_to(np.where(still, traces.lat, lat), np.where(still, traces.lng, lng))


class _Sums:
    """Weighted sums of displacements, as radians in the azimuthal-equidistant plane of each event.

    The displacement from a to b at an angle is (b - a + (1 - cos angle) a) · angle / sin angle. Its first part counts
    for both events, once in each direction; of its second part, which is along a, only the factors are summed up.
    """

    def __init__(self, vectors: Floats) -> None:
        self._vectors = vectors
        self._columns = [np.ascontiguousarray(vectors[:, axis]) for axis in range(3)]
        self._weights = np.ones(len(vectors))  # an event's weight for itself
        self._along = np.zeros(len(vectors))
        self._across = [np.zeros(len(vectors)) for _ in range(3)]

    def add(self, early: Ints, lag: int, weight: Floats) -> None:
        """Add the pairs of each early event with the one *lag* later.

        Within one lag, no event is twice early or twice late, so plain indexed addition is right.
        """
        late = early + lag
        steps = [column[late] - column[early] for column in self._columns]
        squared = steps[0] * steps[0] + steps[1] * steps[1] + steps[2] * steps[2]
        stretched = weight * _angle_over_sine(squared)
        along = stretched * squared * 0.5  # 1 - cos of the angle is half the squared chord
        self._weights[early] += weight
        self._weights[late] += weight
        self._along[early] += along
        self._along[late] += along
        for across, step in zip(self._across, steps, strict=True):
            step *= stretched
            across[early] += step
            across[late] -= step

    def shifts(self) -> Floats:
        """The weighted mean displacement of each event."""
        sums = np.stack(self._across, axis=-1) + self._along[:, None] * self._vectors
        return sums / self._weights[:, None]


def _angle_over_sine(squared: Floats) -> Floats:
    """Give angle / sin angle for squared chords; a series does for less than 64 km, to the last digit."""
    if squared.max(initial=0.0) < 1e-4:
        return 1.0 + squared * (1.0 / 6.0 + squared * (1.0 / 30.0))
    angle = 2.0 * np.arcsin(np.minimum(np.sqrt(squared) * 0.5, 1.0))
    sine = np.sin(angle)
    return np.divide(angle, sine, out=np.ones_like(angle), where=sine > 0.0)
