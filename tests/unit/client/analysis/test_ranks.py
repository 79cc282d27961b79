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
        np.full(SIZE, 7.5),
        np.where(random.random(SIZE) < 0.5, -1.7e308, 1.7e308),
        random.random(SIZE) * 5e-324,
        random.random(20),
    ],
    ids=["even", "skewed", "few", "constant", "far", "tiny", "small"],
)
def test_values_by_rank_are_those_of_the_sorted_ones(values: Floats) -> None:
    """However they are distributed, ties among them, the first and the last included."""
    ranks = np.unique(np.linspace(0, len(values) - 1, 1000).round().astype(np.int64))
    np.testing.assert_array_equal(values_at(values, ranks), np.sort(values)[ranks])
