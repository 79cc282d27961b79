"""Metrics of one and of two datasets."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio_locapriv import coverage, disclosure, distortion, extent, heatmaps, queries
from accio_locapriv.arrays import Floats
from accio_locapriv.errors import DataError
from accio_locapriv.geometry import chords, distances, meters_of, unit_vectors
from accio_locapriv.pairing import Accuracy, Statistics
from accio_locapriv.polylines import distance_to_polyline
from accio_locapriv.stays import extract_pois
from accio_locapriv.traces import Traces
from tests.locapriv import strategies
from tests.locapriv.calling import generated, make_pois, make_traces

NOTHING = make_traces({})
DEGREE_M = 6_371_008.8 * math.pi / 180


# ------------------------------------------------------------------------------------------- precision, recall, F-score


def accuracies(traces: Traces, others: Traces) -> list[Accuracy]:
    pois, other_pois = (extract_pois(side, 300.0, 600_000) for side in (traces, others))
    return [
        coverage.area_coverage(traces, others, 15),
        coverage.area_coverage(traces, others, 15, 600_000),
        disclosure.pois_retrieval(pois, other_pois, 100.0),
        disclosure.pois_retrieval(pois, other_pois, 100.0, 60_000),
    ]


@given(traces=strategies.traces())
def test_a_dataset_covers_itself(traces: Traces) -> None:
    """Compared with itself, a dataset has precision, recall and F-score 1, empty traces included."""
    for found in accuracies(traces, traces)[:3]:
        for figures in (found.precision, found.recall, found.fscore):
            assert figures == dict.fromkeys(traces.ids, 1.0)


@given(traces=strategies.traces(), others=strategies.traces())
def test_accuracies_are_shares(traces: Traces, others: Traces) -> None:
    """All figures lie in [0, 1], F between precision and recall, and every trace of either side is reported."""
    for found in accuracies(traces, others):
        assert found.precision.keys() == found.recall.keys() == found.fscore.keys() == {*traces.ids, *others.ids}
        for trace, fscore in found.fscore.items():
            low, high = sorted((found.precision[trace], found.recall[trace]))
            assert 0 <= low <= fscore + 1e-12
            assert fscore <= high + 1e-12 <= 1 + 1e-12


@given(traces=strategies.traces(), others=strategies.traces())
def test_coverage_of_exchanged_sides(traces: Traces, others: Traces) -> None:
    """Exchanging train and test exchanges precision and recall, and keeps the F-score."""
    there, back = (coverage.area_coverage(*pair, 14) for pair in ((traces, others), (others, traces)))
    assert there.precision == back.recall
    assert there.recall == back.precision
    assert there.fscore == pytest.approx(back.fscore, abs=1e-15)


def test_coverage_in_time_buckets() -> None:
    """With a width, a cell visited at another time is another one."""
    train, test = (make_traces({"t": [(48.85, 2.35, time)]}) for time in (-1, 0))
    assert coverage.area_coverage(train, test, 15).fscore == {"t": 1.0}
    assert coverage.area_coverage(train, test, 15, 1000).fscore == {"t": 0.0}
    with pytest.raises(DataError, match="width: expected more than 0 ms"):
        coverage.area_coverage(train, test, 15, 0)


def test_retrieval_counts_train_pois_once() -> None:
    """Two test POIs near one train POI find one; of two train POIs at one place, each is found once."""
    here, near, far = (48.85, 2.35, 0, 10), (48.8501, 2.35, 20, 30), (48.86, 2.35, 0, 10)
    found = disclosure.pois_retrieval(make_pois({"t": [here, far]}), make_pois({"t": [here, near]}), 100.0)
    assert (found.precision, found.recall) == ({"t": 0.5}, {"t": 0.5})
    found = disclosure.pois_retrieval(make_pois({"t": [here, here]}), make_pois({"t": [here, near]}), 100.0)
    assert (found.precision, found.recall) == ({"t": 1.0}, {"t": 1.0})


def test_retrieval_takes_the_nearest() -> None:
    """Only the nearest train POI counts, even if another one is near enough and not yet found."""
    train = make_pois({"t": [(48.85, 2.35), (48.8504, 2.35)]})
    test = make_pois({"t": [(48.8503, 2.35), (48.85035, 2.35)]})
    assert disclosure.pois_retrieval(train, test, 100.0).recall == {"t": 0.5}


def test_retrieval_with_overlap() -> None:
    """POIs at one place match only if they share the time."""
    train, test = make_pois({"t": [(48.85, 2.35, 0, 1000)]}), make_pois({"t": [(48.85, 2.35, 400, 5000)]})
    assert disclosure.pois_retrieval(train, test, 1.0, 600).fscore == {"t": 1.0}
    assert disclosure.pois_retrieval(train, test, 1.0, 601).fscore == {"t": 0.0}


def test_retrieval_at_the_threshold() -> None:
    """Within a distance means one millimetre beyond it as well."""
    train, test = make_pois({"t": [(0.0, 0.0)]}), make_pois({"t": [(100.0009 / DEGREE_M, 0.0)]})
    assert disclosure.pois_retrieval(train, test, 100.0).fscore == {"t": 1.0}
    assert disclosure.pois_retrieval(train, test, 99.9).fscore == {"t": 0.0}
    with pytest.raises(DataError, match="threshold: expected at least 0"):
        disclosure.pois_retrieval(train, test, -1.0)


def test_reidentification_without_pois() -> None:
    """A trace without POIs is taken for nobody, and counts as not re-identified."""
    pois = make_pois({"a": [(48.85, 2.35)], "b": []})
    found = disclosure.pois_reident(pois, pois)
    assert (found.matches, found.rate, found.undefined) == ({"a": "a"}, 0.5, ["b"])
    absent = disclosure.pois_reident(pois, make_pois({"a": [(48.85, 2.35)]}))
    assert (absent.matches, absent.rate, absent.undefined) == ({"a": "a"}, 0.5, ["b"])
    nobody = disclosure.pois_reident(make_pois({}), make_pois({}))
    assert (nobody.matches, nobody.rate) == ({}, 0.0)


# ---------------------------------------------------------------------------------------------------------- distortion


@given(traces=strategies.traces())
def test_a_dataset_is_not_distorted_by_itself(traces: Traces) -> None:
    """All distances are exactly 0, and only empty traces are undefined."""
    empty = [trace.id for trace in traces if not len(trace)]
    for found in (
        distortion.spatial_distortion(traces, traces, interpolate=True),
        distortion.spatial_distortion(traces, traces, interpolate=False),
        distortion.spatio_temporal_distortion(traces, traces),
    ):
        assert set(found.max.values()) <= {0.0}
        assert found.undefined == empty
        assert found.max.keys() == {*traces.ids} - {*empty}


@given(traces=strategies.traces(), others=strategies.traces())
def test_distortions_have_an_order(traces: Traces, others: Traces) -> None:
    """To the lines is no farther than to the events, and anywhere no farther than at the same time."""
    lines = distortion.spatial_distortion(traces, others, interpolate=True)
    events = distortion.spatial_distortion(traces, others, interpolate=False)
    moment = distortion.spatio_temporal_distortion(traces, others)
    assert lines.avg.keys() == events.avg.keys() == moment.avg.keys()
    for trace in lines.avg:
        assert lines.avg[trace] <= events.avg[trace] + 1e-6
        assert lines.avg[trace] <= moment.avg[trace] + 1e-6
        assert lines.min[trace] <= lines.median[trace] <= lines.max[trace]


def distances_by_definition(places: Floats, events: Floats) -> list[float]:
    """Distances to the polyline, segment by segment and in small steps along each."""
    blend = np.linspace(0, 1, 400)[:, None, None]
    points = (events[:-1] * (1 - blend) + events[1:] * blend).reshape(-1, 3)
    line = np.concatenate((events, points / np.linalg.norm(points, axis=1)[:, None]))
    return [float(distances(line, place).min()) for place in places]


@given(traces=strategies.traces(max_traces=1, max_events=12), others=strategies.traces(max_traces=1, max_events=5))
def test_distance_to_the_polyline(traces: Traces, others: Traces) -> None:
    """The index finds the nearest point of the lines, nearer than any of many points of them."""
    events, places = traces.vectors(), others.vectors()
    if len(events) and len(places):
        found = distance_to_polyline(places, events)
        expected = np.asarray(distances_by_definition(places, events))
        # The slow way may be too far, by no more than its points are apart.
        longest = float(distances(events[1:], events[:-1]).max(initial=0.0)) / 399
        assert (found <= expected + 1e-6).all()
        assert (found >= expected - longest - 1e-6).all()


def test_position_at_a_moment() -> None:
    """Interpolated between events, clamped before and after them, the nearest of several at the moment."""
    north = 1000.0 / DEGREE_M
    train = make_traces({"t": [(0.0, 0.0, 0), (north, 0.0, 1000), (2 * north, 0.0, 1000), (north, 0.0, 3000)]})
    for time, lat, expected in [
        (250, 0.0, 250.0),
        (-5, 0.0, 0.0),
        (9999, 0.0, 1000.0),
        (1000, 2.2 * north, 200.0),
        (2000, 0.0, 1500.0),
    ]:
        found = distortion.spatio_temporal_distortion(train, make_traces({"t": [(lat, 0.0, time)]}))
        assert found.avg["t"] == pytest.approx(expected, abs=1e-3)


def test_statistics() -> None:
    """The deviation is that of a sample, and 0 of one value; a trace without values has no figures."""
    found = Statistics()
    found.add("several", np.asarray([1.0, 2.0, 4.0, 9.0]))
    found.add("one", np.asarray([3.0]))
    found.add("none", np.zeros(0))
    assert (found.min["several"], found.max["several"], found.avg["several"], found.median["several"]) == (1, 9, 4, 3)
    assert found.stddev == {"several": pytest.approx(math.sqrt(38 / 3)), "one": 0.0}
    assert found.undefined == ["none"]


# -------------------------------------------------------------------------------------------------------------- extent


def test_extent_of_traces() -> None:
    """Events, metres, seconds; an empty trace has none of them."""
    found = extent.extent(make_traces({"none": [], "one": [(1, 1, 5)], "t": generated(11, 500, 10.0)}))
    assert found.size == {"none": 0, "one": 1, "t": 11}
    assert found.length == {"none": 0, "one": 0, "t": pytest.approx(100.0, abs=1e-6)}
    assert found.duration == {"none": 0, "one": 0, "t": 5.0}


def test_completeness_and_delay_of_one_sided_traces() -> None:
    """Nothing of something is 0; something of nothing, and a delay from or to nothing, are undefined."""
    some, none = make_traces({"t": [(1, 1, 5), (1, 1, 8)]}), make_traces({"t": []})
    assert extent.data_completeness(some, NOTHING).values == {"t": 0.0}
    assert extent.data_completeness(none, some).undefined == ["t"]
    assert extent.data_completeness(none, NOTHING).values == {"t": 1.0}
    later = make_traces({"t": [(1, 1, 50)]})
    assert extent.transmission_delay(some, later).values == {"t": 42.0}
    assert extent.transmission_delay(later, some).values == {"t": -42.0}
    assert extent.transmission_delay(some, none).undefined == ["t"]


# ----------------------------------------------------------------------------------------------------------- heat maps


@pytest.mark.parametrize("kind", heatmaps.DISTANCES)
@given(traces=strategies.traces())
def test_equal_heat_maps_have_no_distance(kind: str, traces: Traces) -> None:
    """A trace's heat map is at distance 0 from itself; an empty trace has none."""
    found = heatmaps.heat_map_distortion(traces, traces, kind, 200.0)
    assert all(value == pytest.approx(0.0, abs=1e-7) for value in found.values.values())
    assert [*found.undefined] == [trace.id for trace in traces if not len(trace)]


def shares(*events: int) -> Floats:
    """A heat map with so many events in each cell."""
    return np.asarray(events, dtype=np.float64) / sum(events)


@pytest.mark.parametrize(
    ("kind", "half", "disjoint"),
    [
        ("topsoe", math.log(4 / 3) + math.log(2 / 3) / 2 + math.log(2) / 2, 2 * math.log(2)),
        ("jensendiv", math.log(4 / 3) / 2 + math.log(2 / 3) / 4 + math.log(2) / 4, math.log(2)),
        ("kl", math.log(2), math.inf),
        ("kdiv", math.log(4 / 3), math.log(2)),
        ("jeffreys", math.inf, math.inf),
        ("cosine", 1 - math.sqrt(0.5), 1.0),
        ("cityblock", 1.0, 2.0),
        ("euclidean", math.sqrt(0.5), math.sqrt(2)),
        ("chebyshev", 0.5, 1.0),
        ("hellinger", math.sqrt(1 - math.sqrt(0.5)), 1.0),
    ],
)
def test_distances_between_heat_maps(kind: str, half: float, disjoint: float) -> None:
    """Known values: all in one cell against half there, and against another cell."""
    assert heatmaps.distance(shares(1, 0), shares(0, 1), kind) == pytest.approx(disjoint)
    assert heatmaps.distance(shares(1, 0), shares(1, 1), kind) == pytest.approx(half)


def test_topsoe_is_twice_the_jensen_divergence() -> None:
    """Both are symmetric."""
    p, q = shares(1, 2, 3, 0), shares(3, 0, 1, 5)
    topsoe, jensen = (heatmaps.distance(p, q, kind) for kind in ("topsoe", "jensendiv"))
    assert topsoe == pytest.approx(2 * jensen)
    assert topsoe == pytest.approx(heatmaps.distance(q, p, "topsoe"))


def test_heat_maps_that_dont_exist() -> None:
    """The message lists the known distances; cells have a size."""
    with pytest.raises(DataError, match=r"distanceType: expected one of topsoe, jensendiv, .* found 'manhattan'"):
        heatmaps.heat_map_distortion(NOTHING, NOTHING, "manhattan", 1.0)
    with pytest.raises(DataError, match="cellSize: expected a distance above 0 m"):
        heatmaps.heat_map_distortion(NOTHING, NOTHING, "kl", 0.0)


# ------------------------------------------------------------------------------------------------------- count queries


def errors_of(train: Traces, test: Traces, n: int = 20) -> list[float]:
    return queries.count_queries_distortion(
        train, test, n, (100.0, 200.0), (60_000, 120_000), np.random.Generator(np.random.PCG64(3))
    )


def test_relative_errors_of_counts() -> None:
    """Twice the events are an error of 1, none as well, and the same none."""
    path = generated(30, 10_000, 20.0)
    once, twice = make_traces({"t": path}), make_traces({"t": path, "u": path})
    assert errors_of(once, twice) == [1.0] * 20
    assert errors_of(once, NOTHING) == [1.0] * 20
    assert errors_of(once, once) == [0.0] * 20


def test_counts_without_train_events() -> None:
    """The error is then the count itself, around test events; without any events it is 0."""
    assert min(errors_of(NOTHING, make_traces({"t": generated(30, 10_000, 20.0)}))) >= 1.0
    assert errors_of(NOTHING, NOTHING) == [0.0] * 20


@pytest.mark.parametrize(
    ("n", "sizes", "durations", "message"),
    [
        (-1, (1.0, 2.0), (1, 2), "n: expected at least 0 queries"),
        (1, (3.0, 2.0), (1, 2), "expected 0 ≤ minSize ≤ maxSize, found 3.0 m and 2.0 m"),
        (1, (1.0, 2.0), (-1, 2), "expected 0 ≤ minDuration ≤ maxDuration"),
    ],
)
def test_impossible_queries_are_refused(
    n: int, sizes: tuple[float, float], durations: tuple[int, int], message: str
) -> None:
    """The message names the parameters."""
    with pytest.raises(DataError, match=message):
        queries.count_queries_distortion(NOTHING, NOTHING, n, sizes, durations, np.random.default_rng(1))


@given(meters=st.floats(0, 2e7))
def test_chords_and_metres(meters: float) -> None:
    """A chord gives back the metres that it was made of."""
    ends = unit_vectors(np.zeros(2), np.asarray([0.0, meters / DEGREE_M]))
    assert float(meters_of(chords(ends[0], ends[1]))) == pytest.approx(meters, rel=1e-6, abs=1e-6)
