"""How gRPC calls reach plain methods.

A service of the contract is offered by ordinary objects: the rpc `PushWorkflow` is the method `push_workflow` of
whichever of them has it. A unary rpc's method takes the request and gives the response; a server stream's takes the
request and a function that sends; one with a client stream takes the stream itself. So services know neither gRPC's
contexts nor its generators, and can be called without a network.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

M = TypeVar("M", bound=Message)
In = TypeVar("In", bound=Message, covariant=True)
Out = TypeVar("Out", bound=Message, contravariant=True)

Send = Callable[[M], Awaitable[None]]
"""Sends one message to the client; waits while the client's window is full."""

SendEncoded = Callable[[M | bytes], Awaitable[None]]
"""The same for large messages, and for those that many get: whoever has encoded one elsewhere, or before, sends its
bytes.
"""


class Stream(Protocol[In, Out]):
    """Both directions of a streaming call. Only one task may write, and only one may read."""

    async def read(self) -> In | Any:
        """Return the next message, or `grpc.aio.EOF` once the other side has ended its half."""
        ...

    async def write(self, message: Out) -> None:
        """Send a message; waits while the other side's window is full."""
        ...


def snake(name: str) -> str:
    """Return the method name of an rpc: `PushWorkflow` is `push_workflow`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def methods_of(service: ServiceDescriptor, parts: Iterable[object]) -> dict[str, Callable[..., Awaitable[Any]]]:
    """Find the method of each rpc among *parts*; an rpc that nobody offers, or two do, is a LookupError."""
    parts = tuple(parts)
    found: dict[str, Callable[..., Awaitable[Any]]] = {}
    for method in service.methods:
        offers = [getattr(part, snake(method.name)) for part in parts if hasattr(part, snake(method.name))]
        if len(offers) != 1:
            raise LookupError(f"{service.full_name}.{method.name} is offered by {len(offers)} parts, expected one")
        found[method.name] = offers[0]
    return found


def offer(service: ServiceDescriptor, *parts: object) -> grpc.GenericRpcHandler:
    """Return gRPC's handlers of a service whose rpcs are methods of *parts*."""
    offered = methods_of(service, parts)
    handlers = {method.name: _handler(method, offered[method.name]) for method in service.methods}
    return grpc.method_handlers_generic_handler(service.full_name, handlers)


def _encoder(encode: Callable[[Message], bytes]) -> Callable[[Message | bytes], bytes]:
    """Return what encodes messages that aren't yet."""
    return lambda message: message if isinstance(message, bytes) else encode(message)


def _handler(method: MethodDescriptor, call: Callable[..., Awaitable[Any]]) -> Any:
    codec: dict[str, Any] = {
        "request_deserializer": GetMessageClass(method.input_type).FromString,
        "response_serializer": GetMessageClass(method.output_type).SerializeToString,
    }

    if method.server_streaming:
        codec["response_serializer"] = _encoder(codec["response_serializer"])

    async def unary(request: Message, _context: Any) -> Any:
        return await call(request)

    async def server_stream(request: Message, context: Any) -> None:
        await call(request, context.write)

    async def client_stream(_requests: Any, context: Any) -> Any:
        return await call(context)

    if method.client_streaming and method.server_streaming:
        return grpc.stream_stream_rpc_method_handler(client_stream, **codec)
    if method.client_streaming:
        return grpc.stream_unary_rpc_method_handler(client_stream, **codec)
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(server_stream, **codec)
    return grpc.unary_unary_rpc_method_handler(unary, **codec)
