"""The connection to the daemon: dials, says Hello, and keeps one session open at a time; dials again when it is lost.

The agent goes on working while there is no session, however long. One task writes, one reads, one sends heartbeats;
whichever ends first ends the session. A daemon that doesn't answer heartbeats for a lease is taken for lost: the
connection may be half open.
"""

import asyncio
import random
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NoReturn, Protocol

import grpc
import grpc.aio
import structlog

from accio.channels import SESSION, Door, bearer
from accio.errors import AccioError, FailedPrecondition, PermissionDenied, Unauthenticated, Unavailable
from accio.events import CONNECTED
from accio.one_error import apart, lasting, one_error
from accio.v1 import agents_pb2
from accio.wire.errors import from_status
from accio_agent.agent.link.outbound import Outbound

log = structlog.get_logger("accio.agent")

PROTOCOLS = range(1, 2)
"""The versions of the protocol that this agent speaks."""

HANDSHAKE_S = 5.0
FIRST_BACKOFF_S = 0.2
LONGEST_BACKOFF_S = 2.0
"""No longer than this, so that an agent is back soon after the network is."""

GOODBYE_S = 2.0

OPTIONS = (
    *SESSION,
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5000),
)

_PATH = "/accio.v1.Agents/Connect"
_FINAL = (
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.UNIMPLEMENTED,
)

if TYPE_CHECKING:
    Call = grpc.aio.StreamStreamCall[bytes, bytes]


class Handler(Protocol):
    """Who the session is for."""

    def hello(self) -> agents_pb2.Hello:
        """Return the opening of a session."""
        ...

    def check_history(self, history: str) -> None:
        """Compare the history that the daemon tells; raise OtherHistory if what the agent holds isn't of that."""
        ...

    def welcomed(self, welcome: agents_pb2.Welcome) -> None:
        """Note that the daemon accepted it."""
        ...

    def received(self, message: agents_pb2.DaemonMessage) -> None:
        """Act on something else that the daemon said."""
        ...

    def announces_soon(self) -> agents_pb2.AgentMessage:
        """Return the last words of a session in place of which another one is opened."""
        ...

    def disconnected(self) -> None:
        """Note that the session ended, or didn't come about."""
        ...


class SessionEnded(Exception):
    """Why a session is over."""


class Dialer:
    """Dials the daemon, and keeps a session open until the daemon refuses the agent for good, or `run` is cancelled."""

    def __init__(self, door: Door, token: Callable[[], str | None], handler: Handler, outbound: Outbound) -> None:
        self._door = door
        self.address = door.address
        self._token = token
        self._handler = handler
        self._outbound = outbound
        self._backoff = FIRST_BACKOFF_S
        self._silent = ""  # why the daemon is away, as was said
        self._answered = 0.0
        self._heartbeat = 0
        self._beaten = 0.0
        self.observe_heartbeat: Callable[[float], None] = lambda seconds: None
        self._to_tell = False  # a Hello says something else than it did
        self._leaving = False
        self._left = asyncio.Event()

    @property
    def connected(self) -> bool:
        return self._outbound.is_open

    @property
    def ends_to_tell(self) -> bool:
        """Whether another session is about to be opened, in place of the one that there is."""
        return self._to_tell

    async def why_away(self) -> str:
        """Return why there is no session, as far as it is more than that nobody answers; empty if it isn't known."""
        if not self._silent:
            error = await asyncio.to_thread(self._door.explain)
            return error.message if error else ""
        return "" if self._silent == self._nobody else self._silent

    @property
    def _nobody(self) -> str:
        return f"no daemon answers at {self.address}"

    async def run(self) -> None:
        """Dial, serve, and dial again; raises AccioError when that makes no sense any more."""
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._serve()
            except (SessionEnded, grpc.aio.AioRpcError) as error:
                if self._leaving:
                    self._left.set()
                    return
                if self._to_tell:  # this end was asked for
                    self._to_tell = False
                    continue
                self._ended(error)
            if asyncio.get_running_loop().time() - began > LONGEST_BACKOFF_S:
                self._backoff = FIRST_BACKOFF_S
            await asyncio.sleep(self._backoff * random.uniform(0.5, 1.0))  # noqa: S311 - spreads agents out
            self._backoff = min(LONGEST_BACKOFF_S, self._backoff * 1.6)

    def tell_anew(self) -> None:
        """Open another session in place of the one that there is, as what a Hello says has changed.

        The daemon ends the old one, so that it never meets both: the new one would be taken for that of a copy.
        """
        if self._leaving:
            return
        self._to_tell = True
        self._outbound.put(self._beat_again())  # it wakes who sends

    async def _serve(self) -> None:
        """Serve one session, from the dialling to its end, which is an exception."""
        metadata = bearer(self._token())
        channel = await self._open_channel()
        try:
            await self._reach(channel)
            call: Call = channel.stream_stream(_PATH)(metadata=metadata)
            try:
                async with asyncio.timeout(HANDSHAKE_S):
                    welcome = await self._open(call)
                await self._converse(call, welcome)
            finally:
                call.cancel()
        except TimeoutError:
            raise SessionEnded(self._nobody) from None
        finally:
            self._outbound.close()
            self._handler.disconnected()
            await channel.close()

    async def _open_channel(self) -> grpc.aio.Channel:
        try:
            await asyncio.to_thread(self._door.find_authority)
        except Unavailable as error:
            raise SessionEnded(error.message) from None
        return self._door.open(OPTIONS)

    async def _reach(self, channel: grpc.aio.Channel) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                await channel.channel_ready()
        except TimeoutError:
            why = await asyncio.to_thread(self._door.explain)
            raise SessionEnded(why.message if why else self._nobody) from None

    async def _open(self, call: "Call") -> agents_pb2.Welcome:
        self._to_tell = False
        hello = self._handler.hello()
        hello.protocol_min, hello.protocol_max = PROTOCOLS[0], PROTOCOLS[-1]
        await call.write(agents_pb2.AgentMessage(hello=hello).SerializeToString())
        message = await self._read(call)
        if message.HasField("goodbye"):
            self._farewell(message.goodbye)
        if not message.HasField("welcome"):
            raise SessionEnded("expected a welcome, found something else")
        self._handler.check_history(message.welcome.history)
        return message.welcome

    async def _converse(self, call: "Call", welcome: agents_pb2.Welcome) -> None:
        log.info(CONNECTED, daemon=self.address, epoch=welcome.epoch, session=welcome.session)
        self._silent = ""
        self._answered = asyncio.get_running_loop().time()
        self._outbound.open(columns=welcome.reads_columns)
        self._handler.welcomed(welcome)
        with one_error(SessionEnded, grpc.aio.AioRpcError, AccioError):
            await apart(self._talk(call, welcome))

    async def _talk(self, call: "Call", welcome: agents_pb2.Welcome) -> None:
        async with asyncio.TaskGroup() as loops:
            loops.create_task(lasting(partial(self._receive, call), error=SessionEnded), name="receive")
            loops.create_task(lasting(partial(self._send, call), may_end=True, error=SessionEnded), name="send")
            loops.create_task(lasting(partial(self._beat, welcome), error=SessionEnded), name="heartbeat")

    async def _receive(self, call: "Call") -> None:
        while True:
            message = await self._read(call)
            if message.HasField("heartbeat"):
                self._answered = asyncio.get_running_loop().time()
                if message.heartbeat.seq == self._heartbeat:
                    self.observe_heartbeat(self._answered - self._beaten)
            elif message.HasField("goodbye"):
                self._farewell(message.goodbye)
            else:
                self._handler.received(message)

    async def _read(self, call: "Call") -> agents_pb2.DaemonMessage:
        data = await call.read()
        if not isinstance(data, bytes):  # the end of the stream
            code, details = await call.code(), await call.details()
            if code is grpc.StatusCode.OK:
                raise SessionEnded("the daemon closed the connection")
            _raise_status(code, details or "", tuple(await call.trailing_metadata() or ()))
        return agents_pb2.DaemonMessage.FromString(data)

    async def _send(self, call: "Call") -> None:
        while True:
            data = await self._outbound.next()
            try:
                await call.write(data)
                if self._to_tell:
                    await call.write(self._handler.announces_soon().SerializeToString())
            except asyncio.InvalidStateError:
                raise SessionEnded("the connection was lost") from None
            if self._to_tell:
                await call.done_writing()
                return

    async def _beat(self, welcome: agents_pb2.Welcome) -> None:
        """Send heartbeats. Answers are awaited for a lease: shorter silences are the connection's own business."""
        interval = (welcome.heartbeat_ms or 2000) / 1000
        lease = (welcome.lease_ms or 15000) / 1000
        now = asyncio.get_running_loop().time
        while True:
            self._outbound.put(self._beat_again())
            before = self._beaten = now()
            await asyncio.sleep(interval)
            paused = now() - before - interval
            if paused > interval:  # this process stood still: the answers may be waiting in the socket
                self._answered += paused
            if now() - self._answered > lease:
                raise SessionEnded(f"the daemon hasn't answered for {lease:g} s")

    def _beat_again(self) -> agents_pb2.AgentMessage:
        """Return the next heartbeat."""
        self._heartbeat += 1
        return agents_pb2.AgentMessage(heartbeat=agents_pb2.Heartbeat(seq=self._heartbeat))

    async def goodbye(self, reason: str, *, walltime: bool) -> None:
        """Announce that the agent ends; the daemon answers by closing the session. Nothing is dialled after this."""
        self._leaving = True
        if not self.connected:
            return
        self._outbound.put(agents_pb2.AgentMessage(goodbye=agents_pb2.AgentGoodbye(reason=reason, walltime=walltime)))
        try:
            async with asyncio.timeout(GOODBYE_S):
                await self._left.wait()
        except TimeoutError:
            log.warning("the daemon doesn't answer the goodbye")

    def _farewell(self, goodbye: agents_pb2.DaemonGoodbye) -> NoReturn:
        if goodbye.history:
            self._handler.check_history(goodbye.history)
        if goodbye.reconnect:
            raise SessionEnded(goodbye.reason)
        raise FailedPrecondition(f"the daemon sent this agent away: {goodbye.reason}")

    def _ended(self, error: SessionEnded | grpc.aio.AioRpcError) -> None:
        """Log once that the daemon is away; raise if dialling again makes no sense."""
        if isinstance(error, grpc.aio.AioRpcError):
            trailers = tuple(error.trailing_metadata() or ())
            if error.code() in _FINAL:
                _raise_status(error.code(), error.details() or "", trailers)
            reason = error.details() or error.code().name
        else:
            reason = str(error)
        if reason != self._silent:
            self._silent = reason
            log.warning("no session; the agent goes on and keeps dialling", daemon=self.address, reason=reason)


_HINT = "set ACCIO_TOKEN, or copy the daemon's token file into this agent's data folder"


def _raise_status(code: grpc.StatusCode, details: str, trailers: tuple[tuple[str, str | bytes], ...]) -> NoReturn:
    if code not in _FINAL:
        raise SessionEnded(details or code.name)
    error = from_status(code, details, trailers)
    if isinstance(error, Unauthenticated | PermissionDenied):
        hint = "" if isinstance(error, PermissionDenied) else f"; {_HINT}"  # a token that is known is there
        raise type(error)(f"the daemon refuses this agent: {error.message}{hint}")
    raise error
