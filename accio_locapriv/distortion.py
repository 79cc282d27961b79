"""How far a trace was displaced: in space, and in space and time."""

from collections.abc import Callable

import numpy as np

from accio_locapriv.arrays import Floats, Ints, ranges
from accio_locapriv.geometry import along, chords, meters_of
from accio_locapriv.pairing import Statistics, paired
from accio_locapriv.polylines import distance_to_events, distance_to_polyline
from accio_locapriv.traces import Trace, Traces


def spatial_distortion(train: Traces, test: Traces, *, interpolate: bool) -> Statistics:
    """Return the metres from each test event to the nearest event of the train trace or, interpolated, to
    its polyline.
    """
    measure = distance_to_polyline if interpolate else distance_to_events
    return _of_pairs(train, test, lambda reference, result: measure(result.vectors(), reference.vectors()))


def spatio_temporal_distortion(train: Traces, test: Traces) -> Statistics:
    """Return the metres from each test event to where the train trace was at that moment."""
    return _of_pairs(train, test, _at_the_same_time)


def _of_pairs(train: Traces, test: Traces, measure: Callable[[Trace, Trace], Floats]) -> Statistics:
    found = Statistics()
    nothing = np.zeros(0)
    for trace, train_index, test_index in paired(train.ids, test.ids):
        reference = None if train_index is None else train.at(train_index)
        result = None if test_index is None else test.at(test_index)
        found.add(trace, measure(reference, result) if reference and result else nothing)
    return found


def _at_the_same_time(train: Trace, test: Trace) -> Floats:
    """Return how far test events are from where train was at their moments.

    Between two train events the position is interpolated along their great circle; before and after them it stays.
    Of several train events at the moment itself, the nearest counts.
    """
    positions, places = train.vectors(), test.vectors()
    moments = np.clip(test.time, train.time[0], train.time[-1])
    before = np.searchsorted(train.time, moments, side="left")  # the first event not earlier
    after = np.searchsorted(train.time, moments, side="right")  # the first event later
    result = np.empty(len(places))
    exact = after > before
    result[exact] = _nearest_of(positions, places[exact], before[exact], after[exact] - before[exact])
    left, right = before[~exact] - 1, after[~exact]
    begin, end = train.time[left], train.time[right]
    fractions = (moments[~exact] - begin) / (end - begin)
    result[~exact] = chords(along(positions[left], positions[right], fractions), places[~exact])
    return meters_of(result)


def _nearest_of(positions: Floats, places: Floats, firsts: Ints, counts: Ints) -> Floats:
    """Return the chord from each place to the nearest of its positions, those from its first on."""
    rows = np.repeat(np.arange(len(places)), counts)
    candidates = chords(positions[ranges(firsts, counts)], places[rows])
    nearest = np.full(len(places), np.inf)
    np.minimum.at(nearest, rows, candidates)
    return nearest
