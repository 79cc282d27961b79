"""What operators printed: segment files in the agent's folder, never a file per node.

A segment is a sequence of records (attempt, stream, time, bytes). A table in memory has, for each attempt, the range of
a segment that holds its records; a full segment keeps its table in a file beside it. So reading a log reads that range
alone, and reading on reads only what was appended since. The oldest segments are removed when all together exceed a
limit. An attempt's log is cut at a limit of its own, and says so. Offsets count an attempt's bytes, both streams
together.
"""

import errno
import os
import struct
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import NamedTuple

from accio.late import dataclass
from accio.latest import Latest

ATTEMPT_LIMIT = 64 << 20
SEGMENT_SIZE = 64 << 20
TOTAL_LIMIT = 2 << 30
ANSWER_LIMIT = 256 << 10
OUT, ERR, NOTE = 0, 1, 2

_HEAD = struct.Struct("<QBQI")  # attempt, stream, epoch milliseconds, length
_SPAN = struct.Struct("<QQQ")  # attempt, where its first record begins, where its last one ends
_MARKS = 256  # attempts that were read in part


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive bytes of one stream, read at one time."""

    stream: int
    at_ms: int
    data: bytes


@dataclass(slots=True)
class Extract:
    """A part of an attempt's log."""

    pieces: list[Piece] = field(default_factory=list)
    next_offset: int = 0
    complete: bool = True  # all that has been stored is in it
    note: str = ""


@dataclass(slots=True)
class _Open:
    """An attempt that is still being written about."""

    size: int = 0
    left_out: int = 0


class _Mark(NamedTuple):
    """A record of an attempt, and how many of the attempt's bytes stand before it."""

    segment: int
    place: int
    position: int


class _Record(NamedTuple):
    """A record that hasn't been read."""

    segment: int
    place: int
    stream: int
    at_ms: int
    length: int


@dataclass(slots=True)
class _Full:
    """A full segment, in the system's memory as far as it is read."""

    log: mmap | bytes
    spans: mmap | bytes


class LogStore:
    """The log files of one agent; used by one task."""

    def __init__(
        self,
        folder: Path,
        *,
        attempt_limit: int = ATTEMPT_LIMIT,
        segment_size: int = SEGMENT_SIZE,
        total_limit: int = TOTAL_LIMIT,
    ) -> None:
        self._folder = folder
        self._attempt_limit = attempt_limit
        self._segment_size = segment_size
        self._segments_limit = max(2, total_limit // segment_size)
        folder.mkdir(parents=True, exist_ok=True)
        self._segments = sorted(int(path.stem) for path in folder.glob("*.log") if path.stem.isdigit())
        self._first: dict[int, int] = {}  # of the last segment: where an attempt's first record begins
        self._ends: dict[int, int] = {}  # and where its last one ends, if it has several
        self._full: dict[int, _Full] = {}  # full segments that were read from
        self._marks: Latest[int, _Mark] = Latest(_MARKS)  # where reading goes on, by attempt
        self._open: dict[int, _Open] = {}
        self._fd = -1
        self._end = 0
        for number in self._segments:
            if not self._spans_path(number).exists() and not self._table_path(number).exists():
                self._write_spans(number)
        self._begin_segment()

    def close(self) -> None:
        self._full.clear()
        os.close(self._fd)

    # --- writing -----------------------------------------------------------------------------------------------------

    def append(self, attempt: int, stream: int, at_ms: int, data: bytes) -> None:
        """Keep bytes that an attempt printed; what the disk refuses is left out, as is what exceeds the limit."""
        state = self._open.get(attempt)
        if state is None:
            state = self._open[attempt] = _Open()
        room = self._attempt_limit - state.size
        if len(data) > room:
            state.left_out += len(data) - room
            data = data[:room]
        if data:
            try:
                self._write(attempt, stream, at_ms, data)
            except OSError:
                state.left_out += len(data)
            else:
                state.size += len(data)

    def finish(self, attempt: int, at_ms: int) -> int:
        """Note that nothing more will come of an attempt; return the number of its bytes."""
        state = self._open.pop(attempt, None)
        if state is None:
            return 0
        if state.left_out:
            note = f"the log was cut after {state.size:,} bytes; {state.left_out:,} bytes were left out"
            with suppress(OSError):
                self._write(attempt, NOTE, at_ms, note.encode())
        return state.size

    def _write(self, attempt: int, stream: int, at_ms: int, data: bytes) -> None:
        if self._end > self._segment_size:
            self._keep_spans(self._segments[-1], {each: self._span(each) for each in self._first})
            os.close(self._fd)
            self._begin_segment()
        place = self._end
        record = _HEAD.pack(attempt, stream, at_ms, len(data)) + data
        written = os.write(self._fd, record)
        if written != len(record):
            os.ftruncate(self._fd, self._end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._end += written
        if self._first.setdefault(attempt, place) != place:
            self._ends[attempt] = self._end

    def _begin_segment(self) -> None:
        number = self._segments[-1] + 1 if self._segments else 1
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(self._path(number), flags, 0o600)
        self._segments.append(number)
        self._first, self._ends = {}, {}
        self._end = 0
        while len(self._segments) > self._segments_limit:
            oldest = self._segments.pop(0)
            self._full.pop(oldest, None)
            for path in (self._path(oldest), self._spans_path(oldest), self._table_path(oldest)):
                with suppress(FileNotFoundError):
                    path.unlink()

    # --- reading -----------------------------------------------------------------------------------------------------

    def read(self, attempt: int, offset: int, limit: int = ANSWER_LIMIT) -> Extract:
        """Return an attempt's log from *offset* on, at most about *limit* bytes of it."""
        extract = Extract(next_offset=offset)
        mark = self._marks.pop(attempt, None)
        if mark is not None and (mark.position > offset or mark.segment not in self._segments):
            mark = None
        position = mark.position if mark else 0
        for record in self._records(attempt, mark):
            if record.stream == NOTE:
                extract.note = self._data(record).decode()
                continue
            self._marks.keep(attempt, _Mark(record.segment, record.place, position))
            start, position = position, position + record.length
            if position <= offset:
                continue
            data = self._data(record)[max(0, offset - start) :]
            room = limit - (extract.next_offset - offset)
            if room > 0:
                extract.pieces.append(Piece(record.stream, record.at_ms, data[:room]))
                extract.next_offset += len(data[:room])
            if len(data) > room:
                extract.complete = False
                return extract
        if attempt not in self._open:
            self._marks.pop(attempt, None)
        return extract

    def _records(self, attempt: int, mark: _Mark | None) -> Iterator[_Record]:
        """Find an attempt's records, from a mark on."""
        for number in list(self._segments):
            if mark is not None and number < mark.segment:
                continue
            span = self._span(attempt) if number == self._segments[-1] else self._find(number, attempt)
            if span is not None:
                place, end = span
                yield from self._between(number, attempt, mark.place if mark and mark.segment == number else place, end)

    def _between(self, number: int, attempt: int, place: int, end: int) -> Iterator[_Record]:
        while place < end:
            head = self._bytes(number, place, _HEAD.size)
            if len(head) < _HEAD.size:
                return
            owner, stream, at_ms, length = _HEAD.unpack(head)
            if owner == attempt:
                yield _Record(number, place, stream, at_ms, length)
            place += _HEAD.size + length

    def _data(self, record: _Record) -> bytes:
        return self._bytes(record.segment, record.place + _HEAD.size, record.length)

    def _bytes(self, number: int, place: int, length: int) -> bytes:
        if number == self._segments[-1]:
            return os.pread(self._fd, length, place)
        return bytes(self._of_full(number).log[place : place + length])

    def _span(self, attempt: int) -> tuple[int, int] | None:
        """Return between which places of the last segment an attempt's records are."""
        first = self._first.get(attempt)
        # Of a single record one byte tells that it is there: its own head says how long it is.
        return None if first is None else (first, self._ends.get(attempt, first + 1))

    def _find(self, number: int, attempt: int) -> tuple[int, int] | None:
        """Return between which places of a full segment an attempt's records are."""
        spans = self._of_full(number).spans
        count = len(spans) // _SPAN.size
        at = bisect_left(range(count), attempt, key=lambda index: _SPAN.unpack_from(spans, index * _SPAN.size)[0])
        if at == count:
            return None
        owner, first, end = _SPAN.unpack_from(spans, at * _SPAN.size)
        return (first, end) if owner == attempt else None

    def _of_full(self, number: int) -> _Full:
        found = self._full.get(number)
        if found is None:
            if not self._spans_path(number).exists():  # written by an earlier version, which kept other tables
                self._write_spans(number)
            found = self._full[number] = _Full(_mapped(self._path(number)), _mapped(self._spans_path(number)))
        return found

    def _write_spans(self, number: int) -> None:
        """Write the table of a segment whose writer died; an unfinished record at its end is cut off."""
        spans: dict[int, tuple[int, int]] = {}
        with self._path(number).open("r+b") as file:
            size = os.fstat(file.fileno()).st_size
            place = 0
            while len(head := file.read(_HEAD.size)) == _HEAD.size:
                owner, _, _, length = _HEAD.unpack(head)
                end = place + _HEAD.size + length
                if end > size:
                    break
                spans[owner] = (spans[owner][0] if owner in spans else place, end)
                place = file.seek(length, os.SEEK_CUR)
            file.truncate(place)
        self._keep_spans(number, spans)

    def _keep_spans(self, number: int, spans: Mapping[int, tuple[int, int] | None]) -> None:
        rows = sorted((attempt, *span) for attempt, span in spans.items() if span is not None)
        self._spans_path(number).write_bytes(b"".join(_SPAN.pack(*row) for row in rows))

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08}.log"

    def _spans_path(self, number: int) -> Path:
        return self._folder / f"{number:08}.spans"

    def _table_path(self, number: int) -> Path:
        """Return where earlier versions kept the places of first records alone."""
        return self._folder / f"{number:08}.table"


def _mapped(path: Path) -> mmap | bytes:
    """Map a file into memory; one that is empty or gone as nothing."""
    try:
        with path.open("rb") as file:
            return mmap(file.fileno(), 0, access=ACCESS_READ)
    except (FileNotFoundError, ValueError):
        return b""
