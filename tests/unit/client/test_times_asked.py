"""Times on the command line: points in time, and spans before or after now."""

from datetime import UTC, datetime, timedelta

import click
import pytest

from accio_client.cli.times import point_in_time
from accio_client.clock import now


def test_a_span_is_before_now_or_from_now_on() -> None:
    """What lists and reports are asked for lies behind, windows lie ahead, to the second."""
    day, before = timedelta(days=1), now()
    behind, ahead = point_in_time("1d", "-since"), point_in_time("1d", "-to", ahead=True)
    assert behind is not None
    assert ahead is not None
    assert before - day <= behind <= now() - day
    assert before + day - timedelta(seconds=1) < ahead <= now() + day
    assert ahead.microsecond == 0


def test_a_point_in_time_is_what_it_is() -> None:
    """Whichever way a span would count."""
    for ahead in (False, True):
        found = point_in_time("2027-01-12T08:00+01:00", "-from", ahead=ahead)
        assert found == datetime(2027, 1, 12, 7, tzinfo=UTC)


@pytest.mark.parametrize(("ahead", "words"), [(False, "before now"), (True, "from now on")])
def test_what_is_neither_is_refused_with_what_is(ahead: bool, words: str) -> None:
    """It says what a span means here."""
    with pytest.raises(click.UsageError, match=f"-to: .*a span {words} is fine too"):
        point_in_time("banana", "-to", ahead=ahead)
