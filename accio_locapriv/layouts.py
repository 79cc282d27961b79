"""Reads the lines of a text file of events, whatever their layout.

A file is parsed at once by Arrow; only one that Arrow can't parse, or that holds impossible values, is read line by
line, to name what is wrong with which line or to leave it out.
"""

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from accio.domain.quantities import FIRST_MS, LAST_MS
from accio_locapriv.arrays import Floats, Ints
from accio_locapriv.arrow import floats_in, ints_in

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_NO_UTF_8 = "\ufffd"  # what decoding puts in the place of bytes that are none
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)

_ARROW_TYPES = {
    "lat": "double", "lng": "double", "time": "int64", "seconds": "int64", "date": "date32", "clock": "time32[s]",
    "user": "string",
}  # fmt: skip
_COORDINATES = {"lat": ("latitude", 90.0), "lng": ("longitude", 180.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the lines of a file are to be read.

    `columns` names the fields: lat, lng, user, and the time as `time` (epoch ms), `seconds` (epoch s) or the pair
    `date` and `clock` (UTC); other names are skipped over. The first `skip` lines hold no events.
    """

    columns: tuple[str, ...]
    delimiter: str = ","
    skip: int = 0

    def __str__(self) -> str:
        return self.delimiter.join(self.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The events of one file in the order of its lines; `user_of` indexes `users`, if the lines name users."""

    lat: Floats
    lng: Floats
    time: Ints
    users: tuple[str, ...] = ()
    user_of: Ints | None = None
    malformed: int = 0


class MalformedLine(ValueError):
    """A line can't be read."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


def read_rows(data: bytes, layout: Layout, *, skip_malformed: bool) -> Rows:
    """Read a whole file. Raises MalformedLine at the first bad line unless they are to be skipped and counted."""
    rows = _at_once(data, layout)
    return rows if rows is not None else _line_by_line(data, layout, skip_malformed=skip_malformed)


def _at_once(data: bytes, layout: Layout) -> Rows | None:
    """Parse the file with Arrow; None if anything about it needs a closer look."""
    wanted = [name for name in layout.columns if name in _ARROW_TYPES]
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            arrow_csv.ReadOptions(column_names=list(layout.columns), skip_rows=layout.skip, use_threads=False),
            arrow_csv.ParseOptions(delimiter=layout.delimiter),
            arrow_csv.ConvertOptions(
                column_types={name: pa.type_for_alias(_ARROW_TYPES.get(name, "string")) for name in layout.columns},
                include_columns=wanted,
                null_values=[],
            ),
        )
    except pa.ArrowException:
        return None
    if any(table[name].null_count for name in wanted):
        return None
    lat, lng = floats_in(table["lat"]), floats_in(table["lng"])
    if not (_all_within(lat, 90.0) and _all_within(lng, 180.0)):
        return None
    time = _time_column(table)
    if not np.all((time >= FIRST_MS) & (time <= LAST_MS)):
        return None
    if "user" not in wanted:
        return Rows(lat=lat, lng=lng, time=time)
    column = table["user"].combine_chunks().dictionary_encode()
    users = tuple(column.dictionary.to_pylist())
    if any(not user or user != user.strip() for user in users):
        return None
    return Rows(lat=lat, lng=lng, time=time, users=users, user_of=ints_in(column))


def _all_within(values: Floats, limit: float) -> bool:
    """Return whether every coordinate is a number in its range; NaN compares false."""
    return bool(np.all(np.abs(values) <= limit))


def _time_column(table: pa.Table) -> Ints:
    if "time" in table.column_names:
        return ints_in(table["time"])
    if "seconds" in table.column_names:
        return np.clip(ints_in(table["seconds"]), FIRST_MS, LAST_MS) * 1000  # far out of range, not around and back
    return (ints_in(table["date"]) * 86_400 + ints_in(table["clock"])) * 1000


def _line_by_line(data: bytes, layout: Layout, *, skip_malformed: bool) -> Rows:
    lat, lng, time = list[float](), list[float](), list[int]()
    users, user_of = dict[str, int](), list[int]()
    malformed = 0
    for number, line in _numbered(data, layout.skip):
        try:
            fields = _fields(line, layout)
            event = _coordinate("lat", fields["lat"]), _coordinate("lng", fields["lng"]), _milliseconds(fields)
            user = _user(fields) if "user" in fields else ""
        except ValueError as error:
            if not skip_malformed:
                raise MalformedLine(number, str(error)) from None
            malformed += 1
            continue
        lat.append(event[0])
        lng.append(event[1])
        time.append(event[2])
        user_of.append(users.setdefault(user, len(users)))
    named = "user" in layout.columns
    return Rows(
        lat=np.asarray(lat, dtype=np.float64),
        lng=np.asarray(lng, dtype=np.float64),
        time=np.asarray(time, dtype=np.int64),
        users=tuple(users) if named else (),
        user_of=np.asarray(user_of, dtype=np.int64) if named else None,
        malformed=malformed,
    )


def _numbered(data: bytes, skip: int) -> Iterator[tuple[int, str]]:
    """Yield the lines that hold something, with their numbers from 1."""
    text = data.decode("utf-8-sig", errors="replace")
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        if number > skip and line.strip():
            yield number, line


def first_line(data: bytes) -> tuple[int, str] | None:
    """Return the first line that holds something, with its number; None in an empty file."""
    return next(_numbered(data[:65_536], 0), None)


def split_fields(line: str, delimiter: str = ",") -> Sequence[str]:
    """Return the fields of one line, without the blanks around them."""
    return [field.strip() for field in next(csv.reader([line], delimiter=delimiter))]


def usual_width(data: bytes) -> int:
    """Return how many fields most of the first lines of a comma-separated file have."""
    widths = [len(split_fields(line)) for _, line in _numbered(data[:65_536], 0)]
    return max(widths, key=widths.count, default=0)


def _fields(line: str, layout: Layout) -> dict[str, str]:
    fields = split_fields(line, layout.delimiter)
    if len(fields) != len(layout.columns):
        raise ValueError(f"expected {len(layout.columns)} fields ({layout}), found {len(fields)}: {line[:80]!r}")
    return dict(zip(layout.columns, fields, strict=True))


def _coordinate(name: str, text: str) -> float:
    label, limit = _COORDINATES[name]
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not abs(value) <= limit:
        raise ValueError(f"expected a {label} from -{limit:.0f} to {limit:.0f} degrees, found {text[:80]!r}")
    return value


def _milliseconds(fields: dict[str, str]) -> int:
    if "date" in fields:
        text = f"{fields['date']} {fields['clock']}"
        try:
            moment = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            raise ValueError(f"expected a date and a time (2008-10-23 02:53:04), found {text[:80]!r}") from None
        return int(moment.timestamp()) * 1000  # whole seconds, which a double holds exactly
    name, unit, factor = ("time", "milliseconds", 1) if "time" in fields else ("seconds", "seconds", 1000)
    text = fields[name]
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"expected a whole number of {unit} since 1970, found {text[:80]!r}")
    milliseconds = int(text) * factor
    if not FIRST_MS <= milliseconds <= LAST_MS:
        raise ValueError(f"expected a time in {unit} between the years 1 and 9999, found {text}")
    return milliseconds


def _user(fields: dict[str, str]) -> str:
    user = fields["user"]
    if not user:
        raise ValueError("expected the user's name, found an empty field")
    if _NO_UTF_8 in user:
        raise ValueError(f"expected the user's name in UTF-8, found {user[:80]!r}")
    return user
