"""One question and its answer, without gRPC's library: for commands, which ask once or twice and end.

To load gRPC, and the asyncio under it, takes a command longer than all that it does with them. What is spoken here is
the same protocol (a unary call of gRPC over HTTP/2, which `h2` speaks) as far as a question needs that finds the daemon
there, on this machine, and answers or refuses. Anything else is no answer here, and whoever asks then asks through
gRPC, which knows the rest. So nothing may be asked in this way that mustn't be asked twice.
"""

import socket
import struct
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import H2Error

from accio import sockets

LARGEST_QUESTION = 16_000
"""Bytes of a question: no frame may be larger than 16,384 until the other side allows it."""
LARGEST_ANSWER = 64 << 20
"""Bytes of an answer, as many as a call through gRPC may have."""

_Header: TypeAlias = tuple[str, str]
_PREFIX = struct.Struct(">BI")  # of a message of gRPC: compressed or not, length
_STREAM = 1
_LONGEST_S = 99_999.0  # gRPC's timeouts have eight digits
_AT_ONCE = 1 << 20
_WINDOW = (1 << 31) - 1 - 65_535  # what more may be sent unasked, so that an answer needn't wait for room


class Unanswered(Exception):
    """There is no answer that could be understood here: ask through gRPC."""


class Refused(Exception):
    """The call ended with a status of gRPC that isn't 0; *trailers* are the other headers that came with it."""

    def __init__(self, status: int, message: str, trailers: Sequence[tuple[str, str | bytes]]) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.trailers = trailers


class BriefDoor:
    """Where the daemon is, asked over a connection of its own each time; by a socket's path, or a host and a port."""

    def __init__(self, place: Path | tuple[str, int], metadata: Sequence[tuple[str, str | bytes]]) -> None:
        self._place = place
        self._metadata = metadata

    def ask(self, call: str, question: bytes, within_s: float) -> bytes:
        """Return what the daemon answers to *question*, put to *call* ("/PACKAGE.SERVICE/METHOD").

        Refused if it answers with an error, Unanswered if it can't be asked or isn't understood, TimeoutError if it
        says nothing for *within_s* seconds, PermissionDenied for a socket that somebody else made.
        """
        if len(question) > LARGEST_QUESTION:
            raise Unanswered
        try:
            with self._connected(within_s) as link:
                return _Call(link).ask(_asking(call, within_s, self._metadata), question)
        except TimeoutError:
            raise
        except (OSError, H2Error, UnicodeDecodeError):
            raise Unanswered from None

    def _connected(self, within_s: float) -> socket.socket:
        if not isinstance(self._place, Path):
            return socket.create_connection(self._place, within_s)
        sockets.require_own(self._place)
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(within_s)
        try:
            link.connect(str(self._place))
        except BaseException:
            link.close()
            raise
        return link


def _asking(call: str, within_s: float, metadata: Sequence[tuple[str, str | bytes]]) -> list[_Header]:
    """Return the headers of a question. `h2` marks the one with the token as to be kept by nobody on the way."""
    own: list[_Header] = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", call),
        (":authority", "localhost"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("grpc-timeout", f"{round(min(max(within_s, 0.001), _LONGEST_S) * 1000)}m"),
    ]
    return [*own, *((name, _written(value)) for name, value in metadata)]


def _written(value: str | bytes) -> str:
    return b64encode(value).rstrip(b"=").decode() if isinstance(value, bytes) else value


class _Call:
    """A call on a connection of its own."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._connection = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._said = bytearray()
        self._headers: dict[str, str] = {}
        self._ended = False

    def ask(self, headers: Sequence[_Header], question: bytes) -> bytes:
        """Return the message that comes in; Refused if the call ended with an error."""
        connection = self._connection
        connection.initiate_connection()
        connection.increment_flow_control_window(_WINDOW)
        connection.send_headers(_STREAM, headers)
        connection.increment_flow_control_window(_WINDOW, _STREAM)
        connection.send_data(_STREAM, _PREFIX.pack(0, len(question)) + question, end_stream=True)
        while not self._ended:
            self._link.sendall(connection.data_to_send())
            received = self._link.recv(_AT_ONCE)
            if not received:  # the daemon went away
                raise Unanswered
            for event in connection.receive_data(received):
                self._take(event)
        _check_status(self._headers)
        return self._message()

    def _take(self, event: Event) -> None:
        if isinstance(event, DataReceived):
            self._said += event.data or b""
        elif isinstance(event, ResponseReceived | TrailersReceived):
            self._headers.update((str(name), str(value)) for name, value in event.headers or ())
        elif isinstance(event, StreamEnded):
            self._ended = True
        elif isinstance(event, StreamReset | ConnectionTerminated):
            raise Unanswered
        if len(self._said) > LARGEST_ANSWER + _PREFIX.size:
            raise Unanswered

    def _message(self) -> bytes:
        if len(self._said) < _PREFIX.size:
            raise Unanswered
        compressed, length = _PREFIX.unpack_from(self._said)
        if compressed or length != len(self._said) - _PREFIX.size:
            raise Unanswered
        return bytes(self._said[_PREFIX.size :])


def _check_status(headers: Mapping[str, str]) -> None:
    """Raise Refused if the headers that ended the call tell of an error."""
    status = headers.get("grpc-status", "")
    if status == "0":
        return
    if not status.isdecimal():
        raise Unanswered
    from urllib.parse import unquote

    trailers = [(name, _bytes_of(value)) for name, value in headers.items() if name.endswith("-bin")]
    raise Refused(int(status), unquote(headers.get("grpc-message", "")), trailers)


def _bytes_of(value: str) -> bytes:
    """Return the bytes in a header: in base64, whose end may be left out."""
    try:
        return b64decode(value + "=" * (-len(value) % 4), validate=True)
    except ValueError:
        raise Unanswered from None
