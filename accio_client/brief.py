"""One question and its answer, without gRPC's library: for commands, which ask once or twice and end.

To load gRPC, and the asyncio under it, takes a command longer than all that it does with them. What is spoken here is
the same protocol (a unary call of gRPC over HTTP/2, RFC 9113) as far as a question needs that finds the daemon there,
on this machine, and answers or refuses. Anything else is no answer here, and whoever asks then asks through gRPC, which
knows the rest of the protocol. So nothing may be asked in this way that mustn't be asked twice.
"""

import socket
import struct
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from accio import sockets

LARGEST_QUESTION = 16_000
"""Bytes of a question: no frame may be larger than 16,384 until the other side allows it."""
LARGEST_ANSWER = 64 << 20
"""Bytes of an answer, as many as a call through gRPC may have."""

_DATA, _HEADERS, _SETTINGS, _PING, _WINDOW = 0, 1, 4, 6, 8
_UNDERSTOOD = frozenset((_DATA, _HEADERS, _SETTINGS, _PING, _WINDOW))
_ACK = _END_STREAM = 1
_LONGEST_S = 99_999.0  # gRPC's timeouts have eight digits
_END_HEADERS = 4
_PADDED_OR_PRIORITISED = 0x28
_FRAME = struct.Struct(">HBBBI")  # the upper 16 of 24 bits of length, the lower 8, type, flags, stream
_PREFIX = struct.Struct(">BI")  # of a message of gRPC: compressed or not, length
_STREAM = 1
_WHOLE_WINDOW = (1 << 31) - 1
_SENT_SETTINGS = ((1, 0), (4, _WHOLE_WINDOW), (0xFE03, 1))
"""No headers are remembered (nor told by a number then), answers needn't wait for room, and bytes in headers travel as
bytes, which is gRPC's own setting.
"""
_OPENING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


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
            with self._connected(within_s) as link, link.makefile("rb") as incoming:
                link.sendall(_asking(call, question, within_s, self._metadata))
                return _answer(link, incoming)
        except TimeoutError:
            raise
        except OSError:
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


def _asking(call: str, question: bytes, within_s: float, metadata: Sequence[tuple[str, str | bytes]]) -> bytes:
    """Return all that is sent: what one may be sent in turn, the headers, the question."""
    settings = b"".join(struct.pack(">HI", *each) for each in _SENT_SETTINGS)
    headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", call),
        (":authority", "localhost"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("grpc-timeout", f"{round(min(max(within_s, 0.001), _LONGEST_S) * 1000)}m"),
        *metadata,
    ]
    return b"".join(
        (
            _OPENING,
            _frame(_SETTINGS, 0, 0, settings),
            _frame(_WINDOW, 0, 0, struct.pack(">I", _WHOLE_WINDOW - 65_535)),
            _frame(_HEADERS, _END_HEADERS, _STREAM, b"".join(_field(*each) for each in headers)),
            _frame(_DATA, _END_STREAM, _STREAM, _PREFIX.pack(0, len(question)) + question),
        )
    )


def _frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    return _FRAME.pack(len(content) >> 8, len(content) & 0xFF, kind, flags, stream) + content


def _field(name: str, value: str | bytes) -> bytes:
    """Return a header as it travels: written out, and never to be kept by anybody on the way (RFC 7541, 6.2.3)."""
    written = b64encode(value).rstrip(b"=") if isinstance(value, bytes) else value.encode()
    return b"\x10" + _text(name.encode()) + _text(written)


def _text(text: bytes) -> bytes:
    return _number(len(text), 7) + text


def _number(number: int, bits: int) -> bytes:
    """Return a number as headers have it, whose first byte has room for so many bits (RFC 7541, 5.1)."""
    most = (1 << bits) - 1
    if number < most:
        return bytes((number,))
    written, number = bytearray((most,)), number - most
    while number >= 128:
        written.append(number & 127 | 128)
        number >>= 7
    written.append(number)
    return bytes(written)


def _answer(link: socket.socket, incoming: BinaryIO) -> bytes:
    """Return the message that comes in; Refused if the call ended with an error."""
    said = bytearray()
    while True:
        kind, flags, content = _next_frame(incoming)
        if kind in (_SETTINGS, _PING) and not flags & _ACK:
            link.sendall(_frame(kind, _ACK, 0, content if kind == _PING else b""))
        if kind == _DATA:
            said += content
        if len(said) > LARGEST_ANSWER + _PREFIX.size:
            raise Unanswered
        if kind in (_DATA, _HEADERS) and flags & _END_STREAM:
            break
    if kind != _HEADERS:  # the status comes last, with headers of its own
        raise Unanswered
    _check_status(_fields(content))
    if len(said) < _PREFIX.size:
        raise Unanswered
    compressed, length = _PREFIX.unpack_from(said)
    if compressed or length != len(said) - _PREFIX.size:
        raise Unanswered
    return bytes(said[_PREFIX.size :])


def _check_status(fields: Mapping[str, bytes | None]) -> None:
    """Raise Refused if the headers that ended the call tell of an error."""
    status = fields.get("grpc-status") or b""
    if status == b"0":
        return
    if not status.isdigit() or None in fields.values():  # a text that can't be read may be what the error is about
        raise Unanswered
    from urllib.parse import unquote_to_bytes

    message = unquote_to_bytes(fields.get("grpc-message") or b"").decode(errors="replace")
    trailers = [(name, _bytes_of(value or b"")) for name, value in fields.items() if name.endswith("-bin")]
    raise Refused(int(status), message, trailers)


def _bytes_of(value: bytes) -> bytes:
    """Return the bytes in a header: behind a zero as they are, else in base64, whose end may be left out."""
    if value[:1] == b"\0":
        return value[1:]
    try:
        return b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except ValueError:
        raise Unanswered from None


def _next_frame(incoming: BinaryIO) -> tuple[int, int, bytes]:
    """Return kind, flags and content of what comes next; Unanswered for what needs a better reader than this."""
    upper, lower, kind, flags, stream = _FRAME.unpack(_exactly(incoming, _FRAME.size))
    in_parts = kind == _HEADERS and not flags & _END_HEADERS
    if kind not in _UNDERSTOOD or in_parts or flags & _PADDED_OR_PRIORITISED or stream not in (0, _STREAM):
        raise Unanswered
    return kind, flags, _exactly(incoming, upper << 8 | lower)


def _exactly(incoming: BinaryIO, size: int) -> bytes:
    found = incoming.read(size)
    if len(found) < size:  # the daemon went away
        raise Unanswered
    return found


def _fields(headers: bytes) -> dict[str, bytes | None]:
    """Return the headers whose names are written out plainly, with their values: None for one that is packed.

    Those that are known by number mean nothing here (RFC 7541, 6).
    """
    found: dict[str, bytes | None] = {}
    at = 0
    try:
        while at < len(headers):
            first = headers[at]
            if first & 0x80:  # name and value by a number
                _, at = _read_number(headers, at, 7)
            elif first & 0x60 == 0x20:  # how many are remembered: none
                _, at = _read_number(headers, at, 5)
            else:
                index, at = _read_number(headers, at, 6 if first & 0x40 else 4)
                name, at = (b"", at) if index else _read_text(headers, at)
                value, at = _read_text(headers, at)
                if not index:
                    found[(name or b"").decode("latin-1")] = value
    except IndexError:
        raise Unanswered from None
    return found


def _read_number(headers: bytes, at: int, bits: int) -> tuple[int, int]:
    """Return the number that stands there, and where the next thing does."""
    most = (1 << bits) - 1
    number, at, shift = headers[at] & most, at + 1, 0
    if number < most:
        return number, at
    while True:
        number += (headers[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if not headers[at - 1] & 128:
            return number, at


def _read_text(headers: bytes, at: int) -> tuple[bytes | None, int]:
    """Return the text that stands there (None for one that is packed), and where the next thing does."""
    packed = headers[at] & 0x80
    length, at = _read_number(headers, at, 7)
    return None if packed else headers[at : at + length], at + length
