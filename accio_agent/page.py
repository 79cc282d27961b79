"""The page of memory that an agent and one of its workers share. It outlives the worker, so that its last words aren't lost.

    offset  written by  what
    0       worker      number of the attempt that it executes, 0 for none
    8       worker      when that began (CLOCK_MONOTONIC, nanoseconds)
    16      worker      its progress, from 0 to 1; NaN if the operator hasn't said
    24      worker      length of the results below
    28      agent       how often the agent asked to hand back what hasn't begun
    32      agent       odd while it reads from the pipes of stdout and stderr
    40, 48  agent       bytes it has read from the one and the other
    64…     worker      results that haven't been sent through the socket

Results of short attempts are collected here and sent together; the worker dies, or is stuck in the next attempt: the agent
finds them here. It may see one twice, here and through the socket, and takes the first. Each number is written by one side,
whole, after what it announces. Before a worker begins an attempt it writes the number down, makes a system call, and then
looks whether it is to hand back; the agent asks first and looks at the number afterwards: so one of them sees the other.
"""

import math
import mmap
import os
import struct

SIZE = 1 << 17
ROOM = SIZE - 64

_CURRENT = struct.Struct("<QQd")
_U64 = struct.Struct("<Q")
_U32 = struct.Struct("<I")
_F64 = struct.Struct("<d")
_PIPES = struct.Struct("<QQQ")
_PROGRESS, _LENGTH, _HOLDS, _READING, _RESULTS = 16, 24, 28, 32, 64


def create() -> int:
    """A file descriptor of a new page, all zeros."""
    fd = os.memfd_create("accio-worker", os.MFD_CLOEXEC)
    os.ftruncate(fd, SIZE)
    return fd


class WorkerPage:
    """The worker's side."""

    def __init__(self, fd: int) -> None:
        self._map = mmap.mmap(fd, SIZE)
        self._length = 0

    def begin(self, attempt: int, now_ns: int) -> None:
        _CURRENT.pack_into(self._map, 0, attempt, now_ns, math.nan)

    def end(self) -> None:
        _U64.pack_into(self._map, 0, 0)

    def progress(self, fraction: float) -> None:
        _F64.pack_into(self._map, _PROGRESS, fraction)

    @property
    def holds(self) -> int:
        found: int = _U32.unpack_from(self._map, _HOLDS)[0]
        return found

    def pipes(self) -> tuple[int, int, int]:
        """Whether the agent is reading (odd), and how much it has read from stdout and stderr."""
        return _PIPES.unpack_from(self._map, _READING)

    def keep(self, result: bytes) -> bool:
        """Add a result to those that wait; False if there is no room."""
        end = self._length + len(result)
        if end > ROOM:
            return False
        self._map[_RESULTS + self._length : _RESULTS + end] = result
        _U32.pack_into(self._map, _LENGTH, end)
        self._length = end
        return True

    @property
    def kept(self) -> int:
        return self._length

    def results(self) -> bytes:
        return self._map[_RESULTS : _RESULTS + self._length]

    def forget(self) -> None:
        """The results have been sent."""
        _U32.pack_into(self._map, _LENGTH, 0)
        self._length = 0


class AgentPage:
    """The agent's side."""

    def __init__(self, fd: int) -> None:
        self._map = mmap.mmap(fd, SIZE)
        self._holds = 0
        self._reading = 0
        self.read_out = 0
        self.read_err = 0

    def close(self) -> None:
        self._map.close()

    def current(self) -> tuple[int, int, float]:
        """The attempt that the worker executes (0 for none), when it began, its progress (NaN if unknown)."""
        return _CURRENT.unpack_from(self._map, 0)

    def ask_to_hand_back(self) -> None:
        self._holds += 1
        _U32.pack_into(self._map, _HOLDS, self._holds)

    def results(self) -> bytes:
        """Results that the worker hasn't sent, or has just sent."""
        length: int = _U32.unpack_from(self._map, _LENGTH)[0]
        return self._map[_RESULTS : _RESULTS + min(length, ROOM)]

    def reading(self) -> None:
        """To be called before pipes are read; `have_read` after."""
        self._reading += 1
        _PIPES.pack_into(self._map, _READING, self._reading, self.read_out, self.read_err)

    def have_read(self, out: int, err: int) -> None:
        self.read_out += out
        self.read_err += err
        self._reading += 1
        # Counters first, the mark last: the worker that sees an even mark sees the counters that belong to it.
        _U64.pack_into(self._map, _READING + 8, self.read_out)
        _U64.pack_into(self._map, _READING + 16, self.read_err)
        _U64.pack_into(self._map, _READING, self._reading)
