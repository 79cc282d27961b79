"""From log chunks to lines: pieces of a line are joined, and what a re-opened stream repeats is left out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from accio.domain.ids import NodeName, RunId
from accio_client.moments import moment
from accio_client.views import LogLine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accio.v1 import accio_pb2

_Key = tuple[str, str, int, bool]  # run, node, attempt, stderr

LONGEST_LINE = 1 << 20
"""Bytes of a line that are held back while its end hasn't come; more are given as a line of their own."""


class LogReader:
    """Reads the chunks of one call of Logs, and of the calls that take its place when the daemon was away."""

    def __init__(self, *, follow: bool = False) -> None:
        """With *follow*, what is written over again on one line (a progress bar) comes as lines, as it is written."""
        self._follow = follow
        self._drawn: set[_Key] = set()  # whose last line ended with a carriage return
        self._pieces: dict[_Key, tuple[int, bytearray]] = {}
        self._given: Counter[_Key] = Counter()
        self._repeated: Counter[_Key] = Counter()
        self._notes: set[tuple[str, str, int, str]] = set()

    def begin_again(self) -> None:
        """Forget what was told: the stream was opened anew and tells everything from the beginning."""
        self._pieces.clear()
        self._repeated = self._given.copy()

    def read(self, chunk: accio_pb2.LogChunk) -> Iterator[LogLine]:
        """Yield the whole lines that *chunk*, with those that came along, completes."""
        yield from self._read(chunk)
        for each in chunk.further:
            yield from self._read(each)

    def _read(self, chunk: accio_pb2.LogChunk) -> Iterator[LogLine]:
        if chunk.note and (noted := (chunk.run, chunk.node, chunk.attempt, chunk.note)) not in self._notes:
            self._notes.add(noted)
            yield self._line((chunk.run, chunk.node, chunk.attempt, True), 0, chunk.note, is_note=True)
        for piece in chunk.lines:
            key = (chunk.run, chunk.node, chunk.attempt, piece.stderr)
            at_ms, held = self._pieces.pop(key, (piece.at_ms, bytearray()))
            held += piece.data
            if self._follow and self._is_drawn(key, held):
                if held.strip(b"\r\n"):
                    yield from self._whole(key, at_ms, held)
            elif held.endswith(b"\n") or len(held) >= LONGEST_LINE:
                yield from self._whole(key, at_ms, held)
            else:
                self._pieces[key] = (at_ms, held)

    def _is_drawn(self, key: _Key, held: bytearray) -> bool:
        """Return whether a line ends with a carriage return; the line feed that may belong to it is a part of it."""
        if held.endswith(b"\r"):
            self._drawn.add(key)
            return True
        after = key in self._drawn and held == b"\n"
        self._drawn.discard(key)
        return after

    def rest(self) -> Iterator[LogLine]:
        """Yield the unfinished ends, once nothing more can come."""
        for key, (at_ms, held) in self._pieces.items():
            yield from self._whole(key, at_ms, held)
        self._pieces.clear()

    def _whole(self, key: _Key, at_ms: int, data: bytearray) -> Iterator[LogLine]:
        if self._repeated[key] > 0:
            self._repeated[key] -= 1
            return
        self._given[key] += 1
        text = bytes(data).decode(errors="replace").removesuffix("\n").removesuffix("\r")
        yield self._line(key, at_ms, text, is_note=False)

    def _line(self, key: _Key, at_ms: int, text: str, *, is_note: bool) -> LogLine:
        run, node, attempt, stderr = key
        return LogLine(
            run=RunId(run),
            node=NodeName(node),
            attempt=attempt,
            stderr=stderr,
            at=moment(at_ms),
            text=text,
            is_note=is_note,
        )
