"""What agent and worker write to each other through their socket: length (4 bytes), kind (1 byte), body.

    agent → worker  WORK    length of a JSON text, the text, a serialised Work with assignments. The text:
                            [class number, class (once per worker) or null, [GPUs, processors],
                            {attempt: where its inputs are} or null]
                    HOLD    hand back what came before this and hasn't begun
    worker → agent  RESULT  attempt, duration, bytes printed so far, flags, a serialised Report (see `messages`):
                            in the shared page's ring, or through the socket if it is too large for that
                    PLAIN   the same of a success that says little: numbers, and its outputs in JSON
                    WAKE    there are results in the ring
                    BACK    JSON [attempt, …]: the answer to a HOLD
                    SAVED   JSON [attempt, digest, bytes, when]: a checkpoint is in the store; by the ring, as a RESULT
                    SERIES  a serialised AttemptSeries; by the ring alone, and left out if there is no room
                    DOUBT   JSON [attempt, [[path, how it was when it was read, or null], …]]: files that it may have
                            read otherwise than they were announced; before its result, whose flags say so
                    RETIRE  JSON text, why: the worker ends after this; what it holds hasn't begun

No frame is larger than 64 MiB: larger values travel as files.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum, IntFlag
from typing import Any, TypeAlias

import orjson

from accio.domain.attempts import PlainReport

HEADER = struct.Struct("<IB")
LENGTH = struct.Struct("<I")
RESULT = struct.Struct("<QQQQB")
_RESULT_FRAME = struct.Struct("<IBQQQQB")
_PLAIN = struct.Struct("<QQQQQQQQQQB")
_PLAIN_FRAME = struct.Struct("<IBQQQQQQQQQQB")
LIMIT = 64 << 20


class Kind(IntEnum):
    """What a frame says."""

    WORK = 1
    HOLD = 2
    RESULT = 3
    BACK = 4
    RETIRE = 5
    WAKE = 6
    SAVED = 7
    SERIES = 8
    PLAIN = 9
    DOUBT = 10


class Flag(IntFlag):
    """What must be looked at in a result before it is reported."""

    FAILED = 1
    STORED = 2  # it names content of the store
    PRINTED = 4  # since the result before
    DOUBTED = 8  # a DOUBT came before it


Result: TypeAlias = tuple[int, int, int, int, int, bytes | PlainReport]
"""What a worker says of an attempt that it has executed: attempt; wall time in µs; bytes that had gone to stdout and
stderr since the worker began; flags; the report: a serialised one without its number, or a plain one.
"""


def frame(kind: Kind, content: Any) -> bytes:
    """Write a frame with JSON."""
    return framed(kind, orjson.dumps(content))


def framed(kind: Kind, body: bytes) -> bytes:
    return HEADER.pack(len(body), kind) + body


def empty(kind: Kind) -> bytes:
    return HEADER.pack(0, kind)


def work(head: Any, assignments: bytes) -> bytes:
    """Write a WORK frame; *head* is what is written as JSON."""
    text = orjson.dumps(head)
    size = LENGTH.size + len(text) + len(assignments)
    return b"".join((HEADER.pack(size, Kind.WORK), LENGTH.pack(len(text)), text, assignments))


def read_work(body: bytes) -> tuple[Any, bytes]:
    """Read the two parts of a WORK frame."""
    end = LENGTH.size + LENGTH.unpack_from(body)[0]
    return orjson.loads(body[LENGTH.size : end]), body[end:]


def result(found: Result) -> bytes:
    """Write a RESULT frame."""
    *numbers, report = found
    assert isinstance(report, bytes), "a plain report has a frame of its own"
    return _RESULT_FRAME.pack(RESULT.size + len(report), Kind.RESULT, *numbers) + report


def read_result(body: bytes) -> Result:
    attempt, wall_us, out, err, flags = RESULT.unpack_from(body)
    return attempt, wall_us, out, err, flags, body[RESULT.size :]


def plain(out: int, err: int, flags: int, report: PlainReport) -> bytes:
    """Write a PLAIN frame. The size of the log is for the agent to say."""
    attempt, wall_us, user_us, system_us, peak, bytes_in, bytes_out, started_ms, _, outputs = report
    size = _PLAIN.size + len(outputs)
    head = _PLAIN_FRAME.pack(
        size, Kind.PLAIN, attempt, wall_us, user_us, system_us, peak, bytes_in, bytes_out, started_ms, out, err, flags
    )
    return head + outputs


def read_plain(body: bytes) -> Result:
    attempt, wall_us, user_us, system_us, peak, bytes_in, bytes_out, started_ms, out, err, flags = _PLAIN.unpack_from(
        body
    )
    outputs = body[_PLAIN.size :]
    report = (attempt, wall_us, user_us, system_us, peak, bytes_in, bytes_out, started_ms, 0, outputs)
    return attempt, wall_us, out, err, flags, report


def split(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Return the frames of which *data* consists: kinds and bodies."""
    splitter = Splitter()
    return splitter.feed(data)


class Splitter:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Return the frames that are complete with *data*; ValueError for what can't be one."""
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        while end - at >= HEADER.size:
            length, kind = HEADER.unpack_from(data, at)
            if length > LIMIT:
                raise ValueError(f"a frame of {length} bytes is larger than {LIMIT}")
            start = at + HEADER.size
            if end - start < length:
                break
            at = start + length
            yield kind, data[start:at]
        self._rest = data[at:]
