"""The statistics of an aggregated export, held against SciPy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from accio.domain.precision import measure
from accio_client.analysis.aggregate import _statistics
from accio_client.export.statistics import summarise


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_mean_deviation_and_interval_are_scipys(values: list[float]) -> None:
    """The summary agrees with what SciPy computes from the same numbers."""
    found = summarise(values)
    assert found.n == len(values)
    assert found.mean == pytest.approx(float(np.mean(values)), abs=1e-6)
    assert found.sd == pytest.approx(float(np.std(values, ddof=1)), rel=1e-6, abs=1e-6)
    half = float(stats.t.ppf(0.975, len(values) - 1)) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    assert found.ci95_low == pytest.approx(found.mean - half, rel=1e-6, abs=1e-5)
    assert found.ci95_high == pytest.approx(found.mean + half, rel=1e-6, abs=1e-5)


def test_one_number_has_no_deviation() -> None:
    """A single repetition has a mean and nothing else."""
    found = summarise([3.5])
    assert (found.n, found.mean, found.sd, found.ci95_low, found.ci95_high) == (1, 3.5, None, None, None)


@pytest.mark.parametrize("unit", [1e308, 1e200, 1e-200, 1e-307])
def test_numbers_at_the_edge_of_doubles_have_statistics(unit: float) -> None:
    """Neither sums nor squares leave the range of doubles, however large or small the numbers are."""
    found = summarise([0.0, unit])
    assert found.mean == pytest.approx(unit / 2, rel=1e-12, abs=0)
    assert found.sd == pytest.approx(unit / math.sqrt(2), rel=1e-12, abs=0)


def test_what_is_not_finite_has_no_interval() -> None:
    """A NaN among the numbers makes the mean NaN, and leaves no interval."""
    found = summarise([1.0, math.nan])
    assert math.isnan(found.mean)
    assert found.ci95_low is None


@pytest.mark.parametrize("value", [0.1, -0.1, 1e-320, 1.1e300, 7.3])
@pytest.mark.parametrize("count", [3, 10, 49])
def test_equal_values_have_that_mean_and_no_deviation(value: float, count: int) -> None:
    """Three times 0.1 has the mean 0.1, wherever it is computed: dividing the sum of doubles gives more."""
    found = summarise([value] * count)
    assert (found.mean, found.sd) == (value, 0.0)
    assert measure([value] * count).mean == value
    together = _statistics(np.full((count, 2), value), np.array([[True, at > 0] for at in range(count)]))
    assert together.mean.tolist() == [value, value]
    assert together.sd.tolist() == [0.0, 0.0]


def test_an_infinity_outweighs_finite_values_whose_sum_overflows() -> None:
    """The mean is that infinity, and no difference of two of them."""
    assert summarise([1e308, 1e308, -math.inf]).mean == -math.inf
    assert math.isnan(summarise([1e308, 1e308, math.nan]).mean)
