"""Geo-indistinguishability and Promesse."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import lambertw

from accio_locapriv.arrays import Floats
from accio_locapriv.errors import DataError
from accio_locapriv.geometry import along, chords, distances, unit_vectors
from accio_locapriv.protection import geo_indistinguishability, planar_laplace_radius, promesse
from accio_locapriv.randomness import generators
from accio_locapriv.traces import Trace, Traces
from tests.locapriv import strategies
from tests.locapriv.calling import generated, make_traces
from tests.locapriv.haversine import haversine


@pytest.mark.parametrize(
    ("z", "radius"), [(0.0, 0.0), (0.1, 53.181161), (0.5, 167.834699), (0.9, 388.972017), (0.99, 663.835207)]
)
def test_radius_of_the_noise(z: float, radius: float) -> None:
    """The quantiles for epsilon 0.01 are the published ones."""
    assert float(planar_laplace_radius(0.01, np.asarray(z))) == pytest.approx(radius, abs=1e-6)


def test_radius_is_that_of_the_paper() -> None:
    """The paper's form with Lambert's W gives the same, where it is exact."""
    z = np.linspace(0.01, 0.99, 99)
    expected = -(lambertw((z - 1) / math.e, -1).real + 1) / 0.05
    assert planar_laplace_radius(0.05, z) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.nan, math.inf])
def test_epsilon_must_be_positive(epsilon: float) -> None:
    """There is no noise of such an epsilon."""
    with pytest.raises(DataError, match=r"epsilon: expected a number of 1/m above 0"):
        geo_indistinguishability(make_traces({"t": []}), epsilon, generators(1))


@pytest.mark.parametrize("epsilon", [5e-324, 1e-300, 1e300])
def test_extreme_noise_stays_on_earth(epsilon: float) -> None:
    """However large or small the noise, events have places."""
    after = geo_indistinguishability(make_traces({"t": generated(9, 1000, 10.0)}), epsilon, generators(1))
    assert np.isfinite(after.lat).all()
    assert np.isfinite(after.lng).all()


def test_noise_has_the_right_distribution() -> None:
    """Displacements have mean 2/ε and median 1.67835/ε, and no preferred direction."""
    before = make_traces({"t": [(48.85, 2.35, time) for time in range(40_000)]})
    after = geo_indistinguishability(before, 0.01, generators(1))
    meters = haversine(before.lat, before.lng, after.lat, after.lng)
    assert meters.mean() == pytest.approx(200.0, rel=0.02)
    assert np.median(meters) == pytest.approx(167.835, rel=0.02)
    assert (after.lat > before.lat).mean() == pytest.approx(0.5, abs=0.01)
    assert (after.lng > before.lng).mean() == pytest.approx(0.5, abs=0.01)


def test_noise_of_a_trace_depends_on_no_other() -> None:
    """The same seed gives a trace the same noise, whatever other traces there are."""
    path = generated(50, 1000, 10.0)
    alone = geo_indistinguishability(make_traces({"b": path}), 0.01, generators(7)).at(0)
    both = geo_indistinguishability(make_traces({"a": path, "b": path, "c": []}), 0.01, generators(7))
    assert np.array_equal(alone.lat, both.at(1).lat)
    assert not np.array_equal(both.at(0).lat, both.at(1).lat)


def test_noise_depends_on_the_seed() -> None:
    """Another seed, other noise."""
    traces = make_traces({"t": generated(5, 1000, 10.0)})
    one, other = (geo_indistinguishability(traces, 0.01, generators(seed)) for seed in (1, -1))
    assert not np.array_equal(one.lat, other.lat)


def sequential_promesse(trace: Trace, epsilon: float) -> list[tuple[float, float, float]]:
    """The samples as the definition makes them, one by one."""
    vectors, samples = trace.vectors(), list[Floats]()
    for index in range(len(trace)):
        if not samples:
            samples = [vectors[0]]
            continue
        while distances(samples[-1], vectors[index]) >= epsilon - 0.001:
            step = epsilon / float(distances(samples[-1], vectors[index]))
            samples.append(along(samples[-1], vectors[index], np.asarray(step)))
    return [tuple(sample) for sample in samples[1:-1]]


@given(traces=strategies.traces(), epsilon=st.floats(20, 500))
def test_promesse_follows_its_definition(traces: Traces, epsilon: float) -> None:
    """Counting the steps of a leg gives what stepping gives, and all of it at one pace."""
    result = promesse(traces, epsilon)
    assert result.ids == traces.ids
    for before, after in zip(traces, result, strict=True):
        expected = np.asarray(sequential_promesse(before, epsilon)).reshape(-1, 3)
        assert len(after) == len(expected)
        assert chords(after.vectors(), expected) == pytest.approx(0.0, abs=1e-9)
        if len(after) > 2:
            gaps = np.diff(after.time)
            assert gaps.max() - gaps.min() <= 1
            assert gaps.min() >= 0
        assert np.isin(after.time[[0, -1]], before.time).all() if len(after) else True


@given(traces=strategies.traces(), epsilon=st.floats(20, 500))
def test_promesse_samples_are_no_farther_apart_than_epsilon(traces: Traces, epsilon: float) -> None:
    """Consecutive samples are epsilon apart, within a millimetre."""
    for trace in promesse(traces, epsilon):
        vectors = trace.vectors()
        assert distances(vectors[1:], vectors[:-1]) == pytest.approx(epsilon, abs=0.001)


def test_promesse_without_a_distance_changes_nothing() -> None:
    """An epsilon of 0 leaves every event as it is."""
    traces = make_traces({"t": generated(5, 1000, 10.0), "u": []})
    assert promesse(traces, 0.0) is traces


def test_promesse_of_those_who_stay() -> None:
    """Nothing is left of a trace that never gets epsilon away."""
    traces = make_traces({"t": generated(5, 1000, 10.0)})
    assert promesse(traces, 100.0).counts.tolist() == [0]


def test_promesse_refuses_negative_distances() -> None:
    """The message names the parameter."""
    with pytest.raises(DataError, match="epsilon: expected a distance of at least 0 m"):
        promesse(make_traces({}), -1.0)


def test_promesse_spans_the_date_line() -> None:
    """The way from 179.9 to -179.9 degrees is the short one."""
    traces = make_traces({"t": [(0.0, 179.9, 0), (0.0, -179.9, 1000)]})
    result = promesse(traces, 1000.0)
    assert len(result.time) == 20 + 1
    assert np.abs(result.lng).min() >= 179.9
    assert unit_vectors(result.lat, result.lng)[:, 0].max() < -0.99
