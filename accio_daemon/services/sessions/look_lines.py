"""The socket at which agents of this machine and user say whether the code of their operators is as they told.

An agent answers as it does within its session (`CodeLook`), in less time: no thread of gRPC is woken up on the way. Who
submits waits for that, so it counts. Where there is no such line, or any doubt, agents are asked in the session.
"""

import asyncio
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import structlog

from accio import sockets
from accio.look_line import ANSWER, KEY_BYTES, MOST_BYTES, QUESTION

log = structlog.get_logger(__name__)

NAME = "looks.sock"
INTRODUCTION_S = 5.0
"""How long a connection may take to say whose it is."""


class Asked(Protocol):
    """A session whose agent may be asked here."""

    looks_key: bytes
    line: "LookLine | None"

    def line_answered(self, number: int, told: int) -> None:
        """Note an answer: how often the agent has told something until nothing was new, or UNSURE."""
        ...

    def line_lost(self) -> None:
        """Note that what was asked isn't answered any more."""
        ...


class LookLine:
    """The connection of one agent, from when it was accepted on."""

    def __init__(self, connection: socket.socket, lines: "LookLines") -> None:
        """Wait for the key of a session of *lines*."""
        self._connection = connection
        self._lines = lines
        self._session: Asked | None = None
        loop = asyncio.get_running_loop()
        loop.add_reader(connection, self._on_readable)
        loop.call_later(INTRODUCTION_S, self._require_session)

    def ask(self, number: int) -> bool:
        """Ask for a look; False if that can't be asked here."""
        try:
            return self._connection.send(QUESTION.pack(number)) == QUESTION.size
        except OSError:  # it is gone, or doesn't read
            return False

    def close(self) -> None:
        """Hang up."""
        if self._connection.fileno() < 0:
            return
        asyncio.get_running_loop().remove_reader(self._connection)
        self._connection.close()
        self._lines.closed(self)
        session, self._session = self._session, None
        if session is not None and session.line is self:
            session.line = None
            session.line_lost()

    def _require_session(self) -> None:
        if self._session is None:
            self.close()

    def take(self) -> bool:
        """Read the next answer if it has come, which the event loop would find in its next turn; return whether."""
        if self._connection.fileno() < 0:
            return False
        try:
            data = self._connection.recv(MOST_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        self._heard(data)
        return True

    def _on_readable(self) -> None:
        self.take()

    def _heard(self, data: bytes) -> None:
        if self._session is None:
            self._session = self._lines.session_of(data)
            if self._session is None:
                self.close()
            else:
                self._session.line = self
        elif len(data) == ANSWER.size:
            self._session.line_answered(*ANSWER.unpack(data))
        else:
            self.close()


class LookLines:
    """The socket, and the sessions whose agents may connect there, by their keys."""

    def __init__(self) -> None:
        """Listen nowhere yet."""
        self.place = ""
        self._expected: dict[bytes, Asked] = {}
        self._lines: set[LookLine] = set()

    @contextmanager
    def listening(self, data: Path) -> Iterator[None]:
        """Listen in the data folder, which is this user's alone; nowhere if it can have no such socket."""
        path = data / NAME
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.setblocking(False)
            try:
                path.unlink(missing_ok=True)
                if sockets.fits(path):
                    listener.bind(str(path))
                    listener.listen()
                    self.place = str(path)
            except OSError as error:
                log.debug("agents are asked about their code within sessions alone", reason=str(error))
            if not self.place:
                yield
                return
            loop = asyncio.get_running_loop()
            loop.add_reader(listener, self._accept, listener)
            try:
                yield
            finally:
                loop.remove_reader(listener)
                for line in [*self._lines]:
                    line.close()
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    def key(self) -> bytes:
        """Return what the agent of a new session is to say here; nothing if it can't come."""
        return secrets.token_bytes(KEY_BYTES) if self.place else b""

    def expect(self, session: Asked) -> None:
        """Expect the agent of a session, if that has a key."""
        if session.looks_key:
            self._expected[session.looks_key] = session

    def forget(self, session: Asked) -> None:
        """Hang up, as a session has ended."""
        self._expected.pop(session.looks_key, None)
        if session.line is not None:
            session.line.close()

    def session_of(self, key: bytes) -> Asked | None:
        """Return whose key it is; it is good for one connection."""
        return self._expected.pop(key, None)

    def closed(self, line: LookLine) -> None:
        """Forget a connection."""
        self._lines.discard(line)

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:  # it has gone again, or there are too many files
            return
        connection.setblocking(False)
        self._lines.add(LookLine(connection, self))
