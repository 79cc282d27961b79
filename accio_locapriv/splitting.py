"""Cuts traces into pieces. Times are in milliseconds, distances in metres.

Each function marks the events that begin a piece, and `Traces.cut` names the pieces. A trace without events has none.
"""

import numpy as np

from accio_locapriv.errors import DataError
from accio_locapriv.geometry import chord_at_least, chords
from accio_locapriv.traces import Traces


def by_duration(traces: Traces, duration: int) -> Traces:
    """Begin a new piece at the first event that is *duration* or more after the first of the piece."""
    _check_not_negative("duration", duration, "ms")
    begins = traces.firsts()
    for begin, end in traces.spans():
        time = traces.time[begin:end]
        start = 0
        while start < len(time):
            begins[begin + start] = True
            if time[-1] - time[start] < duration:
                break  # no event is that late; and a sum with a huge duration would overflow
            start = max(start + 1, int(np.searchsorted(time, time[start] + duration)))
    return traces.cut(begins)


def by_size(traces: Traces, size: int) -> Traces:
    """Begin a new piece after every *size* events."""
    if size < 1:
        raise DataError(f"size: expected at least 1 event, found {size}")
    within = np.arange(len(traces.time)) - traces.offsets[:-1][traces.owners]
    return traces.cut(within % size == 0)


def by_temporal_gap(traces: Traces, duration: int) -> Traces:
    """Begin a new piece at each event that is *duration* or more after the one before it."""
    _check_not_negative("duration", duration, "ms")
    begins = traces.firsts()
    begins[1:] |= np.diff(traces.time) >= duration
    return traces.cut(begins)


def by_spatial_gap(traces: Traces, distance: float) -> Traces:
    """Begin a new piece at each event that is at least *distance* from the one before it."""
    _check_not_negative("distance", distance, "m")
    begins = traces.firsts()
    vectors = traces.vectors()
    begins[1:] |= chords(vectors[1:], vectors[:-1]) >= chord_at_least(distance)
    return traces.cut(begins)


def _check_not_negative(name: str, value: float, unit: str) -> None:
    if not value >= 0:
        raise DataError(f"{name}: expected at least 0 {unit}, found {value} {unit}")
