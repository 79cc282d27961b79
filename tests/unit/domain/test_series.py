"""Series: what is kept of them, however many points there are."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio.domain.series import BUCKETS, MOST_POINTS, Point, Series, joined, latest_at, pack, unpack


def series_of(values: list[float]) -> tuple[Series, list[Point]]:
    """Make a series of values at the steps 0, 1, …, and give all its points."""
    points = [Point(step, value, step / 10) for step, value in enumerate(values)]
    series = Series()
    for point in points:
        series.add(point)
    return series, points


@given(st.lists(st.floats(allow_nan=False, width=32), min_size=1, max_size=3000))
def test_extremes_and_ends_stay(values: list[float]) -> None:
    """A bounded number of points is kept, in their order, with the smallest, the largest, the first and the last."""
    series, points = series_of(values)
    kept = series.points()
    assert series.total == len(values)
    assert len(kept) <= MOST_POINTS
    assert kept == sorted(kept)
    assert set(kept) <= set(points)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert min(each.value for each in kept) == min(values)
    assert max(each.value for each in kept) == max(values)


def test_short_series_are_kept_whole() -> None:
    """Up to as many points as there are buckets, nothing is left out."""
    series, points = series_of([math.sin(step) for step in range(BUCKETS - 1)])
    assert series.points() == points


def test_each_spike_of_a_long_series_stays() -> None:
    """Of a million points, each of some lonely spikes up and down is kept."""
    values = [0.0] * 1_000_000
    for place in range(50_000, 1_000_000, 100_000):
        values[place], values[place + 7] = 5.0, -5.0
    series, _ = series_of(values)
    kept = {point.step for point in series.points()}
    assert all({place, place + 7} <= kept for place in range(50_000, 1_000_000, 100_000))


def test_what_is_no_number_shows() -> None:
    """NaN is larger than all: a loss that went wrong once is seen."""
    series, _ = series_of([1.0] * 5000 + [math.nan] + [1.0] * 5000)
    assert any(math.isnan(point.value) for point in series.points())


def test_points_come_back_as_they_were_packed() -> None:
    """Bytes hold steps, values and seconds exactly; other bytes are refused."""
    points = [Point(-3, math.inf, 0.5), Point(2**53 - 1, 0.1, 7.25)]
    assert unpack(pack(points)) == points
    assert unpack(pack([])) == []
    with pytest.raises(ValueError, match="points of 24 bytes"):
        unpack(b"x" * 25)
    with pytest.raises(ValueError, match="points of 24 bytes"):
        unpack(bytes(24 * (MOST_POINTS + 1)))


def test_the_latest_point_at_a_step() -> None:
    """It is the one of that step, or of the nearest before; the later of two of one step."""
    points = [Point(0, 1.0, 0), Point(10, 0.5, 1), Point(10, 0.4, 2), Point(20, 0.3, 3)]
    assert latest_at(points, 10) == points[2]
    assert latest_at(points, 19) == points[2]
    assert latest_at(points, -1) is None


def test_attempts_that_go_on_from_checkpoints_are_one_series() -> None:
    """What an attempt measured beyond the checkpoint is replaced by what the next one did."""
    first = [Point(step, 1.0, 0) for step in range(5)]
    second = [Point(step, 2.0, 0) for step in range(3, 7)]
    assert joined([first, second]) == first[:3] + second
    assert joined([first, []]) == first
