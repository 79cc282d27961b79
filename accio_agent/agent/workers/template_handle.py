"""The agent's end of a template process: start it, tell it to spawn and to kill, learn what became of its workers."""

import asyncio
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from accio.interpreter import python
from accio.sdk.environments import functions
from accio.sdk.environments.contained import ImageNeed
from accio.sdk.own_sources import COMPILED
from accio_agent import linux
from accio_agent.agent.workers.environment import worker_environment
from accio_agent.protocol import control

BURIAL_S = 10
"""So long may a template take to end all that is below it."""


class TemplateEvents(Protocol):
    """What happens to templates and, as they tell it, to their workers."""

    def template_ready(self, template: "TemplateHandle", failure: str) -> None:
        """Note that a template has imported its operators, or why it couldn't."""
        ...

    def template_lost(self, template: "TemplateHandle") -> None:
        """Note that a template's process is gone, and with it all its workers."""
        ...

    def spawned(self, lane: int, pid: int) -> None:
        """Note that the worker of a lane has a process."""
        ...

    def exited(self, lane: int, status: int | None) -> None:
        """Note that the process of a lane's worker is gone; *status* as of waitpid, None if it is unknown."""
        ...


class TemplateHandle:
    """The agent's end of a template process. It may be started before there is an event loop; `watch` needs one."""

    def __init__(self, pool: str, references: Sequence[str], threads: int, folder: Path) -> None:
        """*folder* is the agent's, with all that workers read and write."""
        self.pool = pool
        self.lanes: set[int] = set()  # whose workers it has, or is about to have
        self.imported = False  # or has failed to
        self.failure = ""
        self.disk_full = False  # whether that was for want of space
        self._events: TemplateEvents | None = None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Of this template alone: what was compiled for another one may be of other code.
        compiled = folder / "workers" / f"compiled-{uuid4().hex}"
        environment = worker_environment(threads) | {COMPILED: str(compiled)}
        self._process = _start(theirs.fileno(), references, environment, folder)
        theirs.close()
        self._socket = ours

    def __repr__(self) -> str:
        return f"<TemplateHandle {self.pool}, process {self._process.pid}, {len(self.lanes)} workers>"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._socket.fileno() >= 0

    def watch(self, events: TemplateEvents) -> None:
        """Call *events* from now on."""
        self._events = events
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._on_readable)

    def spawn(self, lane: int, folder: Path, fds: list[int]) -> None:
        """Start the worker of a lane; it inherits *fds*: socket, page, stdout, stderr."""
        self.lanes.add(lane)
        self._wake_up()
        with suppress(OSError):  # a template that is gone is noticed by its socket
            socket.send_fds(self._socket, [control.write(control.Spawn(lane, str(folder)))], fds)

    def approve(self) -> None:
        """Allow it to start workers: what it has imported is what was announced."""
        with suppress(OSError):
            self._socket.send(control.write(control.Approve()))

    def kill(self, lane: int, number: int) -> None:
        """Signal the worker of a lane and its group; for SIGKILL, all its descendants."""
        self._wake_up()
        with suppress(OSError):
            self._socket.send(control.write(control.Kill(lane, number)))

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
            data = self._socket.recv(control.PACKET)
        except BlockingIOError:
            return
        except OSError:  # it ended without having read all; what it had said before is there still
            with suppress(OSError):
                while data := self._socket.recv(control.PACKET):
                    self._take(data)
            data = b""
        if not data:
            self._forget()
            self._process.kill()
            self._process.wait()
            self._events.template_lost(self)
            return
        self._take(data)

    def _take(self, data: bytes) -> None:
        assert self._events is not None
        match control.read(data):
            case control.Exited(lane=lane, status=status):
                self.lanes.discard(lane)
                self._events.exited(lane, status)
            case control.Spawned(lane=lane, pid=pid):
                self._events.spawned(lane, pid)
            case control.NotImported(why=why, disk_full=disk_full):
                self.imported, self.failure, self.disk_full = True, why, disk_full
                self._events.template_ready(self, why)
            case control.Imported():
                self.imported = True
                self._events.template_ready(self, "")
            case control.Spawn() | control.Kill() | control.Approve() as message:
                raise ValueError(f"a template sent what only agents say: {message}")


def _start(
    fd: int, references: Sequence[str], environment: Mapping[str, str], folder: Path
) -> "subprocess.Popen[bytes]":
    """Start the program of a template, in the environment that its operators name."""
    need, inner = functions.split(references)
    if isinstance(need, ImageNeed):
        command = python("accio_agent.worker.contained", str(fd), str(folder), *references)
        return subprocess.Popen(command, pass_fds=[fd], stdin=subprocess.DEVNULL, env=environment)
    command = functions.command(need, "accio_agent.worker", str(fd), *inner)
    variables = functions.variables(need, environment)
    try:
        return subprocess.Popen(command, pass_fds=[fd], stdin=subprocess.DEVNULL, env=variables)
    except OSError:  # the environment is gone: a template of our own says so where it is asked for the operators
        command = python("accio_agent.worker", str(fd), *references)
        return subprocess.Popen(command, pass_fds=[fd], stdin=subprocess.DEVNULL, env=environment)


def pool_name(references: Sequence[str], threads: int) -> str:
    """Return the name of the pool of workers for operators behind *references* that may use that number of threads."""
    return "\0".join([str(threads), *references])


def parse_pool(pool: str) -> tuple[tuple[str, ...], int]:
    """Return the references and the threads of a pool."""
    threads, *references = pool.split("\0")
    return tuple(references), int(threads)
