"""How wrong the answers to random questions become: how many events were in this square at that time?"""

import numpy as np

from accio_locapriv.arrays import Floats, Ints
from accio_locapriv.errors import DataError
from accio_locapriv.geometry import TOLERANCE_M, Plane
from accio_locapriv.traces import Traces


def count_queries_distortion(
    train: Traces, test: Traces, n: int, sizes: tuple[float, float], durations: tuple[int, int],
    rng: np.random.Generator,
) -> list[float]:  # fmt: skip
    """Return the relative error |test count - train count| / max(train count, 1) of *n* random range counts.

    A range is a square around a random train event (a random test event if there is no other) and a time window around
    its time; side and width are drawn evenly between the bounds, in metres and milliseconds.
    """
    _check(n, sizes, durations)
    centres = train if len(train.time) else test
    chosen = rng.integers(max(1, len(centres.time)), size=n)
    sides = rng.uniform(*sizes, size=n)
    widths = rng.uniform(*durations, size=n)
    if not len(centres.time):
        return [0.0] * n
    counts = [
        _Index(traces).counts(centres.lat[chosen], centres.lng[chosen], centres.time[chosen], sides, widths)
        for traces in (train, test)
    ]
    errors = np.abs(counts[1] - counts[0]) / np.maximum(counts[0], 1)
    return [float(error) for error in errors]


class _Index:
    """The events of all traces, by time."""

    def __init__(self, traces: Traces) -> None:
        order = np.argsort(traces.time, kind="stable")
        self._time = traces.time[order]
        self._vectors = traces.vectors()[order]

    def counts(self, lat: Floats, lng: Floats, time: Ints, sides: Floats, widths: Floats) -> Ints:
        """Count the events of each range."""
        begins = np.searchsorted(self._time, time - widths / 2.0, side="left")
        ends = np.searchsorted(self._time, time + widths / 2.0, side="right")
        found = np.zeros(len(time), dtype=np.int64)
        for query, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
            meters = Plane.at(lat[query], lng[query]).project(self._vectors[begin:end])
            found[query] = np.count_nonzero(np.abs(meters).max(axis=1, initial=0.0) <= sides[query] / 2.0 + TOLERANCE_M)
        return found


def _check(n: int, sizes: tuple[float, float], durations: tuple[int, int]) -> None:
    if n < 0:
        raise DataError(f"n: expected at least 0 queries, found {n}")
    for low_name, high_name, (low, high), unit in (
        ("minSize", "maxSize", sizes, "m"),
        ("minDuration", "maxDuration", durations, "ms"),
    ):
        if not 0 <= low <= high < float("inf"):
            raise DataError(
                f"{low_name}, {high_name}: expected 0 ≤ {low_name} ≤ {high_name}, found {low} {unit} and {high} {unit}"
            )
