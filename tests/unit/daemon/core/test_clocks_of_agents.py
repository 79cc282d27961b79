"""Agents whose wall clocks are wrong: what they tell is shown where it can have happened."""

from dataclasses import replace

import pytest

from accio_daemon.core.on_nodes import believed_times
from accio_daemon.core.terms import AttemptNo
from tests import builders

NOW = 1_800_000_000_000
DISPATCHED = NOW - 60_000
YEAR = 365 * 86_400_000


@pytest.mark.parametrize(
    ("told", "believed"),
    [
        ((DISPATCHED, NOW), (DISPATCHED, NOW)),
        ((DISPATCHED + 5, DISPATCHED + 9), (DISPATCHED + 5, DISPATCHED + 9)),
        ((NOW - 500 + YEAR, NOW + YEAR), (NOW - 500, NOW)),
        ((NOW - 500 - YEAR, NOW - YEAR), (DISPATCHED, DISPATCHED + 500)),
        ((NOW - 90_000, NOW - 10), (DISPATCHED, NOW)),
        ((NOW - 10, NOW + 10), (NOW - 20, NOW)),
        ((NOW - 10, NOW - YEAR), (NOW - 10, NOW - 10)),
        ((NOW + YEAR, NOW), (NOW, NOW)),
        ((1, 2**56 - 1), (DISPATCHED, NOW)),
        ((0, 0), (0, 0)),
        ((0, NOW + YEAR), (0, NOW)),
    ],
)
def test_times_are_where_they_can_be(told: tuple[int, int], believed: tuple[int, int]) -> None:
    """Nothing begins before it was dispatched, ends before it began, or ends after it was reported."""
    started, ended = told
    report = replace(builders.failure(1, AttemptNo(1)), started_ms=started, ended_ms=ended)
    assert believed_times(report, DISPATCHED, NOW) == believed


def test_a_dispatch_that_the_daemons_own_clock_has_forgotten() -> None:
    """A daemon whose clock was set back below the dispatch shows nothing that lies ahead."""
    report = replace(builders.failure(1, AttemptNo(1)), started_ms=NOW + 5, ended_ms=NOW + 9)
    assert believed_times(report, NOW + YEAR, NOW) == (NOW, NOW)
