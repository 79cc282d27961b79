"""The calls of a service, made from its description as they are used.

gRPC's generated stubs make every call of a service at once, and with them come classes for servers: a command needs one
or two calls, and would wait longer for all of them than for its answer.
"""

from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import FileDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

Metadata = tuple[tuple[str, str | bytes], ...]
"""What comes with each call beside the question."""


class Method:
    """One call of a service: its path, how a question is written, how an answer is read, which of them are streams."""

    __slots__ = ("kind", "path", "read", "write")

    def __init__(self, method: MethodDescriptor) -> None:
        self.path = f"/{method.containing_service.full_name}/{method.name}"
        self.write = GetMessageClass(method.input_type).SerializeToString
        self.read = GetMessageClass(method.output_type).FromString
        self.kind = (method.client_streaming, method.server_streaming)

    def __repr__(self) -> str:
        return f"Method({self.path!r})"


class Kept:
    """A call that asks for one stream after the other, in place of calls that ask for one each.

    `is_last` tells whether an answer ends its stream, so that the call may be asked for another one.
    """

    __slots__ = ("is_last", "method")

    def __init__(self, method: Any, is_last: Callable[[Any], bool]) -> None:
        assert isinstance(method, Method)
        self.method = method
        self.is_last = is_last


class Service:
    """What a generated stub is: an attribute per call, for which a `Connection` asks."""

    def __init__(self, service: ServiceDescriptor) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Method:
        method = self._service.methods_by_name.get(name)
        if method is None:
            raise AttributeError(f"the service {self._service.full_name} has no call {name!r}")
        made = Method(method)
        setattr(self, name, made)
        return made


def service(file: FileDescriptor, name: str) -> Any:
    """Return a service of a file of the contract; its type is that of the generated stub."""
    return Service(file.services_by_name[name])
