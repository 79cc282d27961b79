"""Calls that are kept between streams of one kind: whoever asks again and again has each stream come in a call that is
there already. To make one takes a third of the time that a short stream takes, in client and daemon.

A stream has its call to itself. Once its last message has come, the call waits for the next one to ask, and is closed
with the connection. A stream that is given up early ends its call, which is how the daemon learns of it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import grpc.aio

from accio.errors import AccioError, Unavailable
from accio_client.deadlines import STREAM_DEADLINE_S

if TYPE_CHECKING:
    from accio_client.channel import Channel
    from accio_client.services import Kept, Metadata

MOST_IDLE = 4
"""How many calls are kept: each has a place of its connection, of which there are as many as the daemon answers."""

R = TypeVar("R")


class _Call:
    """One call of a method, and its place on a channel."""

    def __init__(self, path: str, call: Any, place: ExitStack) -> None:
        self.path = path
        self.call = call
        self._place = place

    def end(self) -> None:
        """End the call, if it goes on, and free its place."""
        self.call.cancel()
        self._place.close()


class KeptCalls:
    """State: the calls that wait to be asked, and by path the methods that were asked and those the daemon lacks."""

    def __init__(
        self,
        *,
        place: Callable[[], AbstractContextManager[Channel]],
        metadata: Metadata,
        explain: Callable[[grpc.aio.AioRpcError, float], Awaitable[AccioError]],
    ) -> None:
        """Make calls where *place* has room for them; *explain* returns the error that a call has ended with."""
        self._make_place = place
        self._metadata = metadata
        self._explain = explain
        self._idle: list[_Call] = []
        self._asked: set[str] = set()
        self._unknown: set[str] = set()

    def may_ask(self, kept: Kept) -> bool:
        """Return whether to ask here: not for the first stream of a method, as most clients ask for no other."""
        path = kept.method.path
        was_asked = path in self._asked
        self._asked.add(path)
        return was_asked and path not in self._unknown

    async def close(self) -> None:
        """End the calls that wait, and wait until gRPC has, too: the event loop may be closed next."""
        while self._idle:
            found = self._idle.pop()
            found.end()
            await found.call.code()

    async def stream(self, kept: Kept, request: Any, answer: type[R]) -> AsyncGenerator[R]:
        """Ask for a stream, and give its messages; Unavailable where it should be asked for again."""
        found, is_over = self._take(kept), False
        try:
            await found.call.write(request)
            while (message := await found.call.read()) is not grpc.aio.EOF:
                assert isinstance(message, answer)
                if kept.is_last(message):
                    is_over = True
                    self._put_back(found)  # whoever sees this message may ask for the next stream at once
                    yield message
                    return
                yield message
            raise Unavailable("the daemon has ended the call, as it is about to end")
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:  # a daemon of before
                self._unknown.add(kept.method.path)
                raise Unavailable("the daemon doesn't know such calls") from None
            raise await self._explain(error, STREAM_DEADLINE_S) from None
        finally:
            if not is_over:
                found.end()

    def _take(self, kept: Kept) -> _Call:
        path = kept.method.path
        for found in [each for each in reversed(self._idle) if each.path == path]:
            self._idle.remove(found)
            if not found.call.done():
                return found
            found.end()
        with ExitStack() as place:
            channel = place.enter_context(self._make_place())
            call = channel.of(kept.method)(timeout=STREAM_DEADLINE_S, metadata=self._metadata)
            return _Call(path, call, place.pop_all())

    def _put_back(self, found: _Call) -> None:
        if len(self._idle) < MOST_IDLE:
            self._idle.append(found)
        else:
            found.end()
