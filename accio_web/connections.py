"""How long a connection may owe us something, and how many may: whoever sends a request without an end, or doesn't read
its answer, takes none of the others' descriptors.

A connection *waits* while the rest of a request is to come: its head or its body. One that waits, or doesn't read, for
too long is cut. Of more than MOST_WAITING the oldest is cut, of the address that has most of them: so who floods us
cuts his own, and others, who send a request as soon as they connect, are served meanwhile.
"""

import asyncio
import socket
from collections import Counter
from contextlib import suppress

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_WAITING = 256
"""Connections that wait at once; those whose request came whole don't count."""


class Connection(H11Protocol):
    """A connection of a browser, with bounds."""

    HEAD_S = 20.0
    """Seconds for the head of a request, from the connection or the answer before on."""
    BODY_S = 60.0
    """Seconds for the rest of it."""
    UNREAD_S = 60.0
    """Seconds for which an answer may lie here unread."""

    waiting_since = 0.0
    """By the loop's clock."""

    _waited_for: object = None  # what is to come: h11's state of the peer; None: nothing
    _cut_waiting: asyncio.TimerHandle | None = None
    _cut_unread: asyncio.TimerHandle | None = None

    def is_waiting(self) -> bool:
        """Return whether the rest of a request is to come."""
        return self._waited_for is not None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """Wait for a request; cut another connection if too many wait."""
        super().connection_made(transport)
        stream = transport.get_extra_info("socket")
        if stream is not None and stream.family != socket.AF_UNIX:
            with suppress(OSError):  # what the kernel holds, nobody reads, and nobody confirms
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self.UNREAD_S * 1000))
        self._wait()
        self._make_room()

    def data_received(self, data: bytes) -> None:
        """Read on, and note what is to come."""
        super().data_received(data)
        self._wait()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cut nothing any more."""
        super().connection_lost(exc)
        self._waited_for = None
        self._unset(self._cut_waiting, self._cut_unread)

    def pause_writing(self) -> None:
        """Note that an answer isn't read."""
        super().pause_writing()
        self._cut_unread = self.loop.call_later(self.UNREAD_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Note that it is read again."""
        super().resume_writing()
        self._unset(self._cut_unread)

    def _wait(self) -> None:
        """Wait for what is to come now; for what was waited for already, no longer than that."""
        state = self.conn.their_state
        owed = state if state in (h11.IDLE, h11.SEND_BODY) and not self.transport.is_closing() else None
        if owed is self._waited_for:
            return
        self._unset(self._cut_waiting)
        self._waited_for = owed
        if owed is not None:
            self.waiting_since = self.loop.time()
            patience = self.HEAD_S if owed is h11.IDLE else self.BODY_S
            self._cut_waiting = self.loop.call_later(patience, self.transport.abort)

    def _make_room(self) -> None:
        waiting = [each for each in self.connections if isinstance(each, Connection) and each.is_waiting()]
        if len(waiting) > MOST_WAITING:
            ((most, _),) = Counter(each.peer() for each in waiting).most_common(1)
            oldest = min((each for each in waiting if each.peer() == most), key=lambda each: each.waiting_since)
            oldest.transport.abort()

    def peer(self) -> str:
        """Return the address at the other side; none of a socket in the file system."""
        return "" if self.client is None else self.client[0]

    @staticmethod
    def _unset(*timers: asyncio.TimerHandle | None) -> None:
        for timer in timers:
            if timer is not None:
                timer.cancel()
