"""Changes the places or the times of events, and keeps all of them."""

from dataclasses import replace

import numpy as np

from accio_locapriv.arrays import Floats
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
    weights = np.ones(len(vectors))  # an event's weight for itself
    shifts = np.zeros_like(vectors)  # weighted sums of displacements in the tangent plane, in radians
    ends = traces.offsets[1:][traces.owners]
    early = np.arange(len(vectors), dtype=np.int64)
    lag = 0
    while len(early):
        lag += 1
        early = early[early + lag < ends[early]]
        gaps = traces.time[early + lag] - traces.time[early]
        near = gaps <= CUT * omega
        early, gaps = early[near], gaps[near]
        late = early + lag
        weight = np.exp(-0.5 * (gaps / omega) ** 2)
        to_late, to_early = _displacements(vectors[early], vectors[late])
        # Within one lag, no event is twice early or twice late, so plain indexed addition is right.
        weights[early] += weight
        weights[late] += weight
        shifts[early] += weight[:, None] * to_late
        shifts[late] += weight[:, None] * to_early
    shifts /= weights[:, None]
    angles = np.sqrt(np.einsum("ni,ni->n", shifts, shifts))
    scale = np.divide(np.sin(angles), angles, out=np.ones_like(angles), where=angles > 0.0)
    lat, lng = degrees_of(vectors * np.cos(angles)[:, None] + shifts * scale[:, None])
    still = angles == 0.0
    return traces.moved_to(np.where(still, traces.lat, lat), np.where(still, traces.lng, lng))


def _displacements(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """From a to b in the azimuthal-equidistant plane of a, and back in that of b; as 3-d vectors in radians."""
    difference = b - a
    squared = np.einsum("ni,ni->n", difference, difference)
    half = np.arcsin(np.minimum(np.sqrt(squared) * 0.5, 1.0))
    sine = np.sin(2.0 * half)
    stretch = np.divide(2.0 * half, sine, out=np.ones_like(half), where=sine > 0.0)[:, None]
    drop = (0.5 * squared)[:, None]  # 1 - cos of the angle
    return (difference + drop * a) * stretch, (drop * b - difference) * stretch
