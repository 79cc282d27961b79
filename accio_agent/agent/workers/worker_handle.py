"""The agent's end of one worker: its socket, its shared page, the pipes of its stdout and stderr.

It decides nothing: it calls `WorkerEvents`.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import orjson

from accio.v1 import agents_pb2
from accio_agent.agent.core.work import WorkClass
from accio_agent.agent.disk.log_store import LogStore
from accio_agent.agent.workers.capture import Capture
from accio_agent.agent.workers.template_handle import TemplateHandle
from accio_agent.protocol import frames, page
from accio_agent.protocol.doubts import Doubt, read_doubts
from accio_agent.protocol.frames import Kind
from accio_agent.protocol.reports import read_series

READ = 1 << 18
_RESULT = Kind.RESULT.value
_PLAIN = Kind.PLAIN.value


class WorkerEvents(Protocol):
    """What happens to workers."""

    def results(self, worker: "WorkerHandle", group: Sequence[frames.Result]) -> None:
        """Act on results, in their order."""
        ...

    def woken(self, worker: "WorkerHandle") -> None:
        """Note that a worker's results have been taken; others may have some, too."""
        ...

    def handed_back(self, worker: "WorkerHandle", attempts: list[int]) -> None:
        """Note what a worker gave back because it hadn't begun it."""
        ...

    def saved(self, worker: "WorkerHandle", attempt: int, digest: str, size: int, saved_ms: int) -> None:
        """Note that what an attempt wants kept for the next one is in the store."""
        ...

    def measured(self, worker: "WorkerHandle", series: agents_pb2.AttemptSeries) -> None:
        """Note what a running attempt has measured."""
        ...

    def retired(self, worker: "WorkerHandle", why: str) -> None:
        """Note that a worker ends on its own account; what it holds hasn't begun."""
        ...

    def garbled(self, worker: "WorkerHandle", why: str) -> None:
        """Note that somebody else wrote into what the worker and the agent share: nothing more can be believed."""
        ...

    def exited(self, worker: "WorkerHandle", status: int | None) -> None:
        """Note that a worker's process is gone; *status* as of waitpid, None if it is unknown."""
        ...


class WorkerHandle:
    """The agent's end of one worker: socket, page, pipes."""

    def __init__(
        self, lane: int, template: TemplateHandle, folder: Path, store: LogStore, events: WorkerEvents
    ) -> None:
        self.lane = lane
        self.template = template
        self.pid = 0
        self.classes: set[tuple[object, str]] = set()  # those that the worker knows, and the store with them
        self.work_class: WorkClass | None = None  # of the attempts that it was given last
        self.doubts: dict[int, list[Doubt]] = {}  # of attempts whose results are still to come
        self.garbled = False
        self.suspended = 0  # the attempt behind which it was asked to hand back what waits; `Watch` keeps this
        self.doomed: set[int] = set()  # attempts that must not run on; this and the next two belong to `Kills`
        self.kill_at: float | None = None  # when SIGKILL follows a first signal
        self.kills = 0  # how often SIGKILL was sent in vain
        self._events = events
        self._loop = asyncio.get_running_loop()
        self._splitter = frames.Splitter()
        self._unsent = bytearray()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        page_fd = page.create()
        out_read, out_write = os.pipe2(os.O_CLOEXEC)
        err_read, err_write = os.pipe2(os.O_CLOEXEC)
        self.page = page.AgentPage(page_fd)
        self._socket = ours
        for fd in (out_read, err_read):
            os.set_blocking(fd, False)
        self.capture = Capture(out_read, err_read, self.page, store)
        template.spawn(lane, folder, [theirs.fileno(), page_fd, out_write, err_write])
        theirs.close()
        for fd in (page_fd, out_write, err_write):
            os.close(fd)
        self._reading: set[int] = set()
        self._loop.add_reader(ours, self._on_readable)
        self.read_streams()

    def __repr__(self) -> str:
        return f"<WorkerHandle {self.lane}, process {self.pid}>"

    def send(self, frame: bytes) -> None:
        """Write a frame; what the socket doesn't take now goes later."""
        if self._unsent:
            self._unsent += frame
            return
        try:
            sent = self._socket.send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # the process is gone; `exited` tells
        if sent < len(frame):
            self._unsent += frame[sent:]
            self._loop.add_writer(self._socket, self._on_writable)

    def hand_back(self) -> None:
        """Ask for what hasn't begun; `handed_back` is the answer."""
        self.page.ask_to_hand_back()
        self.send(frames.empty(Kind.HOLD))

    def finish(self) -> None:
        """End the worker once it has nothing to do: it then reads the end of its input."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def take_results(self) -> None:
        """Report the results that are in the ring."""
        if self.garbled:
            return
        try:
            found = self.page.take_results()
            if found:
                self._take_ring(found)
        except (ValueError, TypeError, struct.error) as error:
            self._give_up(error)

    def _take_ring(self, frames_of_it: bytes) -> None:
        """Report what the ring held: results in groups, as nearly all of it is results."""
        group: list[frames.Result] = []
        try:
            for kind, body in frames.split(frames_of_it):
                if kind == _PLAIN:
                    group.append(frames.read_plain(body))
                    continue
                if kind == _RESULT:
                    group.append(frames.read_result(body))
                    continue
                before, group = group, []
                self._events.results(self, before)
                self._take_frame(kind, body)
        finally:  # also if something that nobody could write follows
            self._events.results(self, group)

    def read_streams(self) -> None:
        """Read from the pipes again, after too much had come whose attempt wasn't certain."""
        for number, fd in enumerate(self.capture.fds):
            if fd not in self._reading:
                self._reading.add(fd)
                self._loop.add_reader(fd, self._on_output, number, fd)

    def close(self) -> None:
        """Release everything; to be called once the process is gone."""
        self._stop_socket()
        self._socket.close()
        for fd in list(self._reading):
            self._stop_output(fd)
        self.capture.close()
        self.page.close()

    def drain(self) -> None:
        """Report everything that the worker sent before it died."""
        with suppress(OSError):
            while data := self._socket.recv(READ):
                self._take(data)
        self.take_results()
        self._stop_socket()

    def _on_readable(self) -> None:
        try:
            data = self._socket.recv(READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._stop_socket()  # `exited` follows
            return
        self._take(data)

    def _take(self, data: bytes) -> None:
        try:
            for kind, body in self._splitter.feed(data):
                self.take_results()  # they came before whatever this is
                if self.garbled:
                    return
                self._take_frame(kind, body)
        except (ValueError, TypeError, struct.error) as error:
            self._give_up(error)

    def _take_frame(self, kind: int, body: bytes) -> None:
        """Report a frame; ValueError, TypeError or struct.error for what no worker writes."""
        if kind == _RESULT:  # one for each node
            self._events.results(self, [frames.read_result(body)])
        elif kind == _PLAIN:
            self._events.results(self, [frames.read_plain(body)])
        elif kind == Kind.WAKE and not body:
            self._events.woken(self)
        elif kind == Kind.SAVED:
            attempt, digest, size, saved_ms = orjson.loads(body)
            self._events.saved(self, int(attempt), str(digest), int(size), int(saved_ms))
        elif kind == Kind.SERIES:
            self._events.measured(self, read_series(body))
        elif kind == Kind.DOUBT:
            attempt, doubts = orjson.loads(body)
            self.doubts[int(attempt)] = read_doubts(doubts)
        elif kind == Kind.BACK:
            self._events.handed_back(self, [int(each) for each in orjson.loads(body)])
        elif kind == Kind.RETIRE:
            self._events.retired(self, str(orjson.loads(body)))
        else:
            raise ValueError(f"a frame of the kind {kind}")

    def _give_up(self, error: Exception) -> None:
        """Stop listening: an operator has written into the socket or the page, and nothing can be believed any more."""
        if not self.garbled:
            self.garbled = True
            self._stop_socket()
            self._events.garbled(self, str(error))

    def _on_writable(self) -> None:
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            sent = len(self._unsent)
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.remove_writer(self._socket)

    def _on_output(self, number: int, fd: int) -> None:
        if self.capture.full or not self.capture.read(number):
            self._stop_output(fd)

    def _stop_output(self, fd: int) -> None:
        if fd in self._reading:
            self._reading.remove(fd)
            self._loop.remove_reader(fd)

    def _stop_socket(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
