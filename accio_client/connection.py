"""The channels to the daemon: token, deadlines, patience while it is away, and the translation of whatever gRPC raises.

Every call has a deadline. A call that found the daemon away is repeated with growing pauses: for `FIRST_PATIENCE_S`
while this connection has never had an answer (a wrong address should say so soon), for `PATIENCE_S` afterwards (a
daemon that restarts comes back). A call that may not be sent twice is repeated only if it can't have been sent, that is
if the connection was refused.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import grpc.aio
from google.protobuf.descriptor import FileDescriptor

from accio.channels import Door
from accio.errors import AccioError, Unavailable
from accio.v1 import accio_pb2, artifacts_pb2, pools_pb2
from accio.wire.errors import from_status
from accio_client.services import Service

if TYPE_CHECKING:
    from accio.v1.accio_pb2_grpc import AccioAsyncStub
    from accio.v1.artifacts_pb2_grpc import ArtifactsAsyncStub
    from accio.v1.pools_pb2_grpc import PoolsAsyncStub

DEADLINE_S = 30.0
FIRST_PATIENCE_S = 1.5
PATIENCE_S = 30.0
STREAM_DEADLINE_S = 3600.0
"""A stream that lasts longer is opened anew by those that can go on (watch, logs), and is an error for the others."""

_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.use_local_subchannel_pool", 1),  # channels don't share a connection, whose calls are bounded
    ("grpc.enable_http_proxy", 0),  # a proxy for the web has no business between a client and its cluster
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.max_send_message_length", 64 << 20),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.keepalive_time_ms", 30_000),  # so that a stream over a dead connection ends
    ("grpc.keepalive_timeout_ms", 10_000),
)

_DROPPED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
"""How calls end that a daemon may take if they come again: it was away, or its server had too many calls waiting."""

_NEVER_SENT = ("failed to connect", "errors resolving", "DNS resolution failed")
"""How gRPC's details begin where no connection came about, so that the request was never sent."""

_SILENCE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
"""How calls end to which no daemon has said anything."""

_STREAMS_PER_CHANNEL = 100
"""As many calls as a daemon answers at once on one connection: more would wait until some of them have ended."""

USER_KEY = "accio-user-bin"
"""The metadata in which the daemon is told who the caller is."""

R = TypeVar("R")


def _service(channel: grpc.aio.Channel, file: FileDescriptor, name: str) -> Any:
    return Service(channel, file.services_by_name[name])


class Stubs:
    """A channel with a network connection of its own, made when it is first used, and the services behind it."""

    def __init__(self, door: Door) -> None:
        self.channel = door.open(_OPTIONS)
        self.accio: AccioAsyncStub = _service(self.channel, accio_pb2.DESCRIPTOR, "Accio")
        self.pools: PoolsAsyncStub = _service(self.channel, pools_pb2.DESCRIPTOR, "Pools")
        self.artifacts: ArtifactsAsyncStub = _service(self.channel, artifacts_pb2.DESCRIPTOR, "Artifacts")
        self.streams = 0


class Connection:
    """Short calls have one channel; streams, which may last for days, have others, so that they hold up no call.

    Make and use it inside one event loop.
    """

    def __init__(
        self,
        *,
        door: Door,
        token: str | None,
        user: str = "",
        deadline: float = DEADLINE_S,
        patience: float = PATIENCE_S,
    ) -> None:
        self.address = door.address
        self._door = door
        self._deadline = deadline
        self._patience = patience
        self._metadata: tuple[tuple[str, str | bytes], ...] = (("authorization", f"Bearer {token}"),) if token else ()
        if user:  # counts where the token doesn't identify the caller
            self._metadata += ((USER_KEY, user.encode()),)
        self._calls = Stubs(door)
        self._streams: list[Stubs] = []
        self.accio = self._calls.accio
        self.pools = self._calls.pools
        self._answered = False

    def __repr__(self) -> str:
        return f"Connection({self.address!r}, answered={self._answered})"

    async def close(self) -> None:
        for stubs in (self._calls, *self._streams):
            await stubs.channel.close()

    @contextmanager
    def _place(self) -> Iterator[Stubs]:
        """Keep a place for one more stream on a channel that has room for it."""
        stubs = next((each for each in self._streams if each.streams < _STREAMS_PER_CHANNEL), None)
        if stubs is None:
            stubs = Stubs(self._door)
            self._streams.append(stubs)
        stubs.streams += 1
        try:
            yield stubs
        finally:
            stubs.streams -= 1

    async def call(
        self, method: Callable[..., Any], request: Any, answer: type[R], *, deadline: float = 0, repeatable: bool = True
    ) -> R:
        """Call *method* and return its *answer*; *repeatable* tells whether the daemon may see the request twice."""
        clock = asyncio.get_running_loop().time
        began, limit = clock(), deadline or self._deadline
        for pause in pauses():
            try:
                response = await method(request, timeout=limit, metadata=self._metadata)
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

    async def stream(
        self,
        method: Callable[[Stubs], Callable[..., Any]],
        request: Any,
        answer: type[R],
        *,
        deadline: float = STREAM_DEADLINE_S,
    ) -> AsyncGenerator[R]:
        """Call *method* and give its answers. Close the iterator (aclosing) to end the call early."""
        with self._place() as stubs:
            call = method(stubs)(request, timeout=deadline, metadata=self._metadata)
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
        method: Callable[[Stubs], Callable[..., Any]],
        request: Any,
        answer: type[R],
        *,
        patience: float,
        again: Callable[[], None] | None = None,
    ) -> AsyncGenerator[R]:
        """As `stream`, but opened anew whenever the daemon goes away, until it has been away for *patience* seconds.

        After a new start the answers repeat what was told before; *again* is called so that the reader can prepare.
        """
        clock = asyncio.get_running_loop().time
        away_since: float | None = None
        growing = pauses()
        while True:
            try:
                async with aclosing(self.stream(method, request, answer)) as messages:
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

    async def _explain(self, error: grpc.aio.AioRpcError, deadline: float) -> AccioError:
        """Return the error that a failed call means; a handshake of its own tells what gRPC keeps to itself."""
        unsent = error.code() is grpc.StatusCode.UNAVAILABLE and (error.details() or "").startswith(_NEVER_SENT)
        why = await asyncio.to_thread(self._door.explain) if unsent else None
        return why or self.translate(error, deadline)

    def translate(self, error: grpc.aio.AioRpcError, deadline: float) -> AccioError:
        """Return the error that a failed call means."""
        code, details = error.code(), error.details() or ""
        if code is grpc.StatusCode.UNAVAILABLE and details.startswith(_NEVER_SENT):
            reason = details.rpartition(": ")[2].rstrip("]").lower()
            return Unavailable(
                f"no daemon answers at {self.address} ({reason}): start one with `accio up` (or `accio daemon`), "
                "or say where it is in ACCIO_ADDR"
            )
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return Unavailable(f"the daemon at {self.address} didn't answer within {deadline:g} s")
        if code is grpc.StatusCode.CANCELLED:
            return Unavailable(f"the daemon at {self.address} dropped the call, having too many: try again in a moment")
        if code is grpc.StatusCode.UNIMPLEMENTED:
            details = f"the daemon at {self.address} doesn't know this call: it is older than this client ({details})"
        return from_status(code, details, error.trailing_metadata() or ())


def pauses() -> Iterator[float]:
    """Yield seconds to wait between attempts: growing from 50 ms to 2 s, a little different for each client."""
    pause = 0.05
    while True:
        yield pause * random.uniform(0.8, 1.2)  # noqa: S311 - spreads clients, keeps no secret
        pause = min(pause * 2, 2.0)
