"""Differences between settings, and between sweeps."""

import numpy as np
import pytest
from scipy import stats

from accio.domain.axes import Axis
from accio.domain.datatypes import DATASET, LONG
from accio.domain.sweeps import Sweep
from accio.errors import FailedPrecondition
from accio_client.analysis.columns import SweepTable
from accio_client.analysis.compare import joined, paired
from tests.unit.client.analysis.tables import VALUE, axis_of, sweep_of, table_of

random = np.random.default_rng(11)


def test_partners_are_paired_by_point_and_repetition() -> None:
    """The interval of differences is that of SciPy's paired test over all points and repetitions."""
    values = random.normal(size=(3, 2, 5))
    table = table_of(sweep_of(3, 2, repeat=5), values)
    found = paired(table, VALUE, "a", "0", "2")
    delta = (values[2] - values[0]).reshape(-1)
    expected = stats.ttest_rel(values[2].reshape(-1), values[0].reshape(-1)).confidence_interval(0.95)
    assert found.difference.mean == pytest.approx(delta.mean(), rel=1e-12)
    assert found.difference.low == pytest.approx(expected.low, rel=1e-10)
    assert found.difference.high == pytest.approx(expected.high, rel=1e-10)
    assert not found.common_seeds


def test_differences_can_be_grouped() -> None:
    """By another parameter there is a difference for each of its values; partners that are missing are left out."""
    values = random.normal(size=(2, 3, 4))
    present = np.ones(values.shape, np.bool_)
    present[0, 1, 2] = False
    table = table_of(sweep_of(2, 3, repeat=4), values, present.reshape(-1))
    found = paired(table, VALUE, "a", "0", "1", by=["b"]).difference
    assert found.n.tolist() == [4, 3, 4]
    np.testing.assert_allclose(found.mean[[0, 2]], (values[1] - values[0]).mean(axis=1)[[0, 2]], rtol=1e-12)


def test_common_random_numbers_cancel() -> None:
    """Settings of a dataset have the same seeds: what both have in common leaves no trace in the interval."""
    noise = random.normal(scale=100, size=8)
    sweep = Sweep((Axis("uri", DATASET, ('"/a"', '"/b"')),), repeat=8)
    found = paired(table_of(sweep, np.stack([noise, noise + 1.5])), VALUE, "uri", "/a", "/b")
    assert found.common_seeds
    assert found.difference.mean == pytest.approx(1.5, rel=1e-12)
    assert float(found.difference.high - found.difference.low) < 1e-10


def sweep_over(a: tuple[str, ...], b: tuple[str, ...], repeat: int) -> Sweep:
    return Sweep((axis_of("a", LONG, *a), axis_of("b", LONG, *b)), repeat)


def two() -> tuple[SweepTable, SweepTable]:
    first = table_of(sweep_over(("1", "2", "3"), ("10", "20"), 4), random.normal(size=24))
    turned = Sweep(tuple(reversed(sweep_over(("3", "5", "2"), ("20",), 3).axes)), 3)
    return first, table_of(turned, random.normal(size=9))


def test_sweeps_are_joined_on_common_points() -> None:
    """Points are found by their values, whatever the order of axes and values; Welch's interval is SciPy's."""
    first, second = two()
    found = joined(first, second, VALUE, same_seeds=False)
    assert found.names == ("a", "b")
    assert found.points.tolist() == [[1, 1], [2, 1]]  # a=2 b=20, a=3 b=20
    assert (found.only_first, found.only_second) == (4, 1)
    ours = first.column(VALUE).values.reshape(3, 2, 4)
    theirs = second.column(VALUE).values.reshape(3, 3)
    for row, (mine, other) in enumerate([(ours[1, 1], theirs[2]), (ours[2, 1], theirs[0])]):
        expected = stats.ttest_ind(other, mine, equal_var=False).confidence_interval(0.95)
        assert found.difference[row] == pytest.approx(other.mean() - mine.mean(), rel=1e-12)
        assert found.low[row] == pytest.approx(expected.low, rel=1e-9)
        assert found.high[row] == pytest.approx(expected.high, rel=1e-9)


def test_sweeps_with_the_same_seeds_are_paired() -> None:
    """With the same seeds, repetitions are partners, as far as both have them."""
    first, second = two()
    found = joined(first, second, VALUE, same_seeds=True)
    ours, theirs = first.column(VALUE).values.reshape(3, 2, 4)[2, 1, :3], second.column(VALUE).values.reshape(3, 3)[0]
    expected = stats.ttest_rel(theirs, ours).confidence_interval(0.95)
    assert found.n.tolist() == [3, 3]
    assert found.low[1] == pytest.approx(expected.low, rel=1e-9)


def test_sweeps_without_a_common_parameter_are_refused() -> None:
    """A parameter that varies here and is unknown there leaves no common points."""
    with pytest.raises(FailedPrecondition, match="'b' varies in run"):
        joined(table_of(sweep_of(2, 2), np.zeros(4)), table_of(sweep_of(2), np.zeros(2)), VALUE, same_seeds=True)


def test_more_repetitions_of_the_same_are_no_difference() -> None:
    """Means are those of the partners: what only one sweep has repeated further moves neither of them."""
    values = np.arange(6.0).reshape(2, 3)
    first = table_of(sweep_of(2, repeat=2), values[:, :2])
    second = table_of(sweep_of(2, repeat=3), values)
    found = joined(first, second, VALUE, same_seeds=True)
    assert found.first_mean.tolist() == found.second_mean.tolist() == [0.5, 3.5]
    assert found.difference.tolist() == [0.0, 0.0]
