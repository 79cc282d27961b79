"""What stands before every call: the token is checked, and errors become status codes.

An AccioError is told to the caller as it is; anything else is a bug, whose text goes to the log under a reference
that the caller is given. It holds for every service of the server, health and reflection included.
"""

import asyncio
import inspect
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import grpc
import grpc.aio
import structlog

from accio.errors import AccioError, Internal
from accio.wire import to_status
from accio_daemon.services.auth import IDENTITY, Tokens

log = structlog.get_logger(__name__)

Observe = Callable[[str, float], None]
"""Told the duration of each unary call, in seconds."""


def unobserved(method: str, seconds: float) -> None:
    """Tell nobody."""


Behaviour = Callable[[Any, Any], Awaitable[Any]]


class Guard(grpc.aio.ServerInterceptor):
    """Wraps the behaviour of each method, once."""

    def __init__(self, tokens: Tokens, observe: Observe) -> None:
        """Take the tokens that open the daemon, and who wants to know how long calls take."""
        self._tokens = tokens
        self._observe = observe
        self._wrapped: dict[str, Any] = {}

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        """Give the wrapped handler of a call."""
        handler = self._wrapped.get(details.method)
        if handler is None:
            inner = await continuation(details)
            if inner is None:  # no such method: gRPC answers UNIMPLEMENTED
                return None
            handler = self._wrapped[details.method] = self._wrap(inner, details.method)
        return handler

    def _wrap(self, handler: Any, method: str) -> Any:
        codec = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        for kind in ("unary_unary", "unary_stream", "stream_unary", "stream_stream"):
            if behaviour := getattr(handler, kind):
                make = getattr(grpc, f"{kind}_rpc_method_handler")
                guarded = self._guarded(_writing(behaviour), method)
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

    def _guarded(self, behaviour: Behaviour, method: str) -> Behaviour:
        async def guarded(request: Any, context: Any) -> Any:
            try:
                IDENTITY.set(self._tokens.identify(dict(context.invocation_metadata() or ()).get("authorization")))
                return await behaviour(request, context)
            except AccioError as error:
                await _abort(context, error)
            except (asyncio.CancelledError, grpc.aio.AbortError):
                raise
            except Exception:  # the boundary: a bug of one call mustn't reach its caller's screen
                reference = secrets.token_hex(4)
                log.exception("call failed", method=method, ref=reference)
                await _abort(context, Internal(f"internal error (ref {reference})"))

        return guarded


def _writing(behaviour: Callable[[Any, Any], Any]) -> Behaviour:
    """Turn an asynchronous generator, as foreign services write them, into a coroutine that writes."""
    if not inspect.isasyncgenfunction(behaviour):
        return behaviour

    async def writing(request: Any, context: Any) -> None:
        async for message in behaviour(request, context):
            await context.write(message)

    return writing


async def _abort(context: Any, error: AccioError) -> NoReturn:
    code, message, trailers = to_status(error)
    await context.abort(code, message, trailers)
    raise AssertionError("abort returned")
