"""Digests of bytes and of open files: BLAKE3, written `blake3:HEX`.

Files are read, never mapped: a file that somebody truncates while it is mapped kills the process that reads it with
SIGBUS, and a user's file may be truncated at any time. A second thread reads ahead instead, so that reading and hashing
overlap; that reaches about four fifths of the speed of a mapping.
"""

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NewType

from blake3 import blake3

from accio.errors import BadRequest

Digest = NewType("Digest", str)
Bytes = bytes | bytearray | memoryview
Progress = Callable[[int], None]
"""Told how many bytes were worked through since the last call. What it raises ends the work: a way to cancel."""

PREFIX = "blake3:"
CHUNK = 4 << 20
READ_AHEAD_FROM = 2 * CHUNK
_TEXT = re.compile(r"blake3:[0-9a-f]{64}")
# BLAKE3 doesn't split inputs below 128 KiB over threads, and the hand-over costs more than it gains up to about here.
_THREADS_FROM = 1 << 20


def parse_digest(text: str) -> Digest:
    """Read `blake3:HEX`; anything else is a BadRequest."""
    if not _TEXT.fullmatch(text):
        raise BadRequest(f"expected a digest, blake3: and 64 digits 0-9a-f, found {text[:100]!r}")
    return Digest(text)


def is_digest(text: str) -> bool:
    """Return whether this is the text of a digest."""
    return _TEXT.fullmatch(text) is not None


def hex_of(digest: Digest) -> str:
    """Return the 64 hexadecimal digits of a digest."""
    return digest[len(PREFIX) :]


def raw_of(digest: Digest) -> bytes:
    """Return the 32 bytes of a digest."""
    return bytes.fromhex(hex_of(digest))


def from_raw(raw: bytes) -> Digest:
    """Return the digest with these 32 bytes."""
    return Digest(PREFIX + raw.hex())


def digest_bytes(data: Bytes) -> Digest:
    """Return the digest of bytes in memory."""
    if len(data) >= _THREADS_FROM:
        return Digest(PREFIX + blake3(data, max_threads=blake3.AUTO).hexdigest())
    return Digest(PREFIX + blake3(data).hexdigest())


class Hasher:
    """The digest of bytes that come in pieces; large pieces are hashed by all cores."""

    def __init__(self) -> None:
        self._state = blake3(max_threads=blake3.AUTO)
        self.size = 0

    def update(self, data: Bytes) -> None:
        """Add the next piece."""
        self._state.update(data)
        self.size += len(data)

    def digest(self) -> Digest:
        """Return the digest of all pieces so far."""
        return Digest(PREFIX + self._state.hexdigest())


def digest_fd(fd: int, *, size: int, progress: Progress | None = None) -> tuple[Digest, int]:
    """Return the digest of what an open file holds from its position to its end, and the number of bytes read.

    *size* is what the file is believed to hold; it chooses the way of reading and bounds nothing.
    """
    if size < CHUNK:
        data = read_small(fd, size)
        if data is not None:
            if progress is not None:
                progress(len(data))
            return digest_bytes(data), len(data)
        os.lseek(fd, 0, os.SEEK_SET)
    hasher = Hasher()
    for chunk in chunks_of(fd, size=size):
        hasher.update(chunk)
        if progress is not None:
            progress(len(chunk))
    return hasher.digest(), hasher.size


def read_small(fd: int, size: int) -> bytes | None:
    """Read a file that is believed to hold *size* bytes in one go; None if it holds more."""
    data = os.read(fd, size + 1)
    if len(data) == size:
        return data
    if len(data) > size:
        return None
    parts = [data]  # a short read: a signal, a network file system, or a file that shrank
    room = size + 1 - len(data)
    while room > 0 and (more := os.read(fd, room)):
        parts.append(more)
        room -= len(more)
    return b"".join(parts) if room > 0 else None


def chunks_of(fd: int, *, size: int) -> Iterator[memoryview]:
    """Read an open file to its end in pieces, ahead if it is large. A piece is valid until the next one is taken."""
    if size < READ_AHEAD_FROM:
        buffer = bytearray(min(CHUNK, max(size + 1, 4096)))
        while count := os.readv(fd, [buffer]):
            yield memoryview(buffer)[:count]
        return
    now, ahead = bytearray(CHUNK), bytearray(CHUNK)
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as reader:
        reading = reader.submit(os.readv, fd, [now])
        while count := reading.result():
            reading = reader.submit(os.readv, fd, [ahead])
            yield memoryview(now)[:count]
            now, ahead = ahead, now
