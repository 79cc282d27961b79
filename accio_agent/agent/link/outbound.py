"""What waits to be sent to the daemon: reports in groups, and everything else one by one before them."""

import asyncio
from collections import deque
from collections.abc import Iterable
from itertools import islice

from accio.v1 import agents_pb2
from accio.wire.report_columns import Numbered, in_columns, plain_report
from accio.wire.reports import numbered, together

REPORTS_PER_MESSAGE = 128
BYTES_PER_MESSAGE = 1 << 20


class Outbound:
    """Between the agent, which never waits, and the one task that writes to the stream.

    Reports are bounded by what the daemon gave out. Of the rest, what waits when a session ends is dropped, and so is
    what is put while there is none: the next one begins with all that the daemon must hear.
    """

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque()
        self._reports: deque[bytes | Numbered] = deque()
        self._columns = False
        self._filled = asyncio.Event()
        self.is_open = False  # whether there is a session

    def __repr__(self) -> str:
        state = "open" if self.is_open else "closed"
        return f"<Outbound {state}, {len(self._messages)} messages, {len(self._reports)} reports>"

    def open(self, *, columns: bool = False) -> None:
        """Begin with nothing, as a session does; *columns* says whether its daemon reads them."""
        self._clear()
        self.is_open = True
        self._columns = columns

    def close(self) -> None:
        """Drop everything, as the session has ended."""
        self._clear()
        self.is_open = False

    def put(self, message: agents_pb2.AgentMessage) -> None:
        """Have a message sent; without a session it is dropped."""
        if self.is_open:
            self._messages.append(message.SerializeToString())
            self._filled.set()

    def put_reports(self, reports: Iterable[bytes | Numbered]) -> None:
        """Have numbered reports sent, of which the journal knows; only in a session."""
        self._reports.extend(reports if self._columns else map(_serialised, reports))
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
        return self._in_columns() if isinstance(self._reports[0], tuple) else self._together()

    def _in_columns(self) -> bytes:
        """Pop the plain reports that come first; they are short."""
        group: list[Numbered] = []
        for each in islice(self._reports, REPORTS_PER_MESSAGE):
            if not isinstance(each, tuple):
                break
            group.append(each)
        for _ in group:
            self._reports.popleft()
        return in_columns(group)

    def _together(self) -> bytes:
        """Pop the reports before the next plain one."""
        reports = self._reports
        group: list[bytes] = []
        size = 0
        while reports and len(group) < REPORTS_PER_MESSAGE and size < BYTES_PER_MESSAGE:
            if isinstance(first := reports[0], tuple):
                break
            group.append(first)
            size += len(first)
            reports.popleft()
        return together(group)


def _serialised(report: bytes | Numbered) -> bytes:
    return report if isinstance(report, bytes) else numbered(report[0], plain_report(report[1]))
