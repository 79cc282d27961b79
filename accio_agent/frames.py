"""What agent and worker write to each other through their socket: length (4 bytes), kind (1 byte), JSON.

    agent → worker  WORK    [class number, class (once per worker) or null, GPUs, attempts],
                            an attempt being [number, inputs, seed, node, number of the node's attempt, extra]
                    HOLD    hand back what came before this and hasn't begun
    worker → agent  RESULT  [attempt, outputs or null, failure or null, …] (worker_main, outcomes):
                            in the shared page's ring, or through the socket if it is too large for that
                    WAKE    there are results in the ring
                    BACK    [attempt, …]: the answer to a HOLD
                    RETIRE  why: the worker ends after this; what it holds hasn't begun

No frame is larger than 64 MiB: larger values travel as files.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import orjson

HEADER = struct.Struct("<IB")
LIMIT = 64 << 20


class Kind(IntEnum):
    """What a frame says."""

    WORK = 1
    HOLD = 2
    RESULT = 3
    BACK = 4
    RETIRE = 5
    WAKE = 6


def frame(kind: Kind, content: Any) -> bytes:
    body = orjson.dumps(content)
    return HEADER.pack(len(body), kind) + body


def empty(kind: Kind) -> bytes:
    return HEADER.pack(0, kind)


def split(data: bytes, start: int = 0) -> Iterator[tuple[int, Any]]:
    """The frames of which *data* consists; a last one that isn't complete is left out."""
    end = len(data)
    while end - start >= HEADER.size:
        length, kind = HEADER.unpack_from(data, start)
        start += HEADER.size
        if length > LIMIT:
            raise ValueError(f"a frame of {length} bytes is larger than {LIMIT}")
        if end - start < length:
            return
        yield kind, orjson.loads(data[start : start + length]) if length else None
        start += length


class Splitter:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, Any]]:
        """The frames that are complete with *data*; ValueError for what can't be one."""
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
            yield kind, orjson.loads(data[start:at]) if length else None
        self._rest = data[at:]
