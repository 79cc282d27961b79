"""Windows: which times of the week they are, in whichever time zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from accio.domain.problems import ValueProblem
from accio.domain.windows import parse_windows

BERLIN = ZoneInfo("Europe/Berlin")


def at(day: int, time: str, zone: ZoneInfo | None = None, month: int = 11) -> int:
    """Return a time of 2026 in epoch milliseconds; 2 November was a Monday."""
    hours, minutes = (int(each) for each in time.split(":"))
    return int(datetime(2026, month, day, hours, minutes, tzinfo=zone or UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "within", "outside"),
    [
        ("Mon-Fri 08:00-18:00", [(2, "08:00"), (6, "17:59")], [(2, "07:59"), (2, "18:00"), (7, "12:00")]),
        ("20:00-06:00", [(2, "20:00"), (3, "05:59")], [(2, "06:00"), (2, "19:59")]),
        ("Fri 20:00-06:00", [(6, "20:00"), (7, "05:00")], [(7, "20:00"), (6, "05:00")]),
        ("Sat-Sun", [(7, "00:00"), (8, "23:59")], [(6, "23:59"), (9, "00:00")]),
        ("Fri-Mon", [(6, "12:00"), (9, "12:00")], [(5, "12:00"), (10, "12:00")]),
        ("sun 10:00-24:00, Tue", [(8, "23:00"), (3, "01:00")], [(8, "09:00"), (2, "01:00")]),
    ],
)
def test_which_times_they_are(text: str, within: list[tuple[int, str]], outside: list[tuple[int, str]]) -> None:
    """Days, hours, both, several; an end before its beginning is that of the next day."""
    windows = parse_windows(text)
    assert [each for each in within if not windows.holds(at(*each))] == []
    assert [each for each in outside if windows.holds(at(*each))] == []


def test_when_they_change() -> None:
    """The seconds until they end or begin; those that touch are one, and what is always never changes."""
    nights = parse_windows("Mon-Fri 18:00-08:00, Sat-Sun")
    assert nights.changes_in(at(6, "19:00")) == (5 + 48 + 8 - 8) * 3600  # until midnight of Sunday
    assert nights.changes_in(at(2, "12:00")) == 6 * 3600
    assert parse_windows("00:00-24:00").changes_in(at(2, "12:00")) is None
    assert parse_windows("Mon").changes_in(at(2, "12:00")) == 12 * 3600


def test_they_follow_the_clock_on_the_wall() -> None:
    """Where clocks are changed, eight o'clock is eight o'clock before and after."""
    windows = parse_windows("08:00-09:00 Europe/Berlin")
    for month, day in ((7, 6), (11, 2), (10, 25), (3, 29)):
        assert windows.holds(at(day, "08:30", BERLIN, month))
        assert not windows.holds(at(day, "09:00", BERLIN, month))
    assert windows.changes_in(at(24, "09:00", BERLIN, 10)) == 24 * 3600  # when 25 hours pass, the night is longer
    assert parse_windows("08:00-09:00").holds(at(2, "08:30"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "times of the week"),
        ("Mon-", "times of the week"),
        ("Mon,,Tue", "times of the week"),
        ("Mon-Fry 08:00-18:00", "expected a day"),
        ("08:00-25:00", "time of the day"),
        ("08:60-09:00", "time of the day"),
        ("24:00-08:00", "before 24:00"),
        ("Mon Europe/Nowhere", "no time zone"),
        ("Mon ../etc/passwd", "times of the week"),
        ("x" * 2000, "times of the week"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueProblem, match=said):
        parse_windows(text)
