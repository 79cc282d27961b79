"""Worker processes and the templates that fork them, as the agent handles them. They decide nothing: they call
`Events`.
"""

import asyncio
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import orjson

from accio.interpreter import PATH, python, search_path
from accio_agent import linux
from accio_agent.agent.core.work import WorkClass
from accio_agent.agent.disk.log_store import LogStore
from accio_agent.agent.workers.capture import Capture
from accio_agent.protocol import frames, page
from accio_agent.protocol.frames import Kind
from accio_agent.worker.template import PACKET

READ = 1 << 18
BURIAL_S = 10
"""So long may a template take to end all that is below it."""
_SECRETS = ("ACCIO_TOKEN",)
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
)


class Events(Protocol):
    """What happens to workers."""

    def result(self, worker: "Worker", result: frames.Result) -> None:
        """A result came."""
        ...

    def woken(self, worker: "Worker") -> None:
        """A worker's results have been taken; others may have some, too."""
        ...

    def handed_back(self, worker: "Worker", attempts: list[int]) -> None:
        """A worker gave back what it hadn't begun."""
        ...

    def retired(self, worker: "Worker", why: str) -> None:
        """A worker ends on its own account; what it holds hasn't begun."""
        ...

    def garbled(self, worker: "Worker", why: str) -> None:
        """Somebody else wrote into what the worker and the agent share: nothing more can be believed."""
        ...

    def exited(self, worker: "Worker", status: int | None) -> None:
        """A worker's process is gone; *status* as of waitpid, None if it is unknown."""
        ...

    def template_ready(self, template: "Template", failure: str) -> None:
        """A template has imported its operators, or why it couldn't."""
        ...

    def template_lost(self, template: "Template") -> None:
        """A template's process is gone, and with it all its workers."""
        ...


class Worker:
    """The agent's end of one worker: socket, page, pipes."""

    def __init__(self, lane: int, template: "Template", folder: Path, store: LogStore, events: Events) -> None:
        self.lane = lane
        self.template = template
        self.pid = 0
        self.classes: set[tuple[object, str]] = (
            set()
        )  # classes that the worker has been told of, and the store with them
        self.work_class: WorkClass | None = None  # of the attempts that it was given last
        self.doomed: set[int] = set()  # attempts that must not run on
        self.kill_at: float | None = None  # when SIGKILL follows a first signal
        self.garbled = False
        self.kills = 0  # how often SIGKILL was sent in vain
        self.suspended = 0  # the attempt behind which it was asked to hand back what waits
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
        template.spawn(self, folder, [theirs.fileno(), page_fd, out_write, err_write])
        theirs.close()
        for fd in (page_fd, out_write, err_write):
            os.close(fd)
        self._reading: set[int] = set()
        self._loop.add_reader(ours, self._on_readable)
        self.read_streams()

    def __repr__(self) -> str:
        return f"<Worker {self.lane}, process {self.pid}>"

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

    def kill(self, number: int) -> None:
        """Signal the worker, its group and, if it is SIGKILL, all its descendants."""
        self.template.kill(self.lane, number)

    def finish(self) -> None:
        """Let the worker end: it reads the end of its input when it has nothing to do."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def take_results(self) -> None:
        """Take the results that are in the ring."""
        if self.garbled:
            return
        try:
            found = self.page.take_results()
            if found:
                for kind, body in frames.split(found):
                    self._take_frame(kind, body)
        except (ValueError, TypeError, struct.error) as error:
            self._give_up(error)

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
        """Take everything that the worker sent before it died."""
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
        """Tell of a frame; ValueError, TypeError or struct.error for what no worker writes."""
        if kind == Kind.WAKE and not body:
            self._events.woken(self)
        elif kind == Kind.RESULT:
            self._events.result(self, frames.read_result(body))
        elif kind == Kind.BACK:
            self._events.handed_back(self, [int(each) for each in orjson.loads(body)])
        elif kind == Kind.RETIRE:
            self._events.retired(self, str(orjson.loads(body)))
        else:
            raise ValueError(f"a frame of the kind {kind}")

    def _give_up(self, error: Exception) -> None:
        """An operator has written into the socket or the page: nothing that comes from this worker can be believed."""
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


class Template:
    """The agent's end of a template process. It may be started before there is an event loop; `watch` needs one."""

    def __init__(self, pool: str, references: Sequence[str], threads: int) -> None:
        self.pool = pool
        self.workers: dict[int, Worker] = {}
        self.ready = False
        self.failure = ""
        self._events: Events | None = None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = python("accio_agent.worker.template", str(theirs.fileno()), *references)
        self._process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=worker_environment(threads)
        )
        theirs.close()
        self._socket = ours

    def __repr__(self) -> str:
        return f"<Template {self.pool}, process {self._process.pid}, {len(self.workers)} workers>"

    @property
    def alive(self) -> bool:
        return self._socket.fileno() >= 0

    def watch(self, events: Events) -> None:
        """Call *events* from now on."""
        self._events = events
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._on_readable)

    def spawn(self, worker: Worker, folder: Path, fds: list[int]) -> None:
        self.workers[worker.lane] = worker
        self._wake_up()
        message = orjson.dumps({"spawn": worker.lane, "folder": str(folder)})
        with suppress(OSError):  # a template that is gone is noticed by its socket
            socket.send_fds(self._socket, [message], fds)

    def kill(self, lane: int, number: int) -> None:
        self._wake_up()
        with suppress(OSError):
            self._socket.send(orjson.dumps({"kill": lane, "signal": number}))

    def close(self) -> None:
        """End the template and everything below it, and wait until that is done."""
        self._forget()
        self._wake_up()
        try:
            self._process.wait(BURIAL_S)
        except subprocess.TimeoutExpired:
            self.destroy()
            self._process.wait()

    def destroy(self) -> None:
        """Kill a template that doesn't answer, and everything below it."""
        everybody = list(linux.descendants(self._process.pid))
        self._process.kill()
        linux.kill_all(everybody)

    def _wake_up(self) -> None:
        """Continue a template that somebody has stopped: its workers' parent is within reach of any operator."""
        with suppress(OSError):
            self._process.send_signal(signal.SIGCONT)

    def _forget(self) -> None:
        if self.alive:
            if self._events is not None:
                asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    def _on_readable(self) -> None:
        assert self._events is not None
        try:
            data = self._socket.recv(PACKET)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._forget()
            self._process.kill()
            self._process.wait()
            self._events.template_lost(self)
            return
        message = orjson.loads(data)
        if "exited" in message:
            self._events.exited(self.workers.pop(message["exited"]), message["status"])
        elif "spawned" in message:
            self.workers[message["spawned"]].pid = message["pid"]
        else:
            self.failure = message.get("failed", "")
            self.ready = not self.failure
            self._events.template_ready(self, self.failure)


def worker_environment(threads: int) -> dict[str, str]:
    """The environment of templates and workers: the agent's own, without its secrets, and what makes results
    repeatable.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _SECRETS}
    environment[PATH] = search_path(sys.path)
    environment |= {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}
    environment |= dict.fromkeys(_THREAD_VARIABLES, str(threads))
    return environment


def describe_signal(number: int) -> str:
    """A signal's name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
