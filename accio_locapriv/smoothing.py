"""Changes the places or the times of events, and keeps all of them."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from accio_locapriv.arrays import Floats
from accio_locapriv.errors import DataError
from accio_locapriv.geometry import degrees_of
from accio_locapriv.traces import Traces

DAY_MS = 86_400_000
CUT = 5
"""Weights beyond this many omegas are taken for 0 (they are below 4·10⁻⁶)."""

_MOST_ROWS = 64
_MOST_PAIRS = 1 << 20
_ROUNDING = 1e-14
"""No event moves by so small an angle (60 nanometres): it has no other event near, or all are at its place."""


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

    The mean is taken in the plane of the event. It is computed for some events at once, with all that are near enough
    in time to any of them.
    """
    if omega < 0:
        raise DataError(f"omega: expected at least 0 ms, found {omega} ms")
    if omega == 0:
        return traces
    vectors = traces.vectors()
    shifts = np.zeros_like(vectors)
    for rows, window in _windows(traces, CUT * omega):
        gaps = (traces.time[window] - traces.time[rows, None]) / omega
        weights = np.where(np.abs(gaps) <= CUT, np.exp(-0.5 * gaps**2), 0.0)
        shifts[rows] = _mean_displacements(vectors[rows], vectors[window], weights)
    angles = np.sqrt(np.einsum("ni,ni->n", shifts, shifts))
    scale = np.divide(np.sin(angles), angles, out=np.ones_like(angles), where=angles > 0.0)
    lat, lng = degrees_of(vectors * np.cos(angles)[:, None] + shifts * scale[:, None])
    still = angles <= _ROUNDING
    return traces.moved_to(np.where(still, traces.lat, lat), np.where(still, traces.lng, lng))


def _windows(traces: Traces, reach: int) -> Iterator[tuple[slice, slice]]:
    """Return consecutive events of a trace, with those of it that are within *reach* (in ms) of any of them in time."""
    for begin, end in traces.spans():
        time = traces.time[begin:end]
        if not len(time):
            continue
        reach_here = min(reach, int(time[-1] - time[0]))  # beyond it, sums with times could overflow
        firsts = begin + np.searchsorted(time, time - reach_here, side="left")
        stops = begin + np.searchsorted(time, time + reach_here, side="right")
        size = max(1, min(_MOST_ROWS, _MOST_PAIRS // int((stops - firsts).max())))
        for start in range(begin, end, size):
            stop = min(start + size, end)
            yield slice(start, stop), slice(int(firsts[start - begin]), int(stops[stop - 1 - begin]))


def _mean_displacements(points: Floats, others: Floats, weights: Floats) -> Floats:
    """Return the weighted mean displacement of each point, as radians in its azimuthal-equidistant plane.

    The displacement from a to b is the part of b that is perpendicular to a, times angle / sin angle.
    """
    squared = np.maximum(2.0 - 2.0 * (points @ others.T), 0.0)
    sums = (weights * _angle_over_sine(squared)) @ others
    across = sums - np.einsum("ni,ni->n", sums, points)[:, None] * points
    means: Floats = across / weights.sum(axis=1)[:, None]
    return means


def _angle_over_sine(squared: Floats) -> Floats:
    """Return angle / sin angle for squared chords; a series does for less than 64 km, to the last digit."""
    if squared.max(initial=0.0) < 1e-4:
        return 1.0 + squared * (1.0 / 6.0 + squared * (1.0 / 30.0))
    angle = 2.0 * np.arcsin(np.minimum(np.sqrt(squared) * 0.5, 1.0))
    sine = np.sin(angle)
    return np.divide(angle, sine, out=np.ones_like(angle), where=sine > 0.0)
