"""What stands before every call: token and rights are checked, messages are read, and errors become status codes.

Who has no token, or one of a kind that may not make the call, is turned away before a byte of the request is looked
at: the call is answered as if it were a stream, from which nobody reads. Requests come here as bytes, and are read one
by one, within the bounds of the contract.

An AccioError is told to the caller as it is; anything else is a bug, whose text goes to the log under a reference
that the caller is given. It holds for every service of the server, health and reflection included.
"""

import asyncio
import inspect
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import grpc
import grpc.aio
import structlog

from accio.domain.access import why_not_call
from accio.domain.people import Person, parse_person
from accio.domain.problems import ValueProblem
from accio.errors import AccioError, Internal, PermissionDenied, Unauthenticated
from accio.wire.errors import Trailers, to_status
from accio_daemon.services.transport import bounds
from accio_daemon.services.transport.auth import CALLER, STANDING, Tokens
from accio_daemon.services.transport.turns import Turns
from accio_daemon.short_calls import ShortCalls

log = structlog.get_logger(__name__)

USER_KEY = "accio-user-bin"
"""The metadata in which clients say who they are: "Name <email>" in UTF-8."""
_LONGEST_NAME = 4_000  # bytes
_STREAMS = ("unary_stream", "stream_unary")
_OF_AGENTS_AND_POOLS = ("/accio.v1.Agents/", "/accio.v1.Pools/")
"""Sessions see to their tokens themselves: they have a word to say at the end."""

LAST_WRITE_S = 1.0
"""How long the end of a call waits for a message that is on its way to a client."""

Observe = Callable[[str, float], None]
"""Told the duration of each unary call, in seconds."""


def unobserved(method: str, seconds: float) -> None:
    """Ignore how long a call took."""


Behaviour = Callable[[Any, Any], Awaitable[Any]]


class Guard(grpc.aio.ServerInterceptor):
    """Wraps the behaviour of each method, once."""

    def __init__(self, tokens: Tokens, observe: Observe, short_calls: ShortCalls) -> None:
        """Admit holders of *tokens*; report to *observe* how long calls take, and to *short_calls* that they come."""
        self._tokens = tokens
        self._observe = observe
        self._short_calls = short_calls
        self._turns = Turns()
        self._wrapped: dict[str, Any] = {}

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        """Return the wrapped handler of a call. Whom the token identifies is known to all that the call does."""
        try:
            self._admit(dict(details.invocation_metadata or ()), details.method)
        except (Unauthenticated, PermissionDenied) as error:
            return _refusal(error)
        self._short_calls.announce()
        handler = self._wrapped.get(details.method)
        if handler is None:
            inner = await continuation(details)
            if inner is None:  # no such method: gRPC answers UNIMPLEMENTED
                return None
            handler = self._wrapped[details.method] = self._wrap(inner, details.method)
        return handler

    def _admit(self, metadata: Mapping[str, str | bytes], method: str) -> None:
        """Note the caller, or raise Unauthenticated or PermissionDenied."""
        standing = self._tokens.identify(metadata.get("authorization"))
        known = standing.caller.claiming(_claimed(metadata.get(USER_KEY)))
        if why := why_not_call(known, method):
            raise PermissionDenied(why)
        CALLER.set(known)
        STANDING.set(standing)

    def _wrap(self, handler: Any, method: str) -> Any:
        codec = {"request_deserializer": None, "response_serializer": handler.response_serializer}
        for kind in ("unary_unary", "unary_stream", "stream_unary", "stream_stream"):
            if behaviour := getattr(handler, kind):
                make = getattr(grpc, f"{kind}_rpc_method_handler")
                reading = _reading_stream if handler.request_streaming else _reading_one
                read = reading(_writing(behaviour), handler.request_deserializer)
                is_held = kind in _STREAMS or (kind == "stream_stream" and not method.startswith(_OF_AGENTS_AND_POOLS))
                begun = self._begun(_while_it_holds(read) if is_held else read, method, lasting=kind != "unary_unary")
                guarded = self._guarded(begun, method)
                return make(self._timed(guarded, method) if kind == "unary_unary" else guarded, **codec)
        raise LookupError(f"the handler of {method} has no behaviour")

    def _timed(self, behaviour: Behaviour, method: str) -> Behaviour:
        name = method.rpartition("/")[2]
        observe = self._observe

        async def timed(request: Any, context: Any) -> Any:
            now = asyncio.get_running_loop().time
            begun = now()
            try:
                return await behaviour(request, context)
            finally:
                observe(name, now() - begun)

        return timed

    def _begun(self, behaviour: Behaviour, method: str, *, lasting: bool) -> Behaviour:
        """Have a call begin in its turn; one that is *lasting* counts only until then."""
        short_calls, turns = self._short_calls, self._turns

        async def begun(request: Any, context: Any) -> Any:
            line = (context.peer(), method)
            await turns.take(line)
            short_calls.begin(line[0])
            if lasting:
                turns.leave(line)
                return await behaviour(request, context)
            try:
                return await behaviour(request, context)
            finally:
                turns.leave(line)

        return begun

    def _guarded(self, behaviour: Behaviour, method: str) -> Behaviour:
        async def guarded(request: Any, context: Any) -> Any:
            try:
                return await behaviour(request, context)
            except AccioError as error:
                failure = to_status(error)
            except (asyncio.CancelledError, grpc.aio.AbortError):
                raise
            except Exception:  # the boundary: a bug of one call mustn't reach its caller's screen
                reference = secrets.token_hex(4)
                log.exception("call failed", method=method, ref=reference)
                failure = to_status(Internal(f"internal error (ref {reference})"))
            await _abort(context, failure)
            return None

        return guarded


def _claimed(text: str | bytes | None) -> Person | None:
    """Read who a caller says it is; None for what nobody can be called."""
    if not isinstance(text, bytes) or len(text) > _LONGEST_NAME:
        return None
    try:
        return parse_person(text.decode())
    except (ValueProblem, UnicodeDecodeError):
        return None


def _while_it_holds(behaviour: Behaviour) -> Behaviour:
    """End a call when its token ends."""

    async def holding(request: Any, context: Any) -> Any:
        standing = STANDING.get()
        limit = asyncio.timeout(None)
        try:
            async with limit:
                with standing.limiting(limit):
                    return await behaviour(request, context)
        except TimeoutError:
            if not limit.expired():
                raise
            raise Unauthenticated(f"{standing.why_ended}: ask an administrator for another") from None

    return holding


def _refusal(error: AccioError) -> Any:
    """Return the handler of a call that ends at once, whatever its kind is, without a message being taken in."""

    async def refuse(_requests: Any, context: Any) -> None:
        await _abort(context, to_status(error))

    return grpc.stream_stream_rpc_method_handler(refuse)


def _reading_one(behaviour: Behaviour, parse: bounds.Parse) -> Behaviour:
    """Read the one request of a call."""

    async def reading(data: bytes, context: Any) -> Any:
        return await behaviour(bounds.read(parse, data), context)

    return reading


def _reading_stream(behaviour: Behaviour, parse: bounds.Parse) -> Behaviour:
    """Read the requests of a stream as they are taken."""

    async def reading(_requests: Any, context: Any) -> Any:
        stream = Incoming(context, parse)
        try:
            return await behaviour(stream, stream)
        finally:
            await stream.settle()

    return reading


class Incoming:
    """A call whose client sends a stream: gRPC's context, but for the messages, which are read here."""

    def __init__(self, context: Any, parse: bounds.Parse) -> None:
        """Read from gRPC's context of the call; *parse* makes a message of bytes."""
        self._context = context
        self._parse = parse
        self._writing: asyncio.Task[None] | None = None

    async def read(self) -> Any:
        """Return the next message, or `grpc.aio.EOF`; BadRequest if it isn't one, or breaks the contract's bounds."""
        data = await self._context.read()
        return data if data is grpc.aio.EOF else bounds.read(self._parse, data)

    async def write(self, message: Any) -> None:
        """Send a message; waits while the other side's window is full."""
        self._writing = asyncio.get_running_loop().create_task(self._context.write(message))
        await asyncio.shield(self._writing)

    async def settle(self) -> None:
        """Wait for a write whose caller was cancelled: as long as one is on its way, gRPC can't send the call's status,
        and its client would wait for that in vain.
        """
        writing = self._writing
        if writing is None:
            return
        await asyncio.wait((writing,), timeout=LAST_WRITE_S)
        if not writing.cancel() and not writing.cancelled():
            writing.exception()  # whoever waited for it has it, too

    async def __aiter__(self) -> AsyncIterator[Any]:
        """Yield each message until the client has ended its half."""
        while (message := await self.read()) is not grpc.aio.EOF:
            yield message


def _writing(behaviour: Callable[[Any, Any], Any]) -> Behaviour:
    """Turn an asynchronous generator, as foreign services write them, into a coroutine that writes."""
    if not inspect.isasyncgenfunction(behaviour):
        return behaviour

    async def writing(request: Any, context: Any) -> None:
        async for message in behaviour(request, context):
            await context.write(message)

    return writing


async def _abort(context: Any, status: tuple[grpc.StatusCode, str, Trailers]) -> None:
    """End a call with a status. Whoever made it may but return: gRPC raises once more what ends the call.

    gRPC keeps that exception with the call. If it knew of our frames, or of the error that it stands for, they would
    keep the call and all that it had, until the collector of cycles comes: who makes calls that are refused, again and
    again, would make it stop everybody.
    """
    try:
        await context.abort(*status)
    except grpc.aio.AbortError as aborted:
        aborted.__traceback__ = None
