"""The channels to the daemon: deadlines, patience while it is away, and the translation of whatever gRPC raises.

Every call has a deadline. A call that found the daemon away is repeated with growing pauses: for `FIRST_PATIENCE_S`
while this connection has never had an answer (a wrong address should say so soon), for `PATIENCE_S` afterwards (a
daemon that restarts comes back). A call that may not be sent twice is repeated only if it can't have been sent, that is
if the connection was refused.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, TypeVar
from weakref import WeakSet

import grpc
import grpc.aio

from accio.channels import Door
from accio.errors import AccioError, Unavailable
from accio.wire.errors import from_status
from accio_client.channel import Channel
from accio_client.deadlines import STREAM_DEADLINE_S, silent
from accio_client.kept_calls import KeptCalls
from accio_client.other_processes import forked
from accio_client.services import Kept, Metadata, Method

FIRST_PATIENCE_S = 1.5

_DROPPED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
"""How calls end that a daemon may take if they come again: it was away, or its server had too many calls waiting."""

_NEVER_SENT = ("failed to connect", "errors resolving", "DNS resolution failed")
"""How gRPC's details begin where no connection came about, so that the request was never sent."""

_SILENCE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
"""How calls end to which no daemon has said anything."""

_STREAMS_PER_CHANNEL = 100
"""As many calls as a daemon answers at once on one connection: more would wait until some of them have ended."""

R = TypeVar("R")

_open: WeakSet[GrpcConnection] = WeakSet()
_inherited: list[GrpcConnection] = []
"""Those that were open when this process was forked: gRPC, whose threads are missing then, aborts or hangs here."""

os.register_at_fork(after_in_child=lambda: _inherited.extend(_open))


class GrpcConnection:
    """Short calls have one channel; streams, which may last for days, have others, so that they hold up no call.

    Make and use it inside one event loop.
    """

    def __init__(self, *, door: Door, metadata: Metadata, patience: float) -> None:
        if _inherited:
            raise forked()
        self._door = door
        self._patience = patience
        self._metadata = metadata
        self._calls = Channel(door)
        self._streams: list[Channel] = []
        self._answered = False
        self._kept = KeptCalls(place=self._place, metadata=metadata, explain=self._explain)
        _open.add(self)

    def __repr__(self) -> str:
        return f"GrpcConnection({self._door.address!r}, answered={self._answered})"

    async def close(self) -> None:
        await self._kept.close()
        for each in (self._calls, *self._streams):
            await each.channel.close()
        del self._calls  # gRPC's thread ends with the last channel, and only then a fork is harmless
        self._streams.clear()
        _open.discard(self)

    @contextmanager
    def _place(self) -> Iterator[Channel]:
        """Keep a place for one more stream on a channel that has room for it."""
        found = next((each for each in self._streams if each.streams < _STREAMS_PER_CHANNEL), None)
        if found is None:
            found = Channel(self._door)
            self._streams.append(found)
        found.streams += 1
        try:
            yield found
        finally:
            found.streams -= 1

    async def call(self, method: Method, request: Any, answer: type[R], *, deadline: float, repeatable: bool) -> R:
        """Call *method* and return its *answer*; *repeatable* tells whether the daemon may see the request twice."""
        clock = asyncio.get_running_loop().time
        began, limit = clock(), deadline
        called = self._calls.of(method)
        for pause in pauses():
            try:
                response = await called(request, timeout=limit, metadata=self._metadata)
            except grpc.aio.AioRpcError as error:
                away = error.code() in _DROPPED
                self._answered = self._answered or error.code() not in _SILENCE
                unsent = (error.details() or "").startswith(_NEVER_SENT)
                patience = self._patience if self._answered or not unsent else min(self._patience, FIRST_PATIENCE_S)
                if not away or not (repeatable or unsent) or clock() - began + pause > patience:
                    raise await self._explain(error, limit) from None
                await asyncio.sleep(pause)
            else:
                self._answered = True
                assert isinstance(response, answer)
                return response
        raise AssertionError("pauses() never ends")

    async def stream(self, method: Method, request: Any, answer: type[R], *, deadline: float) -> AsyncGenerator[R]:
        """Call *method* and give its answers. Close the iterator (aclosing) to end the call early."""
        with self._place() as channel:
            call = channel.of(method)(request, timeout=deadline, metadata=self._metadata)
            try:
                async for message in call:
                    self._answered = True
                    assert isinstance(message, answer)
                    yield message
            except grpc.aio.AioRpcError as error:
                raise await self._explain(error, deadline) from None
            finally:
                call.cancel()

    async def lasting_stream(
        self,
        method: Method,
        request: Any,
        answer: type[R],
        *,
        patience: float,
        again: Callable[[], None] | None,
        kept: Kept | None = None,
    ) -> AsyncGenerator[R]:
        """Stream, opening anew whenever the daemon goes away, until it has been away for *patience* seconds.

        After a new start the answers repeat what was told before; *again* is called so that the reader can prepare.
        From the second time on it asks in a call that is *kept*.
        """
        clock = asyncio.get_running_loop().time
        away_since: float | None = None
        growing = pauses()
        while True:
            try:
                async with aclosing(self._one_stream(method, request, answer, kept)) as messages:
                    async for message in messages:
                        away_since, growing = None, pauses()
                        yield message
                return
            except Unavailable:
                away_since = clock() if away_since is None else away_since
                allowed = patience if self._answered else FIRST_PATIENCE_S
                if clock() - away_since > allowed:
                    raise
            await asyncio.sleep(next(growing))
            if again is not None:
                again()

    def _one_stream(self, method: Method, request: Any, answer: type[R], kept: Kept | None) -> AsyncGenerator[R]:
        if kept is not None and self._kept.may_ask(kept):
            return self._kept.stream(kept, request, answer)
        return self.stream(method, request, answer, deadline=STREAM_DEADLINE_S)

    async def _explain(self, error: grpc.aio.AioRpcError, deadline: float) -> AccioError:
        """Return the error that a failed call means; a handshake of its own tells what gRPC keeps to itself."""
        unsent = error.code() is grpc.StatusCode.UNAVAILABLE and (error.details() or "").startswith(_NEVER_SENT)
        why = await asyncio.to_thread(self._door.explain) if unsent else None
        return why or self.translate(error, deadline)

    def translate(self, error: grpc.aio.AioRpcError, deadline: float) -> AccioError:
        """Return the error that a failed call means."""
        code, details, address = error.code(), error.details() or "", self._door.address
        if code is grpc.StatusCode.UNAVAILABLE and details.startswith(_NEVER_SENT):
            reason = details.rpartition(": ")[2].rstrip("]").lower()
            return Unavailable(
                f"no daemon answers at {address} ({reason}): start one with `accio up` (or `accio daemon`), "
                "or say where it is in ACCIO_ADDR"
            )
        return _told(address, code, details, error.trailing_metadata() or (), deadline)


def refusal(
    address: str, status: int, message: str, trailers: Iterable[tuple[str, str | bytes]], deadline: float
) -> AccioError | None:
    """Return the error that a call means which ended with this status; None if it may be made again."""
    code = next((each for each in grpc.StatusCode if each.value[0] == status), grpc.StatusCode.UNKNOWN)
    return None if code in _DROPPED else _told(address, code, message, trailers, deadline)


def _told(
    address: str, code: grpc.StatusCode, details: str, trailers: Iterable[tuple[str, str | bytes]], deadline: float
) -> AccioError:
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return silent(address, deadline)
    if code is grpc.StatusCode.CANCELLED:
        return Unavailable(f"the daemon at {address} dropped the call, having too many: try again in a moment")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        details = f"the daemon at {address} doesn't know this call: it is older than this client ({details})"
    return from_status(code, details, trailers)


def pauses() -> Iterator[float]:
    """Yield seconds to wait between attempts: growing from 50 ms to 2 s, a little different for each client."""
    pause = 0.05
    while True:
        yield pause * random.uniform(0.8, 1.2)  # noqa: S311 - spreads clients, keeps no secret
        pause = min(pause * 2, 2.0)
