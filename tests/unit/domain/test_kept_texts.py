"""Texts of axes that are kept once they were computed: some megabytes, however many sweeps were looked at."""

import tracemalloc

from accio.domain.axes import CACHED_TEXTS, Axis
from accio.domain.datatypes import parse_type
from accio.domain.ranges import WholePoints

AXES = 12
SIZE = 10_000
BYTES_EACH = 250
"""What a text takes at most, with its place in a dictionary that grows."""


def test_what_is_kept_of_many_axes_is_bounded() -> None:
    """All of them together keep no more than one could, and each still gives its values."""
    axes = [Axis("x", parse_type("integer"), WholePoints(start=start, step=3, size=SIZE)) for start in range(AXES)]
    tracemalloc.start()
    try:
        for axis in axes:
            assert sum(map(len, axis.values())) > SIZE
        kept, _most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < BYTES_EACH * CACHED_TEXTS < BYTES_EACH * AXES * SIZE
    for start, axis in enumerate(axes):
        assert axis.bounds() == (str(start), str(start + 3 * (SIZE - 1)))
        assert axis.value_at(0) is axis.value_at(0)
