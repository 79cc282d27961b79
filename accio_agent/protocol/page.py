"""The page of memory that an agent and one of its workers share. It outlives the worker, so that its last words aren't
lost.

    offset  written by  what
    0       worker      number of the attempt that it executes, 0 for none
    8       worker      when that began (CLOCK_MONOTONIC, nanoseconds)
    16      worker      its progress, from 0 to 1; NaN if the operator hasn't said
    24      agent       how often the agent asked to hand back what hasn't begun
    32      agent       odd while it reads from the pipes of stdout and stderr
    40, 48  agent       bytes it has read from the one and the other
    64      worker      bytes of results written since the worker began
    72      agent       of these, bytes taken
    4096…   worker      a ring of results

Results go through the ring; the worker wakes the agent by its socket when it has nothing else to do, or a few
milliseconds have passed. If it dies or is stuck in a long attempt, the agent finds them all the same. Each number is
written by one side, whole, after what it announces. Before a worker begins an attempt it writes the number down, makes
a system call, and then looks whether it is to hand back; the agent asks first and looks at the number afterwards: so
one of them sees the other.
"""

import math
import mmap
import os

RING = 1 << 17
SIZE = RING + 4096

# Places of the numbers, in units of eight bytes. A memoryview reads and writes each whole; struct.pack_into would not:
# it fills the place with zeros first, which the other side can see.
_ATTEMPT, _BEGAN, _PROGRESS, _HOLDS, _READING, _OUT, _ERR, _WRITTEN, _TAKEN = 0, 1, 2, 3, 4, 5, 6, 8, 9
_RESULTS = 4096


def create() -> int:
    """Create a page, all zeros, and return its file descriptor."""
    fd = os.memfd_create("accio-worker", os.MFD_CLOEXEC)
    os.ftruncate(fd, SIZE)
    return fd


class WorkerPage:
    """The worker's side."""

    def __init__(self, fd: int) -> None:
        self._map = mmap.mmap(fd, SIZE)
        self._numbers = memoryview(self._map).cast("Q")
        self._fractions = memoryview(self._map).cast("d")
        self._written = 0

    def begin(self, attempt: int, now_ns: int) -> None:
        self._numbers[_BEGAN] = now_ns
        self._fractions[_PROGRESS] = math.nan
        self._numbers[_ATTEMPT] = attempt

    def end(self) -> None:
        self._numbers[_ATTEMPT] = 0

    def progress(self, fraction: float) -> None:
        self._fractions[_PROGRESS] = fraction

    @property
    def holds(self) -> int:
        return self._numbers[_HOLDS]

    def pipes(self) -> tuple[int, int, int]:
        """Return a mark that is odd while the agent reads, and how much it has read from stdout and stderr.

        The two belong together if the mark is even and the same when it is read again.
        """
        numbers = self._numbers
        return numbers[_READING], numbers[_OUT], numbers[_ERR]

    def keep(self, result: bytes) -> bool:
        """Add a result to the ring; False if there is no room."""
        size, written = len(result), self._written
        if size > RING - (written - self._numbers[_TAKEN]):
            return False
        start = written % RING
        first = min(size, RING - start)
        self._map[_RESULTS + start : _RESULTS + start + first] = result[:first]
        if first < size:
            self._map[_RESULTS : _RESULTS + size - first] = result[first:]
        self._numbers[_WRITTEN] = self._written = written + size
        return True


class AgentPage:
    """The agent's side."""

    def __init__(self, fd: int) -> None:
        self._map = mmap.mmap(fd, SIZE)
        self._numbers = memoryview(self._map).cast("Q")
        self._fractions = memoryview(self._map).cast("d")
        self._reading = 0
        self._taken = 0
        self.read_out = 0
        self.read_err = 0

    def close(self) -> None:
        self._numbers.release()
        self._fractions.release()
        self._map.close()

    def current(self) -> tuple[int, int, float]:
        """Return the attempt that the worker executes (0 for none), when it began, its progress (NaN if unknown)."""
        while True:
            attempt = self._numbers[_ATTEMPT]
            found = attempt, self._numbers[_BEGAN], self._fractions[_PROGRESS]
            if self._numbers[_ATTEMPT] == attempt:
                return found

    def ask_to_hand_back(self) -> None:
        self._numbers[_HOLDS] += 1

    def take_results(self) -> bytes:
        """Return the results that were added since the last call; ValueError if somebody else wrote into the page."""
        written = self._numbers[_WRITTEN]
        size = written - self._taken
        if size == 0:
            return b""
        if not 0 < size <= RING:
            raise ValueError(f"the page says that {size} bytes of results wait, where {RING} have room")
        start = self._taken % RING
        first = min(size, RING - start)
        found = self._map[_RESULTS + start : _RESULTS + start + first]
        if first < size:
            found += self._map[_RESULTS : _RESULTS + size - first]
        self._numbers[_TAKEN] = self._taken = written
        return found

    def reading(self) -> None:
        """Announce that pipes are about to be read; `have_read` follows."""
        self._reading += 1
        self._numbers[_READING] = self._reading

    def have_read(self, out: int, err: int) -> None:
        self.read_out += out
        self.read_err += err
        self._reading += 1
        # Counters first, the mark last: the worker that sees an even mark sees the counters that belong to it.
        self._numbers[_OUT] = self.read_out
        self._numbers[_ERR] = self.read_err
        self._numbers[_READING] = self._reading
