"""Samples: distinct points by formula, the same for the same seed, spread as their methods promise."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import qmc

from accio.domain import sobol
from accio.domain.layouts import Digit
from accio.domain.sampling import Method, Sampled

SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=4)


def sample(method: Method, size: int, *sizes: int, seed: int = 0) -> Sampled:
    return Sampled(method=method, size=size, seed=seed, names=tuple("abcdefgh"[: len(sizes)]), sizes=sizes)


def test_the_sequence_is_scipys() -> None:
    """Point by point, in all dimensions that there are."""
    expected = qmc.Sobol(sobol.DIMENSIONS, scramble=False, bits=sobol.BITS).random(256)
    found = [[sobol.coordinate(axis, index) for axis in range(sobol.DIMENSIONS)] for index in range(256)]
    assert found == (expected * 2**sobol.BITS).astype(int).tolist()
    assert [list(sobol.coordinates(axis, 256)) for axis in range(40)] == [
        list(each) for each in zip(*found, strict=True)
    ]


@given(SIZES, st.integers(-(2**63), 2**63 - 1))
def test_random_points_are_all_combinations_in_some_order(sizes: list[int], seed: int) -> None:
    """Each comes once, and a smaller sample is the beginning of a larger one."""
    everything = sorted(itertools.product(*map(range, sizes)))
    whole = sample(Method.RANDOM, len(everything), *sizes, seed=seed)
    drawn = [whole.at(index) for index in range(whole.size)]
    assert sorted(drawn) == everything
    part = sample(Method.RANDOM, (len(everything) + 1) // 2, *sizes, seed=seed)
    assert [part.at(index) for index in range(part.size)] == drawn[: part.size]


def test_orders_of_huge_grids_depend_on_the_seed() -> None:
    """Of more combinations than any hash has values, too."""
    sizes = (10**9 + 1,) * 40
    one, other = (sample(Method.RANDOM, 50, *sizes, seed=seed) for seed in (1, 2))
    points = {one.at(index) for index in range(50)}
    assert len(points) == 50
    assert points.isdisjoint(other.at(index) for index in range(50))
    assert {axis for point in points for axis, index in enumerate(point) if index > 10**8} == set(range(40))


@given(st.integers(1, 40), SIZES, st.integers(0, 5))
def test_a_latin_hypercube_meets_each_stratum_once(size: int, sizes: list[int], seed: int) -> None:
    """On every axis; one with fewer values than points has each as often as any other, within one."""
    drawn = sample(Method.LHS, size, *sizes, 1000, seed=seed)
    assert drawn.repeats() == ""
    assert len({drawn.at(index) for index in range(size)}) == size
    for axis, of in zip(drawn.columns(), drawn.sizes, strict=True):
        if of >= size:
            assert sorted(index * size // of for index in axis) == list(range(size))
        else:
            counts = [list(axis).count(index) for index in range(of)]
            assert max(counts) - min(counts) <= 1


@given(st.integers(0, 5), st.integers(0, 6))
def test_a_sequence_fills_its_axes_evenly(seed: int, power: int) -> None:
    """The first 2^m points have one in each of 2^m equal parts of every axis, and others follow."""
    size = 2**power
    drawn = sample(Method.SOBOL, size, 1024, 2048, 4096, seed=seed)
    for column, of in zip(drawn.columns(), drawn.sizes, strict=True):
        assert sorted(index * size // of for index in column) == list(range(size))
    longer = sample(Method.SOBOL, size + 1, 1024, 2048, 4096, seed=seed)
    assert [longer.at(index) for index in range(size)] == [drawn.at(index) for index in range(size)]


@pytest.mark.parametrize("method", Method)
def test_points_that_can_coincide_are_told(method: Method) -> None:
    """A sample that has no room is refused, one that has it is distinct."""
    assert sample(method, 7, 3, 2).repeats()
    roomy = sample(method, 7, 3, 8)
    assert roomy.repeats() == ""
    assert len({roomy.at(index) for index in range(7)}) == 7


@pytest.mark.parametrize("method", Method)
def test_a_sample_is_kept_as_a_formula(method: Method) -> None:
    """Its text says how to draw it, and it finds the number of a point."""
    digit = Digit((0, 1), sample(method, 100, 1000, 3, seed=9))
    assert list(zip(*digit.rows.columns(), strict=True)) == [digit.rows.at(index) for index in range(100)]
    again = Digit.from_json(digit.to_json())
    assert len(str(digit.to_json())) < 200
    assert [again.find(digit.rows.at(index)) for index in range(100)] == list(range(100))
    with pytest.raises(IndexError):
        digit.rows.at(100)
