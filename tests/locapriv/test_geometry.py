"""Points, distances, planes and cells."""

import numpy as np
import pytest
import s2sphere
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from accio_locapriv.arrays import Floats
from accio_locapriv.cells import cells
from accio_locapriv.errors import DataError
from accio_locapriv.geometry import (
    RADIUS_M,
    Plane,
    along,
    degrees_of,
    distances,
    meters_of,
    moved,
    unit_vectors,
    widest_pair,
)
from tests.locapriv.haversine import haversine

latitudes = st.floats(-89.9, 89.9)
longitudes = st.floats(-180, 180)
points = st.lists(st.tuples(latitudes, longitudes), min_size=1, max_size=30)


def columns(places: list[tuple[float, float]]) -> tuple[Floats, Floats]:
    array = np.asarray(places, dtype=np.float64)
    return array[:, 0], array[:, 1]


@given(places=points)
def test_distances_are_those_of_the_haversine_formula(places: list[tuple[float, float]]) -> None:
    """Chords give the metres that haversine gives, from millimetres to half the way around."""
    lat, lng = columns(places)
    vectors = unit_vectors(lat, lng)
    expected = haversine(lat, lng, lat[::-1], lng[::-1])
    # Near the antipode the arcsine of both formulas is worth fewer digits.
    assert distances(vectors, vectors[::-1]) == pytest.approx(expected, rel=1e-7, abs=1e-6)


@given(places=points)
def test_distance_is_symmetric(places: list[tuple[float, float]]) -> None:
    """There and back are equally far, and a point is no distance from itself."""
    vectors = unit_vectors(*columns(places))
    assert np.array_equal(distances(vectors, vectors[::-1]), distances(vectors[::-1], vectors))
    assert not distances(vectors, vectors).any()


@given(lat=latitudes, lng=longitudes, meters=st.floats(0, 5e6), angle=st.floats(0, 7))
def test_moved_points_are_that_far_away(lat: float, lng: float, meters: float, angle: float) -> None:
    """A displacement has its length anywhere on the earth."""
    place = np.asarray([lat]), np.asarray([lng])
    there = moved(*place, np.asarray([meters]), np.asarray([angle]))
    assert haversine(*place, *there)[0] == pytest.approx(meters, rel=1e-9, abs=1e-6)


def test_angles_run_from_the_east_counter_clockwise() -> None:
    """0 is east, a quarter turn is north."""
    lat, lng = moved(np.zeros(2), np.zeros(2), np.full(2, 1000.0), np.asarray([0.0, np.pi / 2]))
    degree = np.degrees(1000.0 / RADIUS_M)
    assert lat == pytest.approx([0, degree], abs=1e-12)
    assert lng == pytest.approx([degree, 0], abs=1e-12)


@given(places=points)
def test_planes_keep_distances_from_their_centre(places: list[tuple[float, float]]) -> None:
    """Projected points are as far from the origin as the points from the centre, and come back."""
    lat, lng = columns(places)
    vectors = unit_vectors(lat, lng)
    plane = Plane.at(lat[0], lng[0])
    meters = plane.project(vectors)
    expected = distances(vectors, vectors[:1])
    assert np.hypot(meters[:, 0], meters[:, 1]) == pytest.approx(expected, rel=1e-7, abs=1e-6)
    if expected.max() < 3.0 * RADIUS_M:
        assert distances(plane.unproject(meters), vectors) == pytest.approx(0.0, abs=1e-6)


def test_points_along_a_great_circle() -> None:
    """Fractions divide the way evenly, also beyond its end."""
    start, end = (
        unit_vectors(np.asarray([48.85]), np.asarray([2.35])),
        unit_vectors(np.asarray([51.5]), np.asarray([-0.1])),
    )
    whole = distances(start, end)[0]
    for fraction in (0.0, 0.25, 1.0, 1.5):
        point = along(start, end, np.asarray([fraction]))
        assert distances(start, point)[0] == pytest.approx(whole * fraction, abs=1e-6)
        assert distances(point, end)[0] == pytest.approx(whole * abs(1 - fraction), abs=1e-6)


def test_the_way_from_a_point_to_itself() -> None:
    """It has no direction, and stays there."""
    point = unit_vectors(np.asarray([48.85]), np.asarray([2.35]))
    assert np.array_equal(along(point, point, np.asarray([0.5])), point)


@given(places=points)
def test_the_widest_pair_is_the_widest(places: list[tuple[float, float]]) -> None:
    """It is found without comparing all pairs."""
    vectors = unit_vectors(*columns(places))
    expected = float(meters_of(pdist(vectors).max())) if len(vectors) > 1 else 0.0
    assert widest_pair(vectors) == pytest.approx(expected, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("level", [0, 1, 15, 29, 30])
def test_cells_are_those_of_s2(level: int) -> None:
    """Face and coordinates are those of the cell that the S2 library gives."""
    # Not Hypothesis, which loves places on the border of two cells: there, the last bit of a cosine decides.
    rng = np.random.default_rng(1)
    lat, lng = np.degrees(np.arcsin(rng.uniform(-1, 1, 500))), rng.uniform(-180, 180, 500)
    expected = []
    for place in zip(lat.tolist(), lng.tolist(), strict=True):
        leaf = s2sphere.CellId.from_lat_lng(s2sphere.LatLng.from_degrees(*place))
        face, i, j, _ = leaf.to_face_ij_orientation()
        expected.append((face << 60) | (i >> (30 - level) << 30) | (j >> (30 - level)))
    assert cells(unit_vectors(lat, lng), level).tolist() == expected


def test_cells_of_all_faces() -> None:
    """The middles of the six faces, and the poles, lie on the faces that S2 numbers."""
    lat, lng = np.asarray([0.0, 0.0, 90.0, 0.0, 0.0, -90.0]), np.asarray([0.0, 90.0, 0.0, 180.0, -90.0, 0.0])
    assert (cells(unit_vectors(lat, lng), 0) >> 60).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("level", [-1, 31])
def test_levels_that_dont_exist(level: int) -> None:
    """Levels are 0 to 30."""
    with pytest.raises(DataError, match="level: expected a cell level from 0 to 30"):
        cells(np.zeros((0, 3)), level)


def test_degrees_come_back() -> None:
    """Latitude and longitude survive the way through vectors."""
    lat, lng = degrees_of(unit_vectors(np.asarray([48.85, -90.0]), np.asarray([2.35, 0.0])))
    assert lat == pytest.approx([48.85, -90.0])
    assert lng == pytest.approx([2.35, 0.0])
