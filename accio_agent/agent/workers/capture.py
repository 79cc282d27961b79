"""Reads a worker's stdout and stderr, and tells whose bytes they are.

A worker executes attempts one after the other without waiting for the agent, so bytes of several attempts may stand in
a pipe. Each result says how much had gone through the pipes when its attempt ended: what is below that mark, and above
the mark before, is the attempt's, exactly. What a long attempt prints is stored before it ends, once it is certain
whose it is.
"""

import os
from collections.abc import Callable

from accio_agent import clock
from accio_agent.agent.disk.log_store import ERR, OUT, LogStore
from accio_agent.protocol.page import AgentPage

TAIL = 4096
CHUNK = 1 << 17
MOST_UNCERTAIN = 1 << 20
"""How many bytes are kept whose attempt isn't certain; then the pipe isn't read until it is."""


class _Stream:
    __slots__ = ("fd", "pieces", "read", "settled", "tail")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.pieces: list[tuple[int, bytes]] = []  # time, bytes: not stored yet
        self.read = 0  # bytes since the worker began
        self.settled = 0  # of these, stored
        self.tail = b""  # the last bytes of the attempt that is running

    @property
    def uncertain(self) -> int:
        return self.read - self.settled


class Capture:
    """The two pipes of one worker."""

    def __init__(self, out: int, err: int, page: AgentPage, store: LogStore) -> None:
        self._streams = (_Stream(out), _Stream(err))
        self._page = page
        self._store = store
        self._current: int | None = None  # the attempt that bytes were stored for

    @property
    def fds(self) -> tuple[int, int]:
        return self._streams[0].fd, self._streams[1].fd

    @property
    def full(self) -> bool:
        """Whether no more should be read before it is certain whose the bytes are."""
        return sum(stream.uncertain for stream in self._streams) > MOST_UNCERTAIN

    @property
    def uncertain(self) -> bool:
        """Whether there are bytes that haven't been stored."""
        return any(stream.uncertain for stream in self._streams)

    def read(self, stream_no: int) -> bool:
        """Read what there is, up to a limit; False at the end of the pipe."""
        stream = self._streams[stream_no]
        self._page.reading()
        data: bytes | None = None
        try:
            data = os.read(stream.fd, CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        finally:
            size = len(data) if data else 0
            self._page.have_read(size if stream_no == OUT else 0, size if stream_no == ERR else 0)
        if not data:
            return False
        stream.read += len(data)
        stream.pieces.append((clock.wall_ms(), data))
        return True

    def ended(self, attempt: int, totals: tuple[int, int] | None) -> int:
        """Note that an attempt ended when so much had gone through the pipes (None: nothing since the last). Return
        the size of its log.
        """
        if totals is not None:
            for number, stream in enumerate(self._streams):
                before = -1
                while before < stream.read < totals[number]:  # all of it is there, unless the worker's page was spoilt
                    before = stream.read
                    self.read(number)
                self._settle(stream, number, attempt, totals[number])
        elif self._current != attempt:
            return 0
        return self._finish(attempt)

    def died(self, attempt: int | None) -> int:
        """Note that the worker is gone: what is left belongs to the attempt that it executed. Return the size of that
        one's log.
        """
        for number, stream in enumerate(self._streams):
            before = -1
            while stream.read != before:  # others may hold the pipe open: what is there now is all that counts
                before = stream.read
                if not self.read(number):
                    break
                if attempt is not None:
                    self._settle(stream, number, attempt, stream.read)
            if attempt is not None:
                self._settle(stream, number, attempt, stream.read)
        return self._finish(attempt) if attempt is not None else 0

    def settle_running(self, is_certain: Callable[[], int]) -> None:
        """Store what the running attempt printed so far. *is_certain* gives its number, 0 if it isn't certain which it
        is.
        """
        if not self.uncertain:
            return
        marks = [stream.read for stream in self._streams]
        attempt = is_certain()
        if attempt:
            for number, stream in enumerate(self._streams):
                self._settle(stream, number, attempt, marks[number])

    def tails(self) -> tuple[str, str]:
        """Return the last bytes of stdout and stderr of the attempt that has just ended."""
        out, err = (stream.tail.decode("utf-8", "replace") for stream in self._streams)
        return out, err

    def _settle(self, stream: _Stream, number: int, attempt: int, mark: int) -> None:
        """Store the bytes below *mark* as the attempt's."""
        if attempt != self._current:
            self._current = attempt
            for each in self._streams:
                each.tail = b""
        while stream.settled < mark and stream.pieces:
            at_ms, data = stream.pieces.pop(0)
            room = mark - stream.settled
            if len(data) > room:
                stream.pieces.insert(0, (at_ms, data[room:]))
                data = data[:room]
            stream.settled += len(data)
            stream.tail = data[-TAIL:] if len(data) >= TAIL else (stream.tail + data)[-TAIL:]
            self._store.append(attempt, number, at_ms, data)

    def _finish(self, attempt: int) -> int:
        if attempt != self._current:
            for stream in self._streams:
                stream.tail = b""
            return 0
        self._current = None
        return self._store.finish(attempt, clock.wall_ms())

    def close(self) -> None:
        for fd in self.fds:
            os.close(fd)
