"""The agent's end of the socket at which a daemon of the same machine and user asks about the code of operators."""

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from accio.errors import AccioError
from accio.look_line import ANSWER, MOST_BYTES, QUESTION
from accio.sockets import owner_of


class LookLine:
    """At most one connection, for as long as a session lasts."""

    def __init__(self, told: Callable[[], int], spawn: Callable[[Coroutine[Any, Any, None], str], None]) -> None:
        """*told* says how often something was told of the code in this session, up to which nothing is new, or UNSURE;
        *spawn* runs a task.
        """
        self._told = told
        self._spawn = spawn
        self._connection: socket.socket | None = None
        self._session = 0

    def begin_session(self, place: str, key: bytes) -> None:
        """Connect at the *place* that a Welcome told, if it is there and this user's own."""
        self.end_session()
        if place and key:
            self._spawn(self._connect(Path(place), key, self._session), "connect to be asked about code")

    def end_session(self) -> None:
        """Hang up."""
        self._session += 1
        connection, self._connection = self._connection, None
        if connection is not None:
            asyncio.get_running_loop().remove_reader(connection)
            connection.close()

    async def _connect(self, place: Path, key: bytes, session: int) -> None:
        connection = await asyncio.to_thread(_connected, place, key)  # the path may lie on a server that is away
        if connection is None:
            return
        if session != self._session:
            connection.close()
            return
        self._connection = connection
        asyncio.get_running_loop().add_reader(connection, self._on_readable, connection)

    def _on_readable(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(MOST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if len(data) != QUESTION.size:
            self.end_session()
            return
        (number,) = QUESTION.unpack(data)
        try:
            connection.send(ANSWER.pack(number, self._told()))
        except OSError:  # it is gone, or doesn't read: it asks within the session what isn't answered here
            self.end_session()


def _connected(place: Path, key: bytes) -> socket.socket | None:
    """Connect, and say whose session it is; None if there is no daemon of this user."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        if owner_of(place) == os.geteuid():
            connection.setblocking(False)
            connection.connect(str(place))
            connection.send(key)
            return connection
    except (OSError, AccioError):  # it is on another machine, or not for this user
        pass
    connection.close()
    return None
