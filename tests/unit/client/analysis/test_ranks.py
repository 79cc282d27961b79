"""Values by their rank."""

import numpy as np
import pytest

from accio_client.analysis.columns import Floats
from accio_client.analysis.ranks import values_at

random = np.random.default_rng(5)
SIZE = 60_000


@pytest.mark.parametrize(
    "values",
    [
        random.random(SIZE),
        random.normal(size=SIZE) ** 5,  # nearly all in one bin
        random.integers(0, 3, SIZE).astype(np.float64),
        np.where(random.random(SIZE) < 0.9, 0.0, random.normal(size=SIZE)),
        random.standard_cauchy(SIZE),
        random.lognormal(0, 50, SIZE),
        np.append(random.lognormal(0, 50, SIZE), [-np.inf, np.inf]).clip(-1.7e308, 1.7e308),
        np.where(random.random(SIZE) < 0.5, 0.0, -0.0),
        np.full(SIZE, 7.5),
        np.where(random.random(SIZE) < 0.5, -1.7e308, 1.7e308),
        random.random(SIZE) * 5e-324,
        random.random(20),
    ],
    ids=[
        "even",
        "skewed",
        "few",
        "mixed",
        "outliers",
        "digits",
        "farthest",
        "signs",
        "constant",
        "far",
        "tiny",
        "small",
    ],
)
def test_values_by_rank_are_those_of_the_sorted_ones(values: Floats) -> None:
    """However they are distributed, ties among them, the first and the last included."""
    ranks = np.unique(np.linspace(0, len(values) - 1, 1000).round().astype(np.int64))
    np.testing.assert_array_equal(values_at(values, ranks), np.sort(values)[ranks])


def test_little_is_sorted_however_values_are_distributed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what is there over and over again nor what lies far away makes most of the values be sorted."""
    size, sort, largest = 400_000, np.sort, 0

    def noted(values: Floats) -> Floats:
        nonlocal largest
        largest = max(largest, len(values))
        return sort(values)

    monkeypatch.setattr(np, "sort", noted)
    ranks = np.unique(np.linspace(0, size - 1, 1000).round().astype(np.int64))
    for values in (
        random.normal(size=size),
        random.integers(0, 10, size).astype(np.float64),
        random.standard_cauchy(size),
        random.lognormal(0, 50, size),
        np.where(random.random(size) < 0.9, 0.0, random.normal(size=size)),
    ):
        values_at(values, ranks)
    assert largest < size / 5
