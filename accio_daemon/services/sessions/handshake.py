"""How every session begins: whoever dials says who it is, soon, and before anything else."""

import asyncio
from typing import Any, TypeVar

import grpc.aio
from google.protobuf.message import Message

from accio.errors import BadRequest, Unavailable
from accio_daemon.services.transport.rpc import Stream

HANDSHAKE_S = 5.0

H = TypeVar("H", bound=Message)


async def read_hello(stream: Stream[Any, Any], kind: type[H]) -> H:
    """Read the first message of a session, which must be a hello of this kind; Unavailable if none comes in time."""
    try:
        async with asyncio.timeout(HANDSHAKE_S):
            message = await stream.read()
    except TimeoutError:
        raise Unavailable(f"expected a hello within {HANDSHAKE_S:g} seconds, found nothing") from None
    if message is grpc.aio.EOF or not message.HasField("hello"):
        raise BadRequest("expected a hello as the first message of the session")
    hello = message.hello
    assert isinstance(hello, kind)
    return hello
