"""Shares of variance, against brute force over all children."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio_client.analysis.columns import Floats
from accio_client.analysis.importance import Importance, Method, importance
from tests.unit.client.analysis.tables import VALUE, sweep_of, table_of


def shares(found: Importance) -> dict[tuple[str, ...], float]:
    return {each.names: each.share for each in (*found.main, *found.pairs)}


def brute_force(values: Floats) -> dict[tuple[str, ...], float]:
    """Shares by conditional means, one child at a time."""
    points = list(np.ndindex(values.shape))
    middle, total = values.mean(), values.var()
    found: dict[tuple[str, ...], float] = {}
    names = "abcdef"[: values.ndim - 1]
    closed: dict[tuple[int, ...], float] = {}
    for order in (1, 2):
        for at in combinations(range(len(names)), order):
            spread = 0.0
            for index in points:
                alike = [values[other] for other in points if all(other[axis] == index[axis] for axis in at)]
                spread += (np.mean(alike) - middle) ** 2
            closed[at] = spread / len(points)
            less = sum(closed[(axis,)] for axis in at) if order == 2 else 0.0
            found[tuple(names[axis] for axis in at)] = (closed[at] - less) / total
    return found


@given(st.lists(st.integers(2, 3), min_size=1, max_size=3), st.integers(1, 2), st.integers(0, 10**6))
def test_shares_are_those_of_brute_force(sizes: list[int], repeat: int, seed: int) -> None:
    """Main effects and pairs of a complete grid are the variances of conditional means; everything adds up to 1."""
    sweep = sweep_of(*sizes, repeat=repeat)
    values = np.random.default_rng(seed).normal(size=(*sizes, repeat))
    found = importance(table_of(sweep, values), VALUE)
    assert found.method is Method.BALANCED
    assert found.variance == pytest.approx(values.var(), rel=1e-9)
    for names, share in brute_force(values).items():
        assert shares(found)[names] == pytest.approx(share, abs=1e-9)
    assert found.higher is not None
    assert (found.noise is None) == (repeat == 1)
    assert sum(shares(found).values()) + found.higher + (found.noise or 0.0) == pytest.approx(1, abs=1e-9)


def test_known_functions_have_known_shares() -> None:
    """Of a + 2b and a·b over -1 and 1, the shares are those of the squares of the coefficients."""
    a, b = np.meshgrid([-1.0, 1.0], [-1.0, 1.0], indexing="ij")
    found = importance(table_of(sweep_of(2, 2), a + 2 * b + 3 * a * b), VALUE)
    assert shares(found) == pytest.approx({("a",): 1 / 14, ("b",): 4 / 14, ("a", "b"): 9 / 14})
    assert [each.names for each in found.main] == [("b",), ("a",)]


def test_what_noise_gives_by_chance_is_said() -> None:
    """A parameter without influence gets about the share that is stated as chance."""
    random = np.random.default_rng(5)
    got, stated = [], []
    for _ in range(200):
        found = importance(table_of(sweep_of(5, 4, repeat=3), random.normal(size=60)), VALUE)
        effect = next(each for each in found.main if each.names == ("a",))
        got.append(effect.share)
        stated.append(effect.by_chance)
    assert np.mean(got) == pytest.approx(np.mean([each for each in stated if each is not None]), rel=0.1)


def test_unequal_numbers_of_repetitions_are_said() -> None:
    """With some repetitions missing, points count the same: shares of the points' means, which add up to 1."""
    values = np.random.default_rng(1).normal(size=(3, 2, 4))
    present = np.ones(values.shape, np.bool_)
    present[0, 0, 1:] = present[2, 1, 0] = False
    found = importance(table_of(sweep_of(3, 2, repeat=4), values, present.reshape(-1)), VALUE)
    means = np.where(present, values, 0).sum(axis=-1) / present.sum(axis=-1)
    inside = [[values[i, j][present[i, j]].var() for j in range(2)] for i in range(3)]
    assert found.method is Method.UNWEIGHTED
    assert found.missing == 4
    assert shares(found)[("a",)] == pytest.approx(means.mean(axis=1).var() / (means.var() + np.mean(inside)))
    assert found.noise is not None
    assert found.higher is not None
    assert sum(shares(found).values()) + found.noise + found.higher == pytest.approx(1)


def test_missing_points_are_said_and_effects_computed_alone() -> None:
    """With whole points missing, each effect is the weighted variance between its values, and nothing is made up."""
    values = np.random.default_rng(2).normal(size=(3, 3))
    present = np.ones((3, 3), np.bool_)
    present[1, 2] = False
    found = importance(table_of(sweep_of(3, 3), values, present.reshape(-1)), VALUE)
    known = values[present]
    between = sum(
        present[row].sum() * (values[row][present[row]].mean() - known.mean()) ** 2 for row in range(3)
    ) / len(known)
    assert found.method is Method.MARGINAL
    assert found.higher is None
    assert shares(found)[("a",)] == pytest.approx(between / known.var())
    assert "don't add up" in found.note


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0, 1.0], [np.nan] * 4, [1e308, 1e308, 1e308, 1e308]])
def test_no_variance_is_said(values: list[float]) -> None:
    """What doesn't vary, and what has no numbers, has no shares."""
    found = importance(table_of(sweep_of(2, 2), values), VALUE)
    assert found.method is Method.NOTHING
    assert found.main == ()


def test_shares_do_not_depend_on_offset_and_unit() -> None:
    """A large mean, and numbers at the edge of doubles, change no share."""
    values = np.random.default_rng(4).normal(size=(3, 4, 2))
    expected = shares(importance(table_of(sweep_of(3, 4, repeat=2), values), VALUE))
    for changed in (values + 1e6, values * 1e200, values * 1e-200):
        assert shares(importance(table_of(sweep_of(3, 4, repeat=2), changed), VALUE)) == pytest.approx(
            expected, abs=1e-6
        )
