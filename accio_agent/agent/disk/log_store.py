"""What operators printed: segment files in the agent's folder, never a file per node.

A segment is a sequence of records (attempt, stream, time, bytes). A table in memory tells where each attempt's first
record in a segment is; a segment that is full keeps its table in a file beside it. The oldest segments go when all
together exceed a limit. An attempt's log is cut at a limit of its own, and says so. Offsets count an attempt's bytes,
both streams together.
"""

import errno
import os
import struct
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

ATTEMPT_LIMIT = 64 << 20
SEGMENT_SIZE = 64 << 20
TOTAL_LIMIT = 2 << 30
ANSWER_LIMIT = 256 << 10
OUT, ERR, NOTE = 0, 1, 2

_HEAD = struct.Struct("<QBQI")  # attempt, stream, epoch milliseconds, length
_ENTRY = struct.Struct("<QQ")  # attempt, place of its first record
_CLOSED_TABLES = 8


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
        self._table: dict[int, int] = {}  # of the last segment
        self._closed: OrderedDict[int, bytes] = OrderedDict()  # tables of full segments, read again when needed
        self._open: dict[int, _Open] = {}
        self._fd = -1
        self._end = 0
        for number in self._segments:
            if not self._table_path(number).exists():
                self._write_table(number, self._scan(number))
        self._begin_segment()

    def close(self) -> None:
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
        """Nothing more will come of an attempt; the number of its bytes."""
        state = self._open.pop(attempt, None)
        if state is None:
            return 0
        if state.left_out:
            note = f"the log was cut after {state.size:,} bytes; {state.left_out:,} bytes were left out"
            with suppress(OSError):
                self._write(attempt, NOTE, at_ms, note.encode())
        return state.size

    def is_open(self, attempt: int) -> bool:
        """Whether something was printed by an attempt that hasn't finished."""
        return attempt in self._open

    def _write(self, attempt: int, stream: int, at_ms: int, data: bytes) -> None:
        if self._end > self._segment_size:
            self._write_table(self._segments[-1], self._table)
            os.close(self._fd)
            self._begin_segment()
        place = self._end
        record = _HEAD.pack(attempt, stream, at_ms, len(data)) + data
        written = os.write(self._fd, record)
        if written != len(record):
            os.ftruncate(self._fd, self._end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._end += written
        self._table.setdefault(attempt, place)

    def _begin_segment(self) -> None:
        number = self._segments[-1] + 1 if self._segments else 1
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(self._path(number), flags, 0o600)
        self._segments.append(number)
        self._table = {}
        self._end = 0
        while len(self._segments) > self._segments_limit:
            oldest = self._segments.pop(0)
            self._closed.pop(oldest, None)
            for path in (self._path(oldest), self._table_path(oldest)):
                with suppress(FileNotFoundError):
                    path.unlink()

    # --- reading -----------------------------------------------------------------------------------------------------

    def read(self, attempt: int, offset: int, limit: int = ANSWER_LIMIT) -> Extract:
        """An attempt's log from *offset* on, at most about *limit* bytes of it."""
        extract = Extract(next_offset=offset)
        position = 0
        for piece in self._pieces(attempt):
            if piece.stream == NOTE:
                extract.note = piece.data.decode()
                continue
            start, position = position, position + len(piece.data)
            if position <= offset:
                continue
            data = piece.data[max(0, offset - start) :]
            room = limit - (extract.next_offset - offset)
            if room > 0:
                extract.pieces.append(Piece(piece.stream, piece.at_ms, data[:room]))
                extract.next_offset += len(data[:room])
            if len(data) > room:
                extract.complete = False
                return extract
        return extract

    def _pieces(self, attempt: int) -> Iterator[Piece]:
        for number in list(self._segments):
            start = self._table.get(attempt) if number == self._segments[-1] else self._find(number, attempt)
            if start is not None:
                yield from self._pieces_in(number, attempt, start)

    def _pieces_in(self, number: int, attempt: int, start: int) -> Iterator[Piece]:
        with self._path(number).open("rb") as file:
            file.seek(start)
            while len(head := file.read(_HEAD.size)) == _HEAD.size:
                owner, stream, at_ms, length = _HEAD.unpack(head)
                if owner == attempt:
                    yield Piece(stream, at_ms, file.read(length))
                else:
                    file.seek(length, os.SEEK_CUR)

    def _find(self, number: int, attempt: int) -> int | None:
        """Where an attempt's first record in a full segment is."""
        table = self._closed.get(number)
        if table is None:
            try:
                table = self._table_path(number).read_bytes()
            except FileNotFoundError:
                return None
            self._closed[number] = table
            if len(self._closed) > _CLOSED_TABLES:
                self._closed.popitem(last=False)
        count = len(table) // _ENTRY.size
        at = bisect_left(range(count), attempt, key=lambda index: _ENTRY.unpack_from(table, index * _ENTRY.size)[0])
        if at == count:
            return None
        owner, place = _ENTRY.unpack_from(table, at * _ENTRY.size)
        return int(place) if owner == attempt else None

    def _scan(self, number: int) -> dict[int, int]:
        """The table of a segment whose writer died; an unfinished record at its end is cut off."""
        table: dict[int, int] = {}
        with self._path(number).open("r+b") as file:
            size = os.fstat(file.fileno()).st_size
            place = 0
            while len(head := file.read(_HEAD.size)) == _HEAD.size:
                owner, _, _, length = _HEAD.unpack(head)
                if place + _HEAD.size + length > size:
                    break
                table.setdefault(owner, place)
                place = file.seek(length, os.SEEK_CUR)
            file.truncate(place)
        return table

    def _write_table(self, number: int, table: dict[int, int]) -> None:
        self._table_path(number).write_bytes(b"".join(_ENTRY.pack(*entry) for entry in sorted(table.items())))

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08}.log"

    def _table_path(self, number: int) -> Path:
        return self._folder / f"{number:08}.table"
