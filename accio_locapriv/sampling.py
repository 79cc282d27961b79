"""Keeps some of the events of each trace. Times are in milliseconds, distances in metres."""

import math
from decimal import Decimal

import numpy as np

from accio_locapriv.arrays import Bools, Ints, ranges
from accio_locapriv.errors import DataError
from accio_locapriv.geometry import chord_at_least
from accio_locapriv.randomness import Generators
from accio_locapriv.traces import Traces


def by_time(traces: Traces, duration: int) -> Traces:
    """Keep the first event, and each that is *duration* or more after the last one kept."""
    _check_at_least("duration", duration, 0, " ms")
    time, mask = traces.time.tolist(), traces.firsts()
    for begin, end in traces.spans():
        last = time[begin] if begin < end else 0
        for index in range(begin + 1, end):
            if time[index] - last >= duration:
                last = time[index]
                mask[index] = True
    return traces.kept(mask)


def by_distance(traces: Traces, distance: float) -> Traces:
    """Keep the first event, and each that is at least *distance* from the last one kept."""
    _check_at_least("distance", distance, 0, " m")
    threshold = chord_at_least(distance) ** 2
    vectors, mask = traces.vectors(), traces.firsts()
    for begin, end in traces.spans():
        points = vectors[begin:end].tolist()
        last_x, last_y, last_z = points[0] if points else (0.0, 0.0, 0.0)
        for index, (x, y, z) in enumerate(points):
            dx, dy, dz = x - last_x, y - last_y, z - last_z
            if dx * dx + dy * dy + dz * dz >= threshold:
                last_x, last_y, last_z = x, y, z
                mask[begin + index] = True
    return traces.kept(mask)


def uniformly(traces: Traces, probability: float, generators: Generators) -> Traces:
    """Keep each event with this probability, independently of all others."""
    if not 0 <= probability <= 1:
        raise DataError(f"probability: expected a number from 0 to 1, found {probability!r}")
    mask = np.zeros(len(traces.time), dtype=np.bool_)
    for trace, (begin, end) in zip(traces.ids, traces.spans(), strict=True):
        mask[begin:end] = generators(trace).random(end - begin) < probability
    return traces.kept(mask)


def by_modulo(traces: Traces, n: int) -> Traces:
    """Keep min(n, size) events of each trace: those at ceil(k·size/n)."""
    _check_at_least("n", n, 0, " events")
    kept = np.minimum(traces.counts, n)
    if n == 0:
        return traces.kept(np.zeros(len(traces.time), dtype=np.bool_))
    k = ranges(np.zeros_like(kept), kept)
    sizes, starts = np.repeat(traces.counts, kept), np.repeat(traces.offsets[:-1], kept)
    places = np.where(sizes <= n, k, -(-(k * sizes) // n))
    return traces.kept(_marked(len(traces.time), starts + places))


def of_size(traces: Traces, smallest: int | None, largest: int | None) -> Traces:
    """Cut traces off after *largest* events, and drop those of fewer than *smallest*."""
    _check_bounds("minSize", smallest, "maxSize", largest, " events")
    counts = traces.counts
    if largest is not None:
        counts = np.minimum(counts, largest)
        traces = traces.kept(_marked(len(traces.time), ranges(traces.offsets[:-1], counts)))
    return traces if smallest is None else traces.chosen(np.flatnonzero(counts >= smallest).tolist())


def of_duration(traces: Traces, shortest: int | None, longest: int | None) -> Traces:
    """Cut off events later than *longest* after the first of a trace; drop traces that span less than *shortest*."""
    _check_bounds("minDuration", shortest, "maxDuration", longest, " ms")
    if longest is not None:
        firsts = traces.time[traces.offsets[:-1][traces.owners]]
        traces = traces.kept(traces.time - firsts <= longest)
    if shortest is None:
        return traces
    spans = [int(trace.time[-1] - trace.time[0]) if len(trace) else 0 for trace in traces]
    return traces.chosen([index for index, span in enumerate(spans) if span >= shortest])


def by_share(traces: Traces, begin: float, end: float, *, complement: bool) -> Traces:
    """Keep the events from index floor(begin·n/100) to before ceil(end·n/100) of each trace, or all others."""
    if not 0 <= begin <= end <= 100:
        raise DataError(
            f"percentBegin, percentEnd: expected 0 ≤ percentBegin ≤ percentEnd ≤ 100, found {begin!r} and {end!r}"
        )
    # Decimal, as the percentage is written: 33.3 % of 1,000 events are 333, not 332.9999….
    first, last = Decimal(repr(float(begin))), Decimal(repr(float(end)))
    counts = traces.counts.tolist()
    starts = np.asarray([math.floor(first * count / 100) for count in counts], dtype=np.int64)
    ends = np.asarray([math.ceil(last * count / 100) for count in counts], dtype=np.int64)
    mask = _marked(len(traces.time), ranges(traces.offsets[:-1] + starts, ends - starts))
    return traces.kept(~mask if complement else mask)


def _marked(size: int, indices: Ints) -> Bools:
    mask = np.zeros(size, dtype=np.bool_)
    mask[indices] = True
    return mask


def _check_bounds(low_name: str, low: int | None, high_name: str, high: int | None, unit: str) -> None:
    for name, value in ((low_name, low), (high_name, high)):
        if value is not None:
            _check_at_least(name, value, 0, unit)
    if low is not None and high is not None and low > high:
        raise DataError(
            f"{low_name}, {high_name}: expected {low_name} ≤ {high_name}, found {low}{unit} and {high}{unit}"
        )


def _check_at_least(name: str, value: float, least: float, unit: str) -> None:
    if not value >= least:
        raise DataError(f"{name}: expected at least {least}{unit}, found {value}{unit}")
