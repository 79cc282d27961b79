"""What waits to be sent to the daemon: reports in groups, and everything else one by one before them."""

import asyncio
from collections import deque
from collections.abc import Iterable

from accio.v1 import agents_pb2
from accio.wire.reports import together

REPORTS_PER_MESSAGE = 128
BYTES_PER_MESSAGE = 1 << 20


class Outbound:
    """Between the agent, which never waits, and the one task that writes to the stream.

    Reports are bounded by what the daemon gave out. Of the rest, what waits when a session ends is dropped, and so is
    what is put while there is none: the next one begins with all that the daemon must hear.
    """

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque()
        self._reports: deque[bytes] = deque()
        self._filled = asyncio.Event()
        self.is_open = False  # whether there is a session

    def __repr__(self) -> str:
        state = "open" if self.is_open else "closed"
        return f"<Outbound {state}, {len(self._messages)} messages, {len(self._reports)} reports>"

    def open(self) -> None:
        """Begin with nothing, as a session does."""
        self._clear()
        self.is_open = True

    def close(self) -> None:
        """Drop everything, as the session has ended."""
        self._clear()
        self.is_open = False

    def put(self, message: agents_pb2.AgentMessage) -> None:
        """Have a message sent; without a session it is dropped."""
        if self.is_open:
            self._messages.append(message.SerializeToString())
            self._filled.set()

    def put_reports(self, serialised: Iterable[bytes]) -> None:
        """Have numbered reports sent, of which the journal knows; only in a session."""
        self._reports.extend(serialised)
        if self._reports:
            self._filled.set()

    def _clear(self) -> None:
        self._messages.clear()
        self._reports.clear()
        self._filled.clear()

    async def next(self) -> bytes:
        """Wait for something to send, and return it as one serialised AgentMessage."""
        if not self._messages and not self._reports:
            self._filled.clear()
            await self._filled.wait()
        if self._messages:
            return self._messages.popleft()
        group: list[bytes] = []
        size = 0
        while self._reports and len(group) < REPORTS_PER_MESSAGE and size < BYTES_PER_MESSAGE:
            group.append(self._reports.popleft())
            size += len(group[-1])
        return together(group)
