"""Samples of large sweeps: which children they are."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from accio_client.collected import SAMPLE_BLOCK, SAMPLE_BLOCKS, SAMPLED_FROM, sample_ranges


@given(st.integers(SAMPLED_FROM, 10_000_000))
def test_samples_lie_all_over_a_sweep(size: int) -> None:
    """In each part of equal length there is one block, whole and within the sweep, and none lies on another."""
    ranges = sample_ranges(size)
    assert {count for _, count in ranges} == {SAMPLE_BLOCK}
    for part, (first, count) in enumerate(ranges):
        assert part * size / SAMPLE_BLOCKS - 1 <= first
        assert first + count <= (part + 1) * size / SAMPLE_BLOCKS + 1
    assert all(one + count <= other for (one, count), (other, _) in pairwise(ranges))


@given(st.sampled_from([2, 5, 10, 96, 100, 192, 960, 1000]), st.integers(110, 1000))
def test_samples_have_every_value_of_a_parameter(period: int, times: int) -> None:
    """Also where its values come back at the distance of the blocks, as they do of a parameter that varies fast."""
    size = max(SAMPLED_FROM, period * times * 10)
    children = np.concatenate([np.arange(first, first + count) for first, count in sample_ranges(size)])
    assert len(np.unique(children % period)) == period
