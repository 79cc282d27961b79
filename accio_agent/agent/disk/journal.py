"""The agent's memory on its own disk: which attempts were begun, and the reports that the daemon hasn't acknowledged.

One append-only file. A record is its length, its CRC and a body; what a batch of events has to say is one write. It is
written, not synced: it survives the death of every process, and a machine that loses power is a lost agent anyway. A
torn or damaged tail is cut off. When most of the file is past it is written anew and takes the old one's place. It says
which history of a daemon its attempts belong to; see `aside`.
"""

import errno
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import field
from pathlib import Path

from accio.late import dataclass
from accio.wire.report_columns import Numbered

_HEAD = struct.Struct("<II")
_PAIR = struct.Struct("<BQQ")
_PLAIN_HEAD = struct.Struct("<BI")
_PLAIN_ROW = struct.Struct("<I10Q")
_NUMBERS = 8  # bytes of each number of a list
_BEGUN, _REPORT, _ACKED, _FORGOTTEN, _NEXT, _HISTORY, _PLAIN = range(1, 8)
COMPACT_FROM = 8 << 20
"""Below this size the file isn't worth compacting."""


@dataclass(slots=True)
class Remembered:
    """What the file says."""

    begun: set[int] = field(default_factory=set)  # attempts without a report
    reports: dict[int, tuple[int, bytes | Numbered]] = field(default_factory=dict)  # by number: attempt, report
    next_seq: int = 1
    history: str = ""  # which the attempts belong to, as the daemon said; empty if none has said


class Journal:
    """Opens or creates the file; `remembered` is what it held, kept up to date by what is written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.remembered = Remembered()
        with open(os.dup(self._fd), "rb") as file:  # noqa: PTH123 - the file is open already
            content = file.read()
        self._size = self._replay(content)
        os.ftruncate(self._fd, self._size)
        self._live = 0  # bytes of reports that aren't acknowledged
        self._batch: list[bytes] = []
        self._plain: list[bytes] = []  # rows of the record of plain reports that ends the batch
        self._compact()

    def close(self) -> None:
        os.close(self._fd)

    def belongs_to(self, history: str) -> None:
        """Note which history the attempts are of, to be written before all that follows from it."""
        self.remembered.history = history
        self._batch.append(_record(bytes([_HISTORY]) + history.encode()))

    def begun(self, attempts: list[int]) -> None:
        """Note, to be written, attempts that are about to be handed to workers."""
        self.remembered.begun.update(attempts)
        self._add(_BEGUN, attempts)

    def report(self, seq: int, attempt: int, content: bytes) -> None:
        """Note, to be written, an attempt's report."""
        remembered = self.remembered
        remembered.begun.discard(attempt)
        remembered.reports[seq] = (attempt, content)
        remembered.next_seq = seq + 1
        self._live += len(content)
        self._batch.append(_record(_PAIR.pack(_REPORT, seq, attempt) + content))

    def plain(self, reports: Iterable[Numbered]) -> None:
        """Add plain reports to what is to be written. Those of a batch are one record."""
        remembered, rows = self.remembered, self._plain
        kept, begun, before = remembered.reports, remembered.begun, len(self._plain)
        for each in reports:
            seq, report = each
            attempt = report[0]
            begun.discard(attempt)
            kept[seq] = (attempt, each)
            outputs = report[-1]
            rows.append(_PLAIN_ROW.pack(len(outputs), seq, *report[:-1]) + outputs)
            remembered.next_seq = seq + 1
        self._live += sum(map(len, rows[before:]))

    def acknowledged(self, seqs: list[int]) -> None:
        """Note, to be written, reports that the daemon has."""
        for seq in seqs:
            found = self.remembered.reports.pop(seq, None)
            if found is not None:
                self._live -= _size(found[1])
        self._add(_ACKED, seqs)

    def forgotten(self, attempts: list[int]) -> None:
        """Note, to be written, attempts for which nobody will ask again."""
        self.remembered.begun.difference_update(attempts)
        self._add(_FORGOTTEN, attempts)

    def write(self) -> None:
        """Write what was added since the last call. OSError if the disk refuses; then it is kept for the next call."""
        if self._plain:
            self._batch.append(_plain_record(self._plain))
            self._plain.clear()
        if not self._batch:
            return
        data = b"".join(self._batch)
        try:
            written = os.write(self._fd, data)
            if written != len(data):
                raise OSError(errno.ENOSPC, f"only {written} of {len(data)} bytes could be written to {self._path}")
        except OSError:
            self._batch = [data]
            with suppress(OSError):
                os.ftruncate(self._fd, self._size)
            raise
        self._batch.clear()
        self._size += len(data)
        if self._size > COMPACT_FROM and self._size > 4 * self._live:
            self._compact()

    def _add(self, kind: int, numbers: list[int]) -> None:
        if numbers:
            self._batch.append(_record(bytes([kind]) + struct.pack(f"<{len(numbers)}Q", *numbers)))

    def _compact(self) -> None:
        """Write a new file that holds what still matters, and let it take the place of this one."""
        remembered = self.remembered
        records = [_record(_PAIR.pack(_NEXT, remembered.next_seq, 0))]
        if remembered.history:
            records.append(_record(bytes([_HISTORY]) + remembered.history.encode()))
        begun = sorted(remembered.begun)
        if begun:
            records.append(_record(bytes([_BEGUN]) + struct.pack(f"<{len(begun)}Q", *begun)))
        self._live = 0
        for seq, (attempt, content) in remembered.reports.items():
            if isinstance(content, tuple):
                seq, report = content
                records.append(_plain_record([_PLAIN_ROW.pack(len(report[-1]), seq, *report[:-1]) + report[-1]]))
            else:
                records.append(_record(_PAIR.pack(_REPORT, seq, attempt) + content))
            self._live += _size(content)
        data = b"".join(records)
        draft = self._path.with_suffix(".new")
        fd = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            if os.write(fd, data) != len(data):
                raise OSError(errno.ENOSPC, f"{draft} could not be written as a whole")
            draft.replace(self._path)
        except OSError:  # no room: the old file goes on
            os.close(fd)
            return
        os.close(self._fd)
        self._fd = fd
        self._size = len(data)

    def _replay(self, content: bytes) -> int:
        """Apply the records; where the last good one ends."""
        end = 0
        for body, after in _records(content):
            self._apply(body)
            end = after
        return end

    def _apply(self, body: bytes) -> None:
        remembered = self.remembered
        kind = body[0]
        if kind in (_REPORT, _NEXT):
            _, seq, attempt = _PAIR.unpack_from(body)
            remembered.next_seq = max(remembered.next_seq, seq + (kind == _REPORT))
            if kind == _REPORT:
                remembered.begun.discard(attempt)
                remembered.reports[seq] = (attempt, body[_PAIR.size :])
            return
        if kind == _HISTORY:
            remembered.history = body[1:].decode()
            return
        if kind == _PLAIN:
            for seq, report in _plain_reports(body):
                remembered.next_seq = max(remembered.next_seq, seq + 1)
                remembered.begun.discard(report[0])
                remembered.reports[seq] = (report[0], (seq, report))
            return
        numbers: Iterable[int] = struct.unpack(f"<{(len(body) - 1) // 8}Q", body[1:])
        if kind == _BEGUN:
            remembered.begun.update(numbers)
        elif kind == _ACKED:
            for seq in numbers:
                remembered.reports.pop(seq, None)
        else:
            remembered.begun.difference_update(numbers)


def _size(report: bytes | Numbered) -> int:
    return len(report) if isinstance(report, bytes) else _PLAIN_ROW.size + len(report[1][-1])


def _plain_record(rows: list[bytes]) -> bytes:
    """Write plain reports. The record is as long as one of attempts that nobody will ask for: an earlier version of the
    agent takes it for that, and has these attempts executed again, where it would end at any other length.
    """
    body = _PLAIN_HEAD.pack(_PLAIN, len(rows)) + b"".join(rows)
    return _record(body + bytes(-(len(body) - 1) % _NUMBERS))


def _plain_reports(body: bytes) -> Iterator[Numbered]:
    _, count = _PLAIN_HEAD.unpack_from(body)
    at = _PLAIN_HEAD.size
    for _ in range(count):
        length, seq, *numbers = _PLAIN_ROW.unpack_from(body, at)
        start = at + _PLAIN_ROW.size
        at = start + length
        attempt, wall, user, system, peak, bytes_in, bytes_out, started, log_bytes = numbers
        yield seq, (attempt, wall, user, system, peak, bytes_in, bytes_out, started, log_bytes, body[start:at])


def _record(body: bytes) -> bytes:
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def _records(content: bytes) -> Iterator[tuple[bytes, int]]:
    """Return the bodies of the records up to the first damaged one, each with the place where it ends."""
    at = 0
    while at + _HEAD.size <= len(content):
        length, crc = _HEAD.unpack_from(content, at)
        end = at + _HEAD.size + length
        body = content[at + _HEAD.size : end]
        if length == 0 or len(body) != length or zlib.crc32(body) != crc:
            return
        yield body, end
        at = end
