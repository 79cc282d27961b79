"""The values of a query, read as the field has them, and the values of rows, brought to the same comparable form.

Comparable are numbers (distances in metres, durations and times in milliseconds, shares from 0 to 1), booleans, texts,
and the Python values of collections and locations.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from accio.domain.absence import ABSENT, NO_VALUE, means_none
from accio.domain.datatypes import INTEGRAL, DataType, Kind
from accio.domain.filters.fields import Of, Reading, Reads, Subject
from accio.domain.names import suggest
from accio.domain.numbers import Number, nearest_double, number_of_text
from accio.domain.problems import ValueProblem, quote
from accio.domain.quantities import Distance, Duration, Timestamp, parse_duration, parse_timestamp
from accio.domain.resources import parse_size
from accio.domain.values import decode, parse, parse_text

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MICROSECONDS_OF_MS = 1000


class WordProblem(ValueProblem):
    """A word that isn't among the allowed ones; `suggestion` is the one that was probably meant."""

    def __init__(self, message: str, suggestion: str | None) -> None:
        super().__init__(message)
        self.suggestion = suggestion


def read(subject: Subject, text: str, now_ms: int) -> Any:
    """Read a value that is compared with *subject*, in comparable form; ValueProblem if it is none."""
    match subject.reads:
        case Reads.TEXT | Reads.WORKFLOW | Reads.ANY:
            return text
        case Reads.CHOICE:
            if text.lower() not in subject.choices:
                expected = f"expected {', '.join(subject.choices)}, found {quote(text)}"
                raise WordProblem(expected, suggest(text, subject.choices))
            return text.lower()
        case Reads.TIME:
            return _moment(text, now_ms)
        case Reads.SHARE:
            return _share(text)
        case Reads.NUMBER:
            return plain(_number(text))
        case Reads.BYTES:
            return parse_size(text)
        case Reads.MICROSECONDS:
            return _microseconds(text)
        case datatype if subject.of is Of.PARAMETER and means_none(datatype, text):
            return ABSENT
        case datatype:
            return _typed(datatype, text, now_ms)


def _typed(datatype: DataType, text: str, now_ms: int) -> Any:
    if datatype.kind in INTEGRAL:  # `n<2.5` makes sense, and so does `n<1e12` for a byte
        return plain(_number(text))
    if datatype.kind is Kind.TIMESTAMP:
        return _moment(text, now_ms, numbers=True)
    if datatype.kind is Kind.DOUBLE:  # outputs may be NaN
        return parse(datatype, text, non_finite=True)
    return comparable(parse_text(datatype, text))


def _number(text: str) -> Number:
    number = number_of_text(text)
    if number is None:
        raise ValueProblem(f"expected a number, found {quote(text)}")
    return number


def plain(number: Number) -> int | float:
    """Return a number as Python compares it: whole ones as int, exactly, others as the nearest double."""
    if number.exact == number.exact.to_integral_value() and number.exact.adjusted() < 25:
        return int(number.exact)
    return nearest_double(Number(number.exact, whole=False), str(number.exact), "number")


def _share(text: str) -> float:
    percent = text.endswith("%")
    number = number_of_text(text.removesuffix("%"))
    if number is None:
        raise ValueProblem(f"expected a share from 0 to 1, or a percentage such as 50%, found {quote(text)}")
    return float(number.exact / Decimal(100) if percent else number.exact)


def _microseconds(text: str) -> float:
    number = number_of_text(text)
    if number is not None:
        raise ValueProblem(f"expected a duration with a unit, such as 90s or 250ms, found {quote(text)}")
    return parse_duration(text).ms * _MICROSECONDS_OF_MS


def _moment(text: str, now_ms: int, *, numbers: bool = False) -> int:
    """Read a moment; a duration is that long ago, a day its midnight in UTC."""
    if _DAY.fullmatch(text):
        text += "T00:00:00Z"
    if number_of_text(text) is not None and not numbers:
        raise ValueProblem(f"expected a time or a span before now, such as 2d or 90min, found {quote(text)}")
    try:
        return parse_timestamp(text).epoch_ms
    except ValueProblem as problem:
        try:
            return now_ms - parse_duration(text).ms
        except ValueProblem:
            form = "a day such as 2026-01-31, or a span before now, such as 2d"
            raise ValueProblem(f"{problem.message}; {form} is fine too") from None


def comparable(value: Any) -> Any:
    """Return a Python value of `accio.domain.values` as it is compared."""
    match value:
        case Distance(meters=meters):
            return meters
        case Duration(ms=ms):
            return ms
        case Timestamp(epoch_ms=epoch_ms):
            return epoch_ms
        case _:
            return value


def comparable_text(datatype: DataType, canonical: str) -> Any:
    """Return the canonical text of a value as it is compared; None if it is no value."""
    return None if canonical == NO_VALUE else comparable(decode(datatype, canonical))


_KINDS_OF: Mapping[type, Kind] = {
    bool: Kind.BOOLEAN,
    int: Kind.LONG,
    float: Kind.DOUBLE,
    Distance: Kind.DISTANCE,
    Duration: Kind.DURATION,
    Timestamp: Kind.TIMESTAMP,
}


def read_like(value: Any, text: str, now_ms: int) -> Any:
    """Read *text* as what *value* is, for parameters of runs that differ; None if it is no such value."""
    kind = _KINDS_OF.get(type(value))
    return text if kind is None else read_typed(DataType(kind), text, now_ms)


def read_typed(datatype: DataType, text: str, now_ms: int) -> Any:
    """Read *text* as a value of a type, in comparable form; None if it is no such value."""
    try:
        return _typed(datatype, text, now_ms)
    except ValueProblem:
        return None


def has_order(reads: Reading) -> bool:
    """Return whether values can be less or more than others."""
    if isinstance(reads, DataType):
        return not reads.args and reads.kind not in (Kind.BOOLEAN, Kind.STRING, Kind.DATASET, Kind.LOCATION)
    return reads not in (Reads.TEXT, Reads.CHOICE, Reads.WORKFLOW)


def is_text(reads: Reading) -> bool:
    """Return whether a text can be contained in values."""
    if isinstance(reads, DataType):
        return reads.kind in (Kind.STRING, Kind.DATASET)
    return reads in (Reads.TEXT, Reads.CHOICE, Reads.WORKFLOW, Reads.ANY)
