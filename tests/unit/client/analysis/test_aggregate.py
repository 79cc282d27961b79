"""Statistics per point and per parameter, against brute force, the export's numbers, NumPy and SciPy."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from accio.errors import BadRequest
from accio_client.analysis.aggregate import MEDIAN, Aggregate, aggregate
from accio_client.analysis.columns import SweepTable
from accio_client.analysis.sums import exact_sum
from accio_client.export.statistics import summarise
from tests.unit.client.analysis.tables import VALUE, sweep_of, table_of, tables

FINITE = st.floats(min_value=-1e100, max_value=1e100)


def groups(table: SweepTable, by: list[str]) -> dict[tuple[int, ...], list[float]]:
    """The values of each group, child by child."""
    column = table.column(VALUE)
    found: dict[tuple[int, ...], list[float]] = {}
    for number in range(table.size):
        key = tuple(int(table.coordinate(name, np.array([number]))[0]) for name in by)
        found.setdefault(key, [])
        if column.valid[number]:
            found[key].append(float(column.values[number]))
    return found


def same(found: float, expected: float | None) -> bool:
    """Whether both are the same double, nothing being NaN."""
    return math.isnan(found) if expected is None or math.isnan(expected) else found == expected


@given(st.lists(st.lists(FINITE, min_size=4, max_size=4), min_size=1, max_size=9))
@example([[1.40129846e-45] * 4, [-48577.0] * 4, [-999999.997] * 4])
@example([[1.0, 2.0**53, 1.0, 1e16], [2.0**53, 1.0, 2.0**-53, 1.0], [2.0**-60, -(2.0**-60), 2.0**-110, -1e16]])
def test_sums_beside_ties_are_rounded_once(rows: list[list[float]]) -> None:
    """The sum of each column is the double that is nearest to the exact sum, also where that lies beside a tie."""
    matrix = np.array(rows)
    assert exact_sum(matrix).tolist() == [math.fsum(column) for column in matrix.T]


@given(tables(odd=True), st.data())
def test_statistics_are_those_of_the_export(table: SweepTable, data: st.DataObject) -> None:
    """Every group has the very n, mean, deviation and interval that `accio export -aggregate` computes."""
    by = data.draw(st.lists(st.sampled_from([*(axis.name for axis in table.axes), "repeat"]), unique=True))
    found = aggregate(table, VALUE, by=by)
    for key, values in groups(table, by).items():
        assert found.n[key] == len(values)
        if not values:
            assert math.isnan(found.mean[key])
            continue
        expected = summarise(values)
        assert same(float(found.mean[key]), expected.mean)
        assert same(float(found.sd[key]), expected.sd)
        assert same(float(found.low[key]), expected.ci95_low)
        assert same(float(found.high[key]), expected.ci95_high)
    assert found.of == table.size


@given(tables())
def test_quantiles_are_numpys(table: SweepTable) -> None:
    """Median and quantiles of each point are what NumPy computes from its values."""
    by = [axis.name for axis in table.axes]
    found = aggregate(table, VALUE, quantiles=[0.05, MEDIAN, 1.0])
    for key, values in groups(table, by).items():
        for share, quantile in found.quantiles.items():
            if values:
                assert quantile[key] == pytest.approx(float(np.quantile(values, share)), rel=1e-12, abs=1e-9)
            else:
                assert math.isnan(quantile[key])


def test_the_interval_is_scipys() -> None:
    """Mean, deviation and interval agree with SciPy's to twelve digits."""
    values = np.random.default_rng(3).normal(5, 2, size=(4, 6))
    found = aggregate(table_of(sweep_of(4, repeat=6), values), VALUE)
    low, high = stats.t.interval(0.95, 5, loc=values.mean(axis=1), scale=stats.sem(values, axis=1))
    np.testing.assert_allclose(found.low, low, rtol=1e-12)
    np.testing.assert_allclose(found.high, high, rtol=1e-12)
    np.testing.assert_allclose(found.sd, values.std(axis=1, ddof=1), rtol=1e-12)


def test_what_was_averaged_over_is_said() -> None:
    """Parameters that aren't grouped by, and repetitions, are named; those of one value aren't."""
    table = table_of(sweep_of(2, 3, 1, repeat=2), np.arange(12.0))
    assert aggregate(table, VALUE, by=["b"]).over == ("a", "repeat")
    assert aggregate(table, VALUE).over == ("repeat",)
    assert aggregate(table, VALUE, by=["b", "a"]).mean.shape == (3, 2)


def test_a_mask_restricts_and_missing_is_counted() -> None:
    """Only children that match are looked at; of those, the ones without a value are counted."""
    present = np.array([True, False, True, True])
    table = table_of(sweep_of(2, repeat=2), [1.0, 2.0, 3.0, 4.0], present)
    found = aggregate(table, VALUE, where=np.array([True, True, False, True]))
    assert (found.n.tolist(), found.missing.tolist()) == ([1, 1], [1, 0])
    assert found.mean.tolist() == [1.0, 4.0]
    assert found.of == 3


def test_nothing_is_no_error() -> None:
    """A sweep without any value has no statistics, and no warning."""
    found = aggregate(
        table_of(sweep_of(2), [0.0, 0.0], np.zeros(2, np.bool_)), VALUE, quantiles=[0.5], bootstrap_seed=1
    )
    assert found.bootstrap_low is not None
    assert np.isnan([found.mean, found.sd, found.low, found.quantiles[0.5], found.bootstrap_low]).all()


def test_the_bootstrap_is_fixed_by_its_seed_and_covers() -> None:
    """The same seed gives the same interval; it is near that of Student for many values; single values have none."""
    values = np.random.default_rng(0).normal(10, 1, size=(2, 200))
    table = table_of(sweep_of(2, repeat=200), values)
    one, again = (aggregate(table, VALUE, bootstrap_seed=7) for _ in range(2))
    assert one.bootstrap_low is not None
    assert one.bootstrap_high is not None
    assert again.bootstrap_low is not None
    np.testing.assert_array_equal(one.bootstrap_low, again.bootstrap_low)
    np.testing.assert_allclose(one.bootstrap_low, one.low, atol=0.03)
    np.testing.assert_allclose(one.bootstrap_high, one.high, atol=0.03)
    single: Aggregate = aggregate(table_of(sweep_of(2), [1.0, 2.0]), VALUE, bootstrap_seed=7)
    assert single.bootstrap_low is not None
    assert np.isnan(single.bootstrap_low).all()


def test_wrong_use_is_refused() -> None:
    """A parameter twice, and a quantile that is none, are refused."""
    table = table_of(sweep_of(2), [1.0, 2.0])
    with pytest.raises(BadRequest, match="different parameters"):
        aggregate(table, VALUE, by=["a", "a"])
    with pytest.raises(BadRequest, match="from 0 to 1"):
        aggregate(table, VALUE, quantiles=[2])


@given(st.lists(st.floats(-1e15, 1e15), max_size=40))
def test_sums_are_rounded_once(values: list[float]) -> None:
    """A sum is the double nearest to the exact one."""
    found = exact_sum(np.array(values, dtype=np.float64).reshape(-1, 1))
    assert found[0] == pytest.approx(math.fsum(values), rel=1e-15, abs=1e-12)


@given(table=tables(odd=True), data=st.data())
def test_some_places_of_parameters_have_the_statistics_that_they_have_among_all(
    table: SweepTable, data: st.DataObject
) -> None:
    """Groups that nobody asks for are left out, and change nothing of the others, in whatever order they are named."""
    by = data.draw(st.permutations([axis.name for axis in table.axes]))
    only = {
        name: np.array(sorted(data.draw(st.sets(st.integers(0, table.axis(name).size - 1), min_size=1)))) for name in by
    }
    whole = aggregate(table, VALUE, by=by, quantiles=[MEDIAN])
    found = aggregate(table, VALUE, by=by, quantiles=[MEDIAN], only=only)
    at = np.ix_(*only.values())
    for name in ("n", "missing", "mean", "sd", "low", "high"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name)[at])
    np.testing.assert_array_equal(found.quantiles[MEDIAN], whole.quantiles[MEDIAN][at])
