"""Splitting, sampling, smoothing, and the extraction of points of interest."""

from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio_locapriv import sampling, smoothing, splitting
from accio_locapriv.arrays import Floats, Ints
from accio_locapriv.errors import DataError
from accio_locapriv.geometry import chord_within, chords, distances, unit_vectors
from accio_locapriv.randomness import generators
from accio_locapriv.stays import extract_pois
from accio_locapriv.traces import Trace, Traces
from tests.locapriv import strategies
from tests.locapriv.calling import generated, make_traces

MINUTE = 60_000

SPLITTINGS: list[Callable[[Traces], Traces]] = [
    lambda traces: splitting.by_duration(traces, 30 * MINUTE),
    lambda traces: splitting.by_size(traces, 3),
    lambda traces: splitting.by_temporal_gap(traces, 10 * MINUTE),
    lambda traces: splitting.by_spatial_gap(traces, 200.0),
]


def trace(*times: int) -> Traces:
    return make_traces({"t": [(48.85, 2.35, time) for time in times]})


def times(traces: Traces) -> list[list[int]]:
    return [one.time.tolist() for one in traces]


# ---------------------------------------------------------------------------------------------------------- splitting


@pytest.mark.parametrize("split", SPLITTINGS)
@given(traces=strategies.traces())
def test_pieces_make_up_the_trace(split: Callable[[Traces], Traces], traces: Traces) -> None:
    """Pieces in the order of their numbers are the trace, none is empty, and each keeps its user."""
    pieces = split(traces)
    found: dict[str, dict[int, Trace]] = {}
    for piece in pieces:
        parent, _, number = piece.id.rpartition("-")
        assert len(piece) > 0
        assert piece.user == traces.users[traces.ids.index(parent)]
        found.setdefault(parent, {})[int(number)] = piece
    assert list(pieces.ids) == sorted(pieces.ids)
    for whole in traces:
        parts = found.get(whole.id, {})
        assert sorted(parts) == list(range(len(parts)))
        joined = [part.time for _, part in sorted(parts.items())]
        assert np.array_equal(np.concatenate([np.zeros(0, dtype=np.int64), *joined]), whole.time)


def test_more_than_ten_pieces() -> None:
    """Piece 10 comes after piece 9 in time, though not by name."""
    pieces = splitting.by_size(trace(*range(12)), 1)
    assert pieces.at(pieces.ids.index("t-10")).time.tolist() == [10]


def test_duration_splitting_begins_at_the_duration() -> None:
    """An event exactly the duration after the first begins a new piece."""
    assert times(splitting.by_duration(trace(0, 9, 10, 19, 20, 45), 10)) == [[0, 9], [10, 19], [20], [45]]


def test_duration_splitting_by_the_longest_duration() -> None:
    """A sum of time and duration that 64 bits don't hold is no piece."""
    assert times(splitting.by_duration(trace(0, 10**14), 2**63 - 1)) == [[0, 10**14]]


def test_temporal_gaps() -> None:
    """A gap of exactly the duration splits."""
    assert times(splitting.by_temporal_gap(trace(0, 9, 19, 20), 10)) == [[0, 9], [19, 20]]


def test_spatial_gaps() -> None:
    """A gap of the distance splits, one millimetre short of it as well."""
    traces = make_traces({"t": generated(3, 1000, 100.0)})
    assert splitting.by_spatial_gap(traces, 100.0009).counts.tolist() == [1, 1, 1]
    assert splitting.by_spatial_gap(traces, 100.1).counts.tolist() == [3]


def test_no_gap_is_wider_than_half_the_earth() -> None:
    """Antipodes are apart as far as points can be, not any distance."""
    traces = make_traces({"t": [(90.0, 0.0, 0), (-90.0, 0.0, 1)]})
    assert splitting.by_spatial_gap(traces, 20_015_000.0).counts.tolist() == [1, 1]
    assert splitting.by_spatial_gap(traces, 20_016_000.0).counts.tolist() == [2]
    assert len(extract_pois(traces, 20_016_000.0, 0).lat) == 1


def test_size_splitting() -> None:
    """All pieces but the last of a trace have the size."""
    assert times(splitting.by_size(trace(0, 1, 2, 3, 4), 2)) == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(
    ("split", "name"),
    [
        (lambda traces: splitting.by_size(traces, 0), "size"),
        (lambda traces: splitting.by_duration(traces, -1), "duration"),
        (lambda traces: splitting.by_temporal_gap(traces, -1), "duration"),
        (lambda traces: splitting.by_spatial_gap(traces, -1.0), "distance"),
    ],
)
def test_impossible_pieces_are_refused(split: Callable[[Traces], Traces], name: str) -> None:
    """The message names the parameter."""
    with pytest.raises(DataError, match=f"{name}: expected at least"):
        split(trace(0))


# ----------------------------------------------------------------------------------------------------------- sampling


@given(traces=strategies.traces(), duration=st.integers(0, 3_000_000))
def test_temporal_samples_are_apart(traces: Traces, duration: int) -> None:
    """The first event is kept, kept ones are the duration apart, and each dropped one is too near the last kept."""
    for before, after in zip(traces, sampling.by_time(traces, duration), strict=True):
        kept = after.time
        assert (np.diff(kept) >= duration).all()
        if len(before):
            assert kept[0] == before.time[0]
            last = kept[np.searchsorted(kept, before.time, side="right") - 1]
            assert ((before.time - last < duration) | np.isin(before.time, kept)).all()


@given(traces=strategies.traces(), distance=st.floats(0, 500))
def test_spatial_samples_are_apart(traces: Traces, distance: float) -> None:
    """Kept events are at least the distance apart, and the first is kept."""
    for before, after in zip(traces, sampling.by_distance(traces, distance), strict=True):
        vectors = after.vectors()
        assert (distances(vectors[1:], vectors[:-1]) >= distance - 0.00101).all()
        assert after.time[:1].tolist() == before.time[:1].tolist()


def test_uniform_sampling_keeps_that_share() -> None:
    """About the probability times the events are left; all of them for 1, none for 0."""
    traces = trace(*range(20_000))
    kept = [len(sampling.uniformly(traces, probability, generators(1)).time) for probability in (0.0, 0.25, 1.0)]
    assert kept[0] == 0
    assert kept[1] == pytest.approx(5000, abs=250)
    assert kept[2] == 20_000


@given(traces=strategies.traces(), n=st.integers(0, 50))
def test_modulo_sampling_keeps_exactly_that_many(traces: Traces, n: int) -> None:
    """min(n, size) events, those at ceil(k·size/n)."""
    for before, after in zip(traces, sampling.by_modulo(traces, n), strict=True):
        size = len(before)
        wanted = range(size) if size <= n else [-(-k * size // n) for k in range(n)]
        assert after.time.tolist() == [int(before.time[index]) for index in wanted]


@given(traces=strategies.traces(), begin=st.integers(0, 1000), width=st.integers(0, 1000))
def test_sequential_splitting_and_its_complement(traces: Traces, begin: int, width: int) -> None:
    """Part and complement share no event and make up the trace; the part is the one that the percentages say."""
    first, last = begin / 10, min(1000, begin + width) / 10
    part = sampling.by_share(traces, first, last, complement=False)
    rest = sampling.by_share(traces, first, last, complement=True)
    assert (part.counts + rest.counts).tolist() == traces.counts.tolist()
    for size, kept in zip(traces.counts.tolist(), part.counts.tolist(), strict=True):
        low, high = (Decimal(str(percent)) * size / 100 for percent in (first, last))
        assert kept == high.__ceil__() - low.__floor__()


def test_percentages_are_taken_as_written() -> None:
    """14.7 % of a thousand events end before number 147, not before 148 for a rounding error."""
    kept = sampling.by_share(trace(*range(1000)), 0.0, 14.7, complement=False)
    assert len(kept.time) == 147


@pytest.mark.parametrize(("begin", "end"), [(-1.0, 50.0), (0.0, 101.0), (60.0, 40.0), (float("nan"), 50.0)])
def test_impossible_shares_are_refused(begin: float, end: float) -> None:
    """The message says what is expected of both ends."""
    with pytest.raises(DataError, match="expected 0 ≤ percentBegin ≤ percentEnd ≤ 100"):
        sampling.by_share(trace(0), begin, end, complement=False)


def test_enforced_sizes() -> None:
    """First cut off, then drop; without bounds, nothing changes."""
    traces = make_traces({"long": generated(9, 1000, 1.0), "none": [], "short": generated(2, 1000, 1.0)})
    bounded = sampling.of_size(traces, 3, 5)
    assert (bounded.ids, bounded.counts.tolist()) == (("long",), [5])
    assert sampling.of_size(traces, None, None) is traces
    assert sampling.of_size(traces, 0, 1).counts.tolist() == [1, 0, 1]


def test_enforced_durations() -> None:
    """An event exactly at the longest duration stays; a trace exactly as long as the shortest as well."""
    traces = make_traces({"long": generated(9, 1000, 1.0), "none": [], "short": generated(3, 1000, 1.0)})
    bounded = sampling.of_duration(traces, 2000, 4000)
    assert (bounded.ids, bounded.counts.tolist()) == (("long", "short"), [5, 3])
    assert sampling.of_duration(traces, 1, None).ids == ("long", "short")


def test_bounds_the_wrong_way_round_are_refused() -> None:
    """A minimum above the maximum would drop every trace without a word."""
    with pytest.raises(DataError, match="expected minSize ≤ maxSize, found 3 events and 2 events"):
        sampling.of_size(trace(0), 3, 2)
    with pytest.raises(DataError, match="expected minDuration ≤ maxDuration, found 3 ms and 2 ms"):
        sampling.of_duration(trace(0), 3, 2)


# ---------------------------------------------------------------------------------------------------------- smoothing


@given(traces=strategies.traces(), start=st.integers(-(10**12), 10**12))
def test_collapsed_days_are_consecutive(traces: Traces, start: int) -> None:
    """Days begin with the given one and leave none out; times of day and the order of events stay."""
    for before, after in zip(traces, smoothing.collapse_temporal_gaps(traces, start), strict=True):
        days = after.time // smoothing.DAY_MS
        assert np.array_equal(after.time % smoothing.DAY_MS, before.time % smoothing.DAY_MS)
        assert np.unique(days).tolist() == list(
            range(start // smoothing.DAY_MS, start // smoothing.DAY_MS + len(np.unique(days)))
        )
        assert len(np.unique(days)) == len(np.unique(before.time // smoothing.DAY_MS))
        assert (np.diff(days) >= 0).all()


def smoothed_by_definition(trace: Trace, omega: int) -> Floats:
    """Each event's weighted mean in its own plane, one by one; as displacements in metres on a small scale."""
    means = []
    for index in range(len(trace)):
        gaps = trace.time - trace.time[index]
        weights = np.where(np.abs(gaps) <= 5 * omega, np.exp(-(gaps**2) / (2.0 * omega**2)), 0.0)
        mean = (trace.vectors() * weights[:, None]).sum(axis=0)
        means.append(mean / np.linalg.norm(mean))
    return np.asarray(means).reshape(-1, 3)


@given(traces=strategies.traces(), omega=st.integers(1, 1_000_000))
def test_smoothing_follows_its_definition(traces: Traces, omega: int) -> None:
    """Each event moves to the weighted mean of those around it (a mean of vectors, at this scale)."""
    for before, after in zip(traces, smoothing.gaussian(traces, omega), strict=True):
        assert np.array_equal(after.time, before.time)
        if len(before):
            expected = smoothed_by_definition(before, omega)
            assert distances(after.vectors(), expected) == pytest.approx(0.0, abs=0.05)


def test_smoothing_of_long_traces() -> None:
    """Where one block of events ends and the next begins makes no difference; traces don't mix."""
    steps = np.random.default_rng(1).integers(0, 30, 500).cumsum() * 1000
    path = [(48.85 + 0.001 * np.sin(t / 1e5), 2.35 + 0.001 * np.cos(t / 7e4), int(t)) for t in steps]
    traces = make_traces({"a": path, "b": path[::-1][:130], "c": path[7:8]})
    for before, after in zip(traces, smoothing.gaussian(traces, 20_000), strict=True):
        assert distances(after.vectors(), smoothed_by_definition(before, 20_000)) == pytest.approx(0.0, abs=1e-3)


def test_smoothing_leaves_lonely_events_where_they_are() -> None:
    """An event without others within 5ω keeps its coordinates to the last digit."""
    traces = make_traces({"t": [(48.8512345678, 2.3512345678, 0), (-33.1, 179.9, 5001)]})
    after = smoothing.gaussian(traces, 1000)
    assert (after.lat.tolist(), after.lng.tolist()) == (traces.lat.tolist(), traces.lng.tolist())


def test_smoothing_without_width_changes_nothing() -> None:
    """An omega of 0 leaves the events as they are; a negative one is refused."""
    traces = trace(0, 1)
    assert smoothing.gaussian(traces, 0) is traces
    with pytest.raises(DataError, match="omega: expected at least 0 ms"):
        smoothing.gaussian(traces, -1)


# -------------------------------------------------------------------------------------------------- points of interest


def stays_by_definition(vectors: Floats, time: Ints, diameter: float, duration: int) -> list[tuple[int, int, int]]:
    """First time, last time and number of events of each stay, as the definition grows them."""
    stays, candidates = list[list[int]](), list[int]()

    def is_stay() -> bool:
        return len(candidates) >= 2 and bool(time[candidates[-1]] - time[candidates[0]] >= duration)

    for index in range(len(time)):
        while candidates and (chords(vectors[candidates], vectors[index]) > chord_within(diameter)).any():
            if is_stay():
                stays.append(candidates)
                candidates = []
            else:
                candidates = candidates[1:]
        candidates = [*candidates, index]
    if is_stay():
        stays.append(candidates)
    return [(int(time[stay[0]]), int(time[stay[-1]]), len(stay)) for stay in stays]


@given(traces=strategies.traces(), diameter=st.floats(0, 1500), duration=st.integers(0, 3_000_000))
def test_stays_follow_their_definition(traces: Traces, diameter: float, duration: int) -> None:
    """Looking only where a stay can be gives all stays."""
    pois = extract_pois(traces, diameter, duration)
    assert pois.ids == traces.ids
    for index, whole in enumerate(traces):
        rows = pois.rows(index)
        found = list(zip(pois.first[rows].tolist(), pois.last[rows].tolist(), pois.events[rows].tolist(), strict=True))
        assert found == stays_by_definition(whole.vectors(), whole.time, diameter, duration)
        assert (pois.diameter[rows] <= diameter + 0.00101).all()


@given(traces=strategies.traces(), diameter=st.floats(0, 1500), duration=st.integers(0, 3_000_000))
def test_every_stay_is_dense_in_one(traces: Traces, diameter: float, duration: int) -> None:
    """With minPoints 1 no stay is noise: the clusters hold the events of all stays."""
    stays, clusters = (extract_pois(traces, diameter, duration, least) for least in (0, 1))
    for index in range(len(traces)):
        assert clusters.events[clusters.rows(index)].sum() == stays.events[stays.rows(index)].sum()


def visits(*places: float) -> Traces:
    """An hour at each of these places (metres to the east), and ways that take no time between them."""
    east = np.repeat(np.asarray(places), 7)
    lng = 2.35 + np.degrees(east / 6_371_008.8 / np.cos(np.radians(48.85)))
    events = [(48.85, float(place), minute * 10 * MINUTE) for minute, place in enumerate(lng)]
    return make_traces({"t": events})


def test_dense_stays_are_united() -> None:
    """Stays at one place make one POI of all their events; a place of a single stay is noise."""
    pois = extract_pois(visits(0, 5000, 40, 9000, 80, 5010), 200.0, 50 * MINUTE, 2)
    assert pois.events.tolist() == [21, 14]
    assert pois.first.tolist() == [0, 70 * MINUTE]
    assert pois.diameter == pytest.approx([80.0, 10.0], abs=0.01)


def test_clusters_that_share_a_stay_are_one() -> None:
    """Stays are density-joinable over others, farther apart than the radius."""
    assert extract_pois(visits(0, 5000, 90, 5000, 180, 9000), 200.0, 50 * MINUTE, 3).events.tolist() == [21]


def test_a_trace_without_stays_survives() -> None:
    """It is listed, without POIs."""
    pois = extract_pois(make_traces({"moving": generated(50, MINUTE, 1000.0), "none": []}), 200.0, 15 * MINUTE)
    assert pois.ids == ("moving", "none")
    assert len(pois.lat) == 0


def test_centroid_is_the_mean_in_the_plane() -> None:
    """It lies in the middle, also at the date line."""
    events = [(0.0, 179.9999, 0), (0.0, -179.9999, 60 * MINUTE)]
    pois = extract_pois(make_traces({"t": events}), 200.0, 15 * MINUTE)
    middle = unit_vectors(np.zeros(1), np.full(1, 180.0))
    assert distances(pois.vectors(), middle) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("diameter", "duration", "least"), [(-1.0, 0, 0), (1.0, -1, 0), (1.0, 0, -1)])
def test_impossible_stays_are_refused(diameter: float, duration: int, least: int) -> None:
    """Sizes aren't negative."""
    with pytest.raises(DataError, match="expected at least 0, found -1"):
        extract_pois(trace(0), diameter, duration, least)
