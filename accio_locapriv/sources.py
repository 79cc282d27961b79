"""Reads folders of recorded traces: plain CSV, Cabspotting and Geolife.

Each source yields files with the user that their name stands for; what all have in common happens once. Files may be
compressed with gzip, whatever they are called.
"""

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accio_locapriv.arrays import Floats, Ints
from accio_locapriv.errors import DataError
from accio_locapriv.layouts import Layout, MalformedLine, Rows, first_line, read_rows, split_fields, usual_width
from accio_locapriv.traces import Traces, assemble

KINDS = ("csv", "cabspotting", "geolife")

_GZIP = b"\x1f\x8b"
_CABSPOTTING = ("lat", "lng", "occupancy", "seconds")
_GEOLIFE = ("lat", "lng", "zero", "altitude", "days", "date", "clock")
_GEOLIFE_HEADER_LINES = 6
_HEADERLESS = {3: ("lat", "lng", "time"), 4: ("user", "lat", "lng", "time")}
_KNOWN_HEADINGS = {"lat", "lng", "time"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a source gave; `malformed` counts the lines that were skipped."""

    traces: Traces
    malformed: int


def load(url: Path, kind: str, users: Sequence[str] = (), *, skip_malformed: bool = False) -> Loaded:
    """Read all traces, or those of the named users; a trace per user, named like the user.

    Raises DataError naming file and line of what can't be parsed.
    """
    wanted = frozenset(users)
    collected = _Collected(wanted)
    for file, user in _files(url, kind):
        data = _content(file)
        layout = _layout(file, data, kind, skip_malformed=skip_malformed)
        if layout is None:
            collected.add_user(user)
        elif "user" in layout.columns or collected.wants(user):
            try:
                rows = read_rows(data, layout, skip_malformed=skip_malformed)
            except MalformedLine as bad:
                hint = "correct the line, or set skip_malformed to leave such lines out"
                raise DataError(f"{file}, line {bad.line}: {bad.reason}; {hint}") from None
            collected.add(rows, user)
    return Loaded(traces=collected.traces(), malformed=collected.malformed)


class _Collected:
    """The users and events found so far."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self.malformed = 0
        self._wanted = wanted
        self._users: dict[str, int] = {}
        self._owners: list[Ints] = []
        self._lat: list[Floats] = []
        self._lng: list[Floats] = []
        self._time: list[Ints] = []

    def wants(self, user: str) -> bool:
        return not self._wanted or user in self._wanted

    def add_user(self, user: str) -> int:
        """Return the user's index, -1 for one who isn't wanted."""
        return self._users.setdefault(user, len(self._users)) if self.wants(user) else -1

    def add(self, rows: Rows, user_of_file: str) -> None:
        """Add the events of one file; lines that name their users overrule the file's name."""
        self.malformed += rows.malformed
        if rows.user_of is None or not len(rows.time):
            owners = np.full(len(rows.time), self.add_user(user_of_file), dtype=np.int64)
        else:
            owners = np.asarray([self.add_user(user) for user in rows.users], dtype=np.int64)[rows.user_of]
        keep = owners >= 0
        columns = (self._owners, owners), (self._lat, rows.lat), (self._lng, rows.lng), (self._time, rows.time)
        for collected, column in columns:
            collected.append(column if keep.all() else column[keep])  # type: ignore[arg-type] # pairs of equal types

    def traces(self) -> Traces:
        users = list(self._users)
        return assemble(
            users,
            users,
            np.concatenate([np.zeros(0, dtype=np.int64), *self._owners]),
            np.concatenate([np.zeros(0), *self._lat]),
            np.concatenate([np.zeros(0), *self._lng]),
            np.concatenate([np.zeros(0, dtype=np.int64), *self._time]),
        )


def _files(url: Path, kind: str) -> Iterator[tuple[Path, str]]:
    """Return the files of a source in the order of their paths, each with the user of its name."""
    listing: Callable[[Path], Iterator[tuple[Path, str]]]
    match kind:
        case "csv":
            listing, expected = _csv_files, "files named <user>.csv or <user>.csv.gz"
        case "cabspotting":
            listing, expected = _cabspotting_files, "files named new_<user>.txt"
        case "geolife":
            listing, expected = _geolife_files, "folders named <user>, each with a folder Trajectory of .plt files"
        case _:
            raise DataError(f"kind: expected one of {', '.join(KINDS)}, found {kind!r}")
    if not url.exists():
        raise DataError(f"{url}: expected a folder with {expected}, found nothing there")
    found = list(listing(url))
    if not found:
        raise DataError(f"{url}: expected {expected} (kind {kind!r}), found none")
    seen = dict[Path, Path]()
    for path, user in found:
        other = seen.setdefault(path.with_name(path.name.removesuffix(".gz")), path)
        if other is not path:
            raise DataError(f"{path}: expected one file per user and name, found {other.name} as well")
        if user.encode(errors="replace").decode() != user:
            raise DataError(f"{str(path)!a}: expected a name in UTF-8, found other bytes")
    return iter(found)


def _csv_files(url: Path) -> Iterator[tuple[Path, str]]:
    paths = sorted(url.iterdir()) if url.is_dir() else [url]
    for path in paths:
        name = path.name.removesuffix(".gz")
        if path.is_dir() or name.startswith(".") or (url.is_dir() and not name.endswith(".csv")):
            continue
        yield path, name.removesuffix(".csv")


def _cabspotting_files(url: Path) -> Iterator[tuple[Path, str]]:
    paths = sorted(url.iterdir()) if url.is_dir() else [url]
    for path in paths:
        name = path.name.removesuffix(".gz")
        if name.startswith("new_") and name.endswith(".txt"):
            yield path, name.removeprefix("new_").removesuffix(".txt")


def _geolife_files(url: Path) -> Iterator[tuple[Path, str]]:
    for folder in sorted(url.iterdir()) if url.is_dir() else ():
        trajectory = folder / "Trajectory"
        for path in sorted(trajectory.iterdir()) if trajectory.is_dir() else ():
            if path.name.removesuffix(".gz").endswith(".plt"):
                yield path, folder.name


def _content(file: Path) -> bytes:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file}: expected a file that can be read, found none ({error.strerror})") from None
    if not data.startswith(_GZIP):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file}: expected gzip data, which it begins like, found damage ({error})") from None


def _layout(file: Path, data: bytes, kind: str, *, skip_malformed: bool) -> Layout | None:
    """Return how the lines of a file look; None if it has none."""
    first = first_line(data)
    if first is None:
        return None
    if kind == "cabspotting":
        return Layout(columns=_CABSPOTTING, delimiter=" ")
    if kind == "geolife":
        return Layout(columns=_GEOLIFE, skip=_GEOLIFE_HEADER_LINES)
    number, line = first
    fields = split_fields(line)
    headings = [field.lower() for field in fields]
    if not _KNOWN_HEADINGS.isdisjoint(headings):
        return Layout(columns=_columns_of_header(file, number, headings), skip=number)
    columns = _HEADERLESS.get(len(fields))
    if columns is None and skip_malformed:
        return Layout(columns=_HEADERLESS.get(usual_width(data), _HEADERLESS[3]))
    if columns is None:
        raise DataError(
            f"{file}, line {number}: expected lat,lng,ms or user,lat,lng,ms or a header with lat, lng and time, "
            f"found {line[:80]!r}"
        )
    return Layout(columns=columns, skip=number - 1)


def _columns_of_header(file: Path, number: int, headings: Sequence[str]) -> tuple[str, ...]:
    columns = tuple("user" if heading in {"id", "user"} else heading for heading in headings)
    known = [name for name in columns if name in {*_KNOWN_HEADINGS, "user"}]
    if not _KNOWN_HEADINGS.issubset(known) or len(set(known)) != len(known):
        raise DataError(
            f"{file}, line {number}: expected a header with lat, lng, time and perhaps id, each once, "
            f"found {','.join(headings)}"
        )
    # What else the file has is skipped over; a name that a layout understands must not be mistaken for it.
    return tuple(name if name in known else f"column {place}" for place, name in enumerate(columns, start=1))
