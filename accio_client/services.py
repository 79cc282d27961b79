"""The calls of a service, made from its description as they are used.

gRPC's generated stubs make every call of a service at once, and with them come classes for servers: a command needs one
or two calls, and would wait longer for all of them than for its answer.
"""

from typing import Any

import grpc.aio
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass


class Service:
    """What a generated stub is: an attribute per call."""

    def __init__(self, channel: grpc.aio.Channel, service: ServiceDescriptor) -> None:
        self._channel = channel
        self._service = service

    def __getattr__(self, name: str) -> Any:
        method = self._service.methods_by_name.get(name)
        if method is None:
            raise AttributeError(f"the service {self._service.full_name} has no call {name!r}")
        call = self._call_of(method)
        setattr(self, name, call)
        return call

    def _call_of(self, method: MethodDescriptor) -> Any:
        channel = self._channel
        kinds = {
            (False, False): channel.unary_unary,
            (False, True): channel.unary_stream,
            (True, False): channel.stream_unary,
            (True, True): channel.stream_stream,
        }
        return kinds[method.client_streaming, method.server_streaming](
            f"/{self._service.full_name}/{method.name}",
            request_serializer=GetMessageClass(method.input_type).SerializeToString,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
