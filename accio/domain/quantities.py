"""Distances, durations, timestamps and locations: their values, how they are read, and how people see them.

Reading is exact: a text is turned into its canonical unit (metres, milliseconds, degrees) in decimal arithmetic first.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Any

from accio.domain.numbers import EXACT, NUMBER, Number, finite_double, nearest_double, number_of_json, number_of_text
from accio.domain.problems import ValueProblem, quote
from accio.late import dataclass


@dataclass(frozen=True, slots=True)
class Distance:
    """A length in metres."""

    meters: float


@dataclass(frozen=True, slots=True)
class Duration:
    """A span of time in whole milliseconds."""

    ms: int


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A moment in milliseconds since 1970-01-01T00:00:00Z."""

    epoch_ms: int


@dataclass(frozen=True, slots=True)
class Location:
    """A place in degrees: latitude (-90 to 90), longitude (-180 to 180)."""

    lat: float
    lng: float


# ---------------------------------------------------------------------------------------------------------- distance

_METERS = {
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), Decimal(1)),
    **dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), Decimal(1000)),
    **dict.fromkeys(("mi", "mile", "miles"), Decimal("1609.344")),
}
_DISTANCE = re.compile(rf"({NUMBER})[. ]?\s*([a-z]+)", re.ASCII | re.IGNORECASE)
_DISTANCE_FORMS = 'such as "200.meters", "3.5.kilometers", "1.miles", "200 m" or "3.5km"'


def distance_meters(value: Any) -> Decimal:
    """Read a distance, exact in metres."""
    if not isinstance(value, str):
        found = f"{quote(value)} without a unit" if number_of_json(value) else quote(value)
        raise ValueProblem(f"expected distance {_DISTANCE_FORMS}, found {found}")
    match = _DISTANCE.fullmatch(value.strip())
    if match is None:
        found = f"{quote(value)} without a unit" if number_of_text(value) else quote(value)
        raise ValueProblem(f"expected distance {_DISTANCE_FORMS}, found {found}")
    number, unit = number_of_text(match[1]), _METERS.get(match[2].lower())
    if unit is None:
        raise ValueProblem(f"expected distance in meters, kilometers or miles, found {quote(value)}")
    if number is None:
        raise ValueProblem(f"expected distance {_DISTANCE_FORMS}, found {quote(value)}, which has too many digits")
    return EXACT.multiply(number.exact, unit)


def parse_distance(value: Any) -> Distance:
    """Read a distance; metres are the double nearest to what was written."""
    exact = distance_meters(value)
    return Distance(nearest_double(Number(exact, whole=False), value, "distance"))


def show_distance(meters: float) -> str:
    """Return the user's form: `250.meters`, `0.5.meters`."""
    text = repr(meters)
    return f"{text.removesuffix('.0')}.meters"


# ---------------------------------------------------------------------------------------------------------- duration

_NANOS = {
    **dict.fromkeys(("nano", "nanos", "nanosecond", "nanoseconds", "ns"), 1),
    **dict.fromkeys(("micro", "micros", "microsecond", "microseconds", "us", "µs", "μs"), 10**3),
    **dict.fromkeys(("milli", "millis", "millisecond", "milliseconds", "ms"), 10**6),
    **dict.fromkeys(("second", "seconds", "sec", "secs", "s"), 10**9),
    **dict.fromkeys(("minute", "minutes", "min", "mins", "m"), 60 * 10**9),
    **dict.fromkeys(("hour", "hours", "h"), 3600 * 10**9),
    **dict.fromkeys(("day", "days", "d"), 86400 * 10**9),
}
_TERM = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+)[. ]?\s*([a-zµμ]+)", re.IGNORECASE)
_DURATION_FORMS = 'such as "15.minutes", "1.hours+30.minutes", "90s" or "1h30m"'
_MAX_TERMS = 20
_LONG = 2**63


def parse_duration(value: Any) -> Duration:
    """Read a duration; a bare number is milliseconds, a fraction of a millisecond is a ValueProblem."""
    return Duration(_milliseconds(value, "duration"))


def _milliseconds(value: Any, type_name: str) -> int:
    number = number_of_json(value)
    if number is not None:
        exact = number.exact
    elif isinstance(value, str):
        exact = _sum_of_terms(value)
    else:
        raise ValueProblem(f"expected {type_name} {_DURATION_FORMS}, found {quote(value)}")
    if not -_LONG <= exact < _LONG:
        raise ValueProblem(
            f"expected {type_name}, found {quote(value)}, which is out of range (64 bits of milliseconds)"
        )
    if exact != exact.to_integral_value():
        raise ValueProblem(f"expected {type_name}, found {quote(value)}, which is no whole number of milliseconds")
    return int(exact)


def _sum_of_terms(text: str) -> Decimal:
    """Add up `1.hours+30.minutes`; a sign in front counts for the whole."""
    rest = text.strip()
    sign = -1 if rest.startswith("-") else 1
    rest = rest.removeprefix("-").removeprefix("+") if rest[:1] in "+-" else rest
    total, at = Decimal(0), 0
    for _ in range(_MAX_TERMS):
        match = _TERM.match(rest, at)
        unit = _NANOS.get(match[2].lower()) if match else None
        number = number_of_text(match[1]) if match else None
        if match is None or unit is None or number is None:
            hint = "" if match is None or unit is not None else f" ('{match[2]}' is no unit of time)"
            raise ValueProblem(f"expected duration {_DURATION_FORMS}, found {quote(text)}{hint}")
        total = EXACT.add(total, EXACT.multiply(number.exact, Decimal(unit)))
        at = match.end()
        while at < len(rest) and rest[at].isspace():
            at += 1
        if at == len(rest):
            return EXACT.divide(total * sign, Decimal(10**6))
        at += rest[at] == "+"
        while at < len(rest) and rest[at].isspace():
            at += 1
    raise ValueProblem(f"expected duration {_DURATION_FORMS}, found {quote(text)} of more than {_MAX_TERMS} terms")


def show_duration(ms: int) -> str:
    """Return the user's form: `900000.millis`."""
    return f"{ms}.millis"


# --------------------------------------------------------------------------------------------------------- timestamp

FIRST_MS = -62_135_596_800_000  # 0001-01-01T00:00:00Z
LAST_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY_MS = 86_400_000
_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*(?:([Zz])|([+-])(\d{2})(?::?(\d{2}))?)?",
    re.ASCII,
)
_TIMESTAMP_FORM = 'ISO 8601 with a time zone, such as "2014-01-02T23:58:29Z", or milliseconds since 1970'


def parse_timestamp(value: Any) -> Timestamp:
    """Read a timestamp: ISO 8601 text with a zone, or a number of milliseconds since 1970."""
    number = number_of_json(value)
    if number is not None:
        if number.exact != number.exact.to_integral_value():
            raise ValueProblem(f"expected timestamp, found {quote(value)}, which is no whole number of milliseconds")
        if not FIRST_MS <= number.exact <= LAST_MS:
            raise ValueProblem(f"expected timestamp between the years 1 and 9999, found {quote(value)}")
        return Timestamp(int(number.exact))
    if isinstance(value, str):
        return Timestamp(_epoch_ms(value))
    raise ValueProblem(f"expected timestamp ({_TIMESTAMP_FORM}), found {quote(value)}")


def _epoch_ms(text: str) -> int:
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise ValueProblem(f"expected timestamp ({_TIMESTAMP_FORM}), found {quote(text)}")
    if not (match[8] or match[9]):
        raise ValueProblem(f"expected timestamp with a time zone, found {quote(text)}; append Z for UTC")
    hour, minute, second = int(match[4]), int(match[5]), int(match[6] or 0)
    zone_hour, zone_minute = int(match[10] or 0), int(match[11] or 0)
    try:
        days = date(int(match[1]), int(match[2]), int(match[3])).toordinal() - _EPOCH_DAY
    except ValueError as error:
        raise ValueProblem(f"expected timestamp, found {quote(text)}: {error}") from None
    if hour > 23 or minute > 59 or second > 59 or zone_hour > 23 or zone_minute > 59:
        raise ValueProblem(f"expected timestamp, found {quote(text)}: there is no such time of day")
    fraction = (match[7] or "").rstrip("0")
    if len(fraction) > 3:
        raise ValueProblem(f"expected timestamp, found {quote(text)}, which is no whole number of milliseconds")
    zone = (zone_hour * 60 + zone_minute) * (-1 if match[9] == "-" else 1)
    ms = days * _DAY_MS + ((hour * 60 + minute - zone) * 60 + second) * 1000 + int(fraction.ljust(3, "0"))
    if not FIRST_MS <= ms <= LAST_MS:
        raise ValueProblem(f"expected timestamp between the years 1 and 9999, found {quote(text)}")
    return ms


def show_timestamp(epoch_ms: int) -> str:
    """Return ISO 8601 in UTC: `2014-01-02T23:58:29Z`, with milliseconds only if there are any."""
    days, ms = divmod(epoch_ms, _DAY_MS)
    seconds, ms = divmod(ms, 1000)
    day = date.fromordinal(days + _EPOCH_DAY)
    fraction = f".{ms:03d}" if ms else ""
    return f"{day.isoformat()}T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}Z"


# ---------------------------------------------------------------------------------------------------------- location


def parse_location(value: Any) -> Location:
    """Read `"48.85,2.35"` (or the array of the two numbers): latitude and longitude in degrees."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or len(parts) != 2 or any(number_of_json(part) is None for part in parts):
        raise ValueProblem(
            f'expected location ("latitude,longitude" in degrees, such as "48.85,2.35"), found {quote(value)}'
        )
    lat, lng = (finite_double(part, "location") for part in parts)
    if not (-90 <= lat <= 90 and -180 <= lng <= 180):
        raise ValueProblem(f"expected location (latitude -90 to 90, longitude -180 to 180), found {quote(value)}")
    return Location(lat, lng)


def show_location(lat: float, lng: float) -> str:
    """Return the user's form: `48.85,2.35`."""
    return f"{repr(lat).removesuffix('.0')},{repr(lng).removesuffix('.0')}"
