"""What a node may change around itself, and what the next one must find as it was: runs in worker processes.

Each execution begins in an empty folder of its own, with the same environment, umask and standard streams, whatever ran
before. What can't be restored (a thread, a child process) retires the worker. `leftovers` looks after the rest.
"""

import _thread
import ctypes
import fcntl
import io
import os
import shutil
import sys
import termios
import time
from pathlib import Path
from typing import Any, TextIO

from accio_agent.linux import LIBC
from accio_agent.protocol.page import WorkerPage

_UMASK = 0o022
_ioctl, _FIONREAD = fcntl.ioctl, termios.FIONREAD
_fcntl, _GETFL, _SETFL = fcntl.fcntl, fcntl.F_GETFL, fcntl.F_SETFL
_PIPES_SIZE = 4
_NOTHING = bytes(_PIPES_SIZE)
_LONGEST_VALUE = 511
VARIABLES = (b"ACCIO_RUN", b"ACCIO_NODE", b"ACCIO_ATTEMPT", b"ACCIO_ATTEMPT_NO", b"ACCIO_IDEMPOTENCY_KEY")


class Streams:
    """Standard input of a worker, which is empty, and its output and errors: pipes to the agent, and how much went
    through them.
    """

    def __init__(self, saved: tuple[int, int, int], page: WorkerPage) -> None:
        """Go by *saved*, copies of the descriptors 0, 1 and 2."""
        self._saved_in, *self._saved = saved
        self._page = page
        self._available = bytearray(_PIPES_SIZE), bytearray(_PIPES_SIZE)
        self._out: TextIO = sys.stdout
        self._err: TextIO = sys.stderr
        self._attributes: list[dict[str, Any]] = []
        self.renew()

    def renew(self) -> None:
        """Replace sys.stdout and sys.stderr by new objects on the pipes."""
        self._point_back()
        self._out = sys.stdout = sys.__stdout__ = _text_stream(1)  # type: ignore[misc, assignment]  # on purpose
        self._err = sys.stderr = sys.__stderr__ = _text_stream(2)  # type: ignore[misc, assignment]  # on purpose
        self._attributes = [dict(vars(self._out)), dict(vars(self._err))]

    def _point_back(self) -> None:
        os.dup2(self._saved_in, 0)
        os.dup2(self._saved[0], 1)
        os.dup2(self._saved[1], 2)
        # How a pipe is written to belongs to the pipe, which the workers before and after this one have, too.
        if _fcntl(1, _GETFL) != os.O_WRONLY:
            _fcntl(1, _SETFL, os.O_WRONLY)
        if _fcntl(2, _GETFL) != os.O_WRONLY:
            _fcntl(2, _SETFL, os.O_WRONLY)

    def flush(self, *, python_alone: bool = False) -> None:
        """Write out what Python and the C library hold back; the library has nothing if it was *python_alone*."""
        if sys.stdout is self._out and sys.stderr is self._err:
            streams: tuple[TextIO | None, ...] = (self._out, self._err)
        else:
            streams = (sys.stdout, sys.stderr, self._out, self._err)
        for stream in streams:
            try:
                if stream is not None:
                    stream.flush()
            except Exception:  # noqa: S112, BLE001 - an operator closed or replaced it; what it held is its own affair
                continue
        if not python_alone:
            LIBC.fflush(None)

    def restore(self) -> None:
        """Undo what an operator did to the streams."""
        self._point_back()
        replaced = sys.stdout is not self._out or sys.stderr is not self._err
        if replaced or [vars(self._out), vars(self._err)] != self._attributes or self._is_closed():
            self.renew()

    def _is_closed(self) -> bool:
        try:
            return self._out.closed or self._err.closed
        except ValueError:  # one was detached from its file
            return True

    def totals(self) -> tuple[int, int]:
        """Return how many bytes were written to the pipes of stdout and stderr since the worker began."""
        pipes, (of_out, of_err) = self._page.pipes, self._available
        while True:
            mark, out, err = pipes()
            if mark & 1:
                os.sched_yield()  # the agent reads just now
                continue
            _ioctl(self._saved[0], _FIONREAD, of_out)
            _ioctl(self._saved[1], _FIONREAD, of_err)
            if of_out != _NOTHING or of_err != _NOTHING:  # else nothing waits, as with most
                out += int.from_bytes(of_out, sys.byteorder)
                err += int.from_bytes(of_err, sys.byteorder)
            if pipes()[0] == mark:
                return out, err


def _text_stream(fd: int) -> TextIO:
    """Return a stream that writes each line at once, and whatever text there is."""
    raw = io.FileIO(fd, "w", closefd=False)
    return _TextStream(io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True)


class _TextStream(io.TextIOWrapper):
    """A text stream in which it shows that it was set otherwise: what line ends it writes can't be asked for."""

    def reconfigure(self, **settings: Any) -> None:
        super().reconfigure(**settings)
        self.reconfigured = True


class Variable:
    """An environment variable that changes with each execution.

    setenv() never frees what it replaces, which would add up; so this one lives in memory of its own (putenv), written
    in place.
    """

    def __init__(self, name: bytes) -> None:
        self.name = name
        self._memory = ctypes.create_string_buffer(len(name) + 2 + _LONGEST_VALUE)
        self._start = name + b"="

    def set(self, value: bytes) -> None:
        """Change the value for the C library, and thereby for programs that are started."""
        if len(value) > _LONGEST_VALUE:
            os.putenv(self.name, value)
        else:
            self._memory.value = self._start + value

    def install(self, value: bytes) -> None:
        """Set the value, and make sure that the environment refers to this memory."""
        self._memory.value = self._start + value[:_LONGEST_VALUE]
        LIBC.putenv(self._memory)
        self.set(value)


class Surroundings:
    """Folder, environment and umask of a worker, and what it must bury."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._variables = [Variable(name) for name in VARIABLES]
        for variable in self._variables:
            variable.install(b"")
            _raw_environment()[variable.name] = b""
        self._environment: dict[bytes, bytes] = dict(_raw_environment())
        self._threads = _thread._count()  # noqa: SLF001 - counts threads of every kind of start
        os.umask(_UMASK)
        self.empty()

    @property
    def folder(self) -> Path:
        return self._folder

    def enter(self, values: tuple[bytes, ...]) -> None:
        """Make everything ready for an execution; *values* are those of VARIABLES."""
        os.fchdir(self._fd)
        expected, actual = self._environment, _raw_environment()
        for variable, value in zip(self._variables, values, strict=True):
            if expected[variable.name] != value:
                variable.set(value)
                expected[variable.name] = actual[variable.name] = value

    def set_variable(self, name: bytes, value: bytes) -> None:
        """Set an environment variable for all executions to come."""
        if self._environment.get(name) != value:
            self._environment[name] = os.environb[name] = value

    def leave(self) -> str:
        """Restore what an execution changed; why that can't be done, or an empty text."""
        os.umask(_UMASK)
        if _raw_environment() != self._environment:
            self._restore_environment()
        found = os.stat(self._fd)  # noqa: PTH116 - an open folder, whatever its name is by now
        if found.st_nlink == 0:
            return "the operator removed its working folder"
        if found.st_mtime_ns != 0:
            self.empty()
        return self._leftovers()

    def _leftovers(self) -> str:
        if _thread._count() > self._threads:  # noqa: SLF001 - see above
            return "the operator left a thread behind"
        try:
            while True:
                pid, _ = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return "the operator left a process behind"
        except ChildProcessError:
            return ""

    def _restore_environment(self) -> None:
        for name in list(os.environb):
            if name not in self._environment:
                del os.environb[name]
        for name, value in self._environment.items():
            if os.environb.get(name) != value:
                os.environb[name] = value
        for variable in self._variables:
            variable.install(self._environment[variable.name])
        time.tzset()  # the C library looks at TZ when it likes, and may have taken another

    def empty(self) -> None:
        """Empty the folder. Its time of change is set to 0, so that any later change shows."""
        for name in os.listdir(self._fd):  # noqa: PTH208 - an open folder
            try:
                os.unlink(name, dir_fd=self._fd)
            except IsADirectoryError:
                _remove_folder(name, self._fd)
            except FileNotFoundError:
                continue
        os.chmod(self._fd, 0o700)  # noqa: PTH101 - an open folder
        os.utime(self._fd, ns=(0, 0))


def _raw_environment() -> dict[bytes, bytes]:
    """Return the mapping within os.environ: comparing it costs half a microsecond, a copy through the public face
    twenty.
    """
    found: dict[bytes, bytes] = getattr(os.environ, "_data")  # noqa: B009 - its bytes, which have no public name
    return found


def _remove_folder(name: str, parent: int) -> None:
    """Remove a folder with all that it holds, folders that its owner can't write to included."""
    try:
        shutil.rmtree(name, dir_fd=parent)
    except PermissionError:
        for _, folders, _, fd in os.fwalk(name, dir_fd=parent):
            for each in folders:
                os.chmod(each, 0o700, dir_fd=fd)
        os.chmod(name, 0o700, dir_fd=parent)
        shutil.rmtree(name, dir_fd=parent)
