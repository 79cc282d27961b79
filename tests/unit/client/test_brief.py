"""Questions without gRPC: what comes of what a daemon, or whatever else listens there, sends back."""

import contextlib
import socket
import struct
import tempfile
import threading
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from hypothesis import given, settings
from hypothesis import strategies as st

from accio.errors import PermissionDenied
from accio_client import brief

CALL = "/accio.v1.Accio/List"
WITHIN_S = 60.0
OK = b"\x00\x0bgrpc-status\x010"
"""A header block that is written out: literal, named here, and how long name and value are."""


def frame(kind: int, flags: int, content: bytes, stream: int = 1) -> bytes:
    """Return a frame of HTTP/2 as it travels."""
    return struct.pack(">I", len(content))[1:] + struct.pack(">BBI", kind, flags, stream) + content


def message(content: bytes) -> bytes:
    """Return a message of gRPC that isn't compressed."""
    return struct.pack(">BI", 0, len(content)) + content


def field(name: bytes, value: bytes) -> bytes:
    """Return a header with its name, both short."""
    return b"\x00" + bytes((len(name),)) + name + bytes((len(value),)) + value


def ended(headers: bytes) -> bytes:
    """Return the headers that end a call."""
    return frame(1, 1 | 4, headers)


def headers_in(sent: bytes) -> list[tuple[str, str, bool]]:
    """Return the headers that a client sent, and whether those on the way may keep each."""
    daemon = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
    (asked,) = (event for event in daemon.receive_data(sent) if isinstance(event, RequestReceived))
    return [(str(each[0]), str(each[1]), each.indexable) for each in asked.headers or ()]  # type: ignore[union-attr]  # what h2 hands over knows it


class Answers:
    """Listens at a socket, and sends the same to whoever has asked."""

    def __init__(self, path: Path, sent: bytes) -> None:
        self.path = path
        self.asked = b""
        self._sent = sent
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        link, _ = self._listening.accept()
        with link:
            link.sendall(self._sent)
            link.shutdown(socket.SHUT_WR)
            while some := link.recv(1 << 16):
                self.asked += some

    def close(self) -> None:
        """Wait until everything was received."""
        self._thread.join()
        self._listening.close()


SETTINGS = frame(4, 0, b"", 0)
HEAD = SETTINGS + frame(1, 4, b"\x88")
"""How an answer begins: status 200."""


@pytest.fixture
def answering(tmp_path: Path) -> Callable[[bytes], bytes]:
    """Asks one question of somebody who sends these bytes."""

    def ask(sent: bytes) -> bytes:
        other = Answers(tmp_path / "s", sent)
        try:
            return brief.BriefDoor(other.path, ()).ask(CALL, b"question", WITHIN_S)
        finally:
            other.close()

    return ask


def test_an_answer_in_pieces_is_put_together(answering: Callable[[bytes], bytes]) -> None:
    """Settings, pings and room for more come in between, and a message may be split anywhere."""
    whole = message(b"the answer")
    sent = SETTINGS + frame(6, 0, b"12345678", 0) + frame(1, 4, b"\x88") + frame(0, 0, whole[:7])
    assert answering(sent + frame(8, 0, b"\0\0\1\0", 0) + frame(0, 0, whole[7:]) + ended(OK)) == b"the answer"


def test_what_is_sent_is_the_question_with_what_the_caller_is_known_by(tmp_path: Path) -> None:
    """The token is marked as nobody else's to keep; bytes are in base64."""
    other = Answers(tmp_path / "s", HEAD + frame(0, 0, message(b"")) + ended(OK))
    metadata = (("authorization", "Bearer x"), ("accio-user-bin", "Zoë".encode()))
    assert brief.BriefDoor(other.path, metadata).ask(CALL, b"question", WITHIN_S) == b""
    other.close()
    assert other.asked.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert message(b"question") in other.asked
    name = b64encode("Zoë".encode()).rstrip(b"=").decode()
    headers = [each for each in headers_in(other.asked) if each[0] in dict(metadata)]
    assert headers == [("authorization", "Bearer x", False), ("accio-user-bin", name, True)]


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        HEAD + frame(0, 0, message(b"no end")),
        HEAD + frame(0, 1, message(b"no status")),
        HEAD + frame(0, 0, message(b"no status")) + ended(field(b"grpc-message", b"")),
        frame(0, 0, message(b"no head")) + ended(OK),
        HEAD + ended(OK),
        HEAD + frame(0, 0, message(b"cut")[:-1]) + ended(OK),
        HEAD + frame(0, 0, b"\x01" + message(b"packed")[1:]) + ended(OK),
        HEAD + frame(0, 0, message(b"one") + message(b"two")) + ended(OK),
        HEAD + frame(0, 0, message(b"another stream"), 3) + ended(OK),
        HEAD + frame(0, 0, message(b"")) + ended(b"\x00\x0bgrpc-st"),
        HEAD + frame(0, 0, message(b"")) + ended(b"\x00\xff"),
        HEAD + frame(3, 0, b"\0\0\0\7"),
        HEAD + frame(7, 0, b"\0" * 8, 0),
        HEAD + ended(field(b"grpc-status", b"no")),
        HEAD + ended(field(b"grpc-status", b"3") + field(b"grpc-message", b"\xff")),
        HEAD + ended(field(b"grpc-status", b"3") + field(b"grpc-status-details-bin", b"?")),
    ],
)
def test_what_is_not_understood_is_no_answer(sent: bytes, answering: Callable[[bytes], bytes]) -> None:
    """It is neither taken for an answer nor for an error: gRPC is asked then."""
    with pytest.raises(brief.Unanswered):
        answering(sent)


@pytest.mark.parametrize("details", [b64encode(b"\x08\x03").rstrip(b"="), b64encode(b"\x08\x03")])
def test_an_error_is_told_with_its_details(details: bytes, answering: Callable[[bytes], bytes]) -> None:
    """Texts are percent-encoded, bytes come in base64."""
    headers = field(b"grpc-status", b"3") + field(b"grpc-message", b"Zo%C3%AB 100%25")
    with pytest.raises(brief.Refused) as caught:
        answering(HEAD + ended(headers + field(b"grpc-status-details-bin", details)))
    error = caught.value
    assert (error.status, error.message) == (3, "Zoë 100%")
    assert error.trailers == [("grpc-status-details-bin", b"\x08\x03")]


@given(st.binary(max_size=60), st.binary(max_size=60))
@settings(max_examples=50, deadline=None)
def test_whatever_comes_is_an_answer_a_refusal_or_none(headers: bytes, after: bytes) -> None:
    """Nothing that a stranger at the socket may send raises anything else."""
    with tempfile.TemporaryDirectory() as folder:
        other = Answers(Path(folder) / "s", SETTINGS + frame(1, 4, b"\x88" + headers) + after)
        with contextlib.suppress(brief.Unanswered, brief.Refused):
            brief.BriefDoor(other.path, ()).ask(CALL, b"question", WITHIN_S)
        other.close()


def test_who_says_nothing_is_waited_for_no_longer_than_said(tmp_path: Path) -> None:
    """The time is over, and that isn't asked again."""
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        with pytest.raises(TimeoutError):
            brief.BriefDoor(tmp_path / "s", ()).ask(CALL, b"", 0.05)


def test_nobody_there_and_long_questions_are_left_to_grpc(tmp_path: Path) -> None:
    """Where nothing was sent, nothing is known."""
    door = brief.BriefDoor(tmp_path / "s", ())
    for question in (b"", b"x" * (brief.LARGEST_QUESTION + 1)):
        with pytest.raises(brief.Unanswered):
            door.ask(CALL, question, WITHIN_S)


def test_a_socket_that_somebody_else_made_gets_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner is told, and it is never connected to."""
    monkeypatch.setattr("accio.sockets.owner_of", lambda _: 123_456_789)
    with pytest.raises(PermissionDenied, match="123456789"):
        brief.BriefDoor(tmp_path / "s", ()).ask(CALL, b"", WITHIN_S)
