"""Rates and forecasts from how many nodes had ended when."""

from datetime import timedelta

from accio_client.analysis.forecast import Pace


def test_the_forecast_is_a_range_of_two_rates() -> None:
    """The last minute and the last five minutes each give a rate, and so the least and the most time left."""
    pace = Pace()
    for at in range(0, 301, 10):
        pace.note(float(at), at if at <= 240 else 240 + 2 * (at - 240))
    last_minute, last_five = pace.rates()
    assert (last_minute, last_five) == (2.0, 1.2)
    assert pace.left(120) == (timedelta(seconds=60), timedelta(seconds=100))


def test_nothing_is_foretold_without_a_rate() -> None:
    """A moment after the beginning, without progress and without work left, there is no forecast."""
    pace = Pace()
    assert pace.left(10) is None
    pace.note(0.0, 5)
    assert pace.rates() == ()
    pace.note(30.0, 5)
    assert pace.left(10) is None
    pace.note(40.0, 9)
    assert pace.left(0) is None


def test_a_retry_begins_anew() -> None:
    """Fewer ended nodes than before mean a retry: what was seen before it counts for nothing."""
    pace = Pace()
    for at, ended in ((0.0, 0), (10.0, 100), (11.0, 40), (21.0, 50)):
        pace.note(at, ended)
    assert pace.rates() == (1.0, 1.0)
