"""Windows: the times of a week at which something counts, such as `Mon-Fri 08:00-18:00 Europe/Berlin`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from accio.domain.problems import ValueProblem, quote

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_PART = re.compile(
    r"(?:(?P<first>[A-Za-z]{3})(?:-(?P<last>[A-Za-z]{3}))?)?\s*"
    r"(?:(?P<begin>[0-9]{1,2}:[0-9]{2})-(?P<end>[0-9]{1,2}:[0-9]{2}))?",
    re.ASCII,
)
_ZONE = re.compile(r"(?P<parts>.*?)\s+(?P<zone>UTC|[A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+)", re.ASCII | re.DOTALL)
_DAY = 24 * 60
_WEEK = timedelta(days=8)
_LONGEST = 1000
_EXPECTED = "expected times of the week, such as Mon-Fri 08:00-18:00, Sat-Sun Europe/Berlin"


@dataclass(frozen=True, slots=True)
class Windows:
    """Times of the week; what they are called is all that tells them apart."""

    text: str
    spans: tuple[tuple[frozenset[int], int, int], ...]  # days (0: Monday), minutes of the day; an end may be the next's
    zone: tzinfo

    def holds(self, wall_ms: int) -> bool:
        """Return whether a time (epoch milliseconds) lies in them."""
        return any(begin <= wall_ms < end for begin, end in self._around(wall_ms))

    def changes_in(self, wall_ms: int) -> float | None:
        """Return in how many seconds they end, or begin; None if that is never."""
        end: int | None = None
        for begin, until in self._around(wall_ms):
            if begin > wall_ms:
                return (begin - wall_ms) / 1000 if end is None else (end - wall_ms) / 1000
            if until > wall_ms:
                end = until
        lasts_on = end is not None and end - wall_ms > _WEEK.total_seconds() * 900
        return None if end is None or lasts_on else (end - wall_ms) / 1000

    def _around(self, wall_ms: int) -> Iterator[tuple[int, int]]:
        """Yield when they begin and end, from the day before a time to a week after it; touching ones are one."""
        before: tuple[int, int] | None = None
        for begin, end in sorted(self._single(wall_ms)):
            if before is not None and begin <= before[1]:
                before = (before[0], max(before[1], end))
                continue
            if before is not None:
                yield before
            before = (begin, end)
        if before is not None:
            yield before

    def _single(self, wall_ms: int) -> Iterator[tuple[int, int]]:
        today = datetime.fromtimestamp(wall_ms / 1000, self.zone).replace(tzinfo=None)
        midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)
        for ahead in range(-1, _WEEK.days + 1):
            day = midnight + timedelta(days=ahead)
            for days, begin, end in self.spans:
                if day.weekday() in days:
                    yield self._moment(day, begin), self._moment(day, end)

    def _moment(self, day: datetime, minutes: int) -> int:
        """Return a time by the clock on the wall there, which skips or repeats an hour twice a year."""
        return int((day + timedelta(minutes=minutes)).replace(tzinfo=self.zone).timestamp() * 1000)

    def __str__(self) -> str:
        """Return them as they were written."""
        return self.text


def parse_windows(text: str) -> Windows:
    """Read times of the week: parts with commas between, each of days, hours or both, and a time zone (else UTC).

    An end that isn't behind its beginning is that of the next day; ValueProblem says what is wrong.
    """
    trimmed = " ".join(text.split())
    if not trimmed or len(trimmed) > _LONGEST:
        raise ValueProblem(f"{_EXPECTED}, found {quote(text)}")
    named = _ZONE.fullmatch(trimmed)
    parts, zone = (named["parts"], _zone(named["zone"])) if named else (trimmed, UTC)
    return Windows(text=trimmed, spans=tuple(_span(part.strip()) for part in parts.split(",")), zone=zone)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):  # not there, or no name of a zone
        raise ValueProblem(f"there is no time zone {quote(name)} here; expected one as Europe/Berlin, or UTC") from None


def _span(part: str) -> tuple[frozenset[int], int, int]:
    found = _PART.fullmatch(part)
    if not part or found is None:
        raise ValueProblem(f"{_EXPECTED}, found {quote(part)}")
    first, last = found["first"], found["last"]
    days = range(7) if first is None else _days(_day(first), _day(last or first))
    if found["begin"] is None:
        return frozenset(days), 0, _DAY
    begin, end = _minutes(found["begin"]), _minutes(found["end"])
    if begin == _DAY:
        raise ValueProblem(f"expected a beginning before 24:00, found {quote(part)}")
    return frozenset(days), begin, end if end > begin else end + _DAY


def _days(first: int, last: int) -> list[int]:
    return [day % 7 for day in range(first, last + 1 if last >= first else last + 8)]


def _day(name: str) -> int:
    if name.capitalize() not in _DAYS:
        raise ValueProblem(f"expected a day of {', '.join(_DAYS)}, found {quote(name)}")
    return _DAYS.index(name.capitalize())


def _minutes(text: str) -> int:
    hours, minutes = (int(each) for each in text.split(":"))
    if minutes >= 60 or hours * 60 + minutes > _DAY:
        raise ValueProblem(f"expected a time of the day from 00:00 to 24:00, found {quote(text)}")
    return hours * 60 + minutes
