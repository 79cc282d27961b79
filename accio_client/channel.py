"""A channel to the daemon: one network connection, and the calls that go over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accio.channels import Door
    from accio_client.services import Method

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


class Channel:
    """A channel with a network connection of its own, made when it is first used, and the calls that go over it."""

    def __init__(self, door: Door) -> None:
        self.channel = door.open(_OPTIONS)
        self.streams = 0
        self._calls: dict[str, Callable[..., Any]] = {}

    def of(self, method: Method) -> Callable[..., Any]:
        """Return what gRPC makes of a call: kept, as making it takes longer than calling it."""
        call = self._calls.get(method.path)
        if call is None:
            kinds: dict[tuple[bool, bool], Callable[..., Any]] = {
                (False, False): self.channel.unary_unary,
                (False, True): self.channel.unary_stream,
                (True, False): self.channel.stream_unary,
                (True, True): self.channel.stream_stream,
            }
            call = self._calls[method.path] = kinds[method.kind](
                method.path, request_serializer=method.write, response_deserializer=method.read
            )
        return call
