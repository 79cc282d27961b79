"""Chunks that grow to the size of a message, whatever their rows turn out to hold."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from accio_daemon.services.transport.rpc import SendEncoded
from accio_daemon.storage.exports.export import TooMuch

CHUNK_BYTES = 2_500_000
"""Clients take messages of 4 MiB."""


class Chunk(Protocol):
    """What is read in one step: `low` is where the next one begins, if there is more; without rows there is no data."""

    @property
    def data(self) -> bytes: ...
    @property
    def rows(self) -> int: ...
    @property
    def low(self) -> int | None: ...


C = TypeVar("C", bound=Chunk)


async def send_chunks(
    read: Callable[[int, int], Awaitable[C]],
    send: SendEncoded[Any],
    next_limit: Callable[[C, int], int],
    *,
    low: int,
    first: int,
    most: int,
) -> None:
    """Send what *read* reads from an index on, so many rows at a time: from *low* on and *first* ones to begin with,
    then what *next_limit* makes of a chunk that was sent and its limit, and never more than *most*.

    A chunk that is too large is read again, a quarter of it; TooMuch if a single row is.
    """
    start: int | None = low
    limit = min(most, first)
    while start is not None:
        try:
            chunk = await read(start, limit)
        except TooMuch:
            if limit == 1:
                raise
            limit = max(1, limit // 4)
            continue
        if len(chunk.data) > CHUNK_BYTES and chunk.rows > 1:
            limit = max(1, limit // 4)
            continue
        if chunk.data:
            await send(chunk.data)
        start = chunk.low
        limit = max(1, min(most, next_limit(chunk, limit)))
