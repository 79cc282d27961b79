"""What Linux offers beyond Python's standard library: death signals, sub-reapers, the descendants of a process."""

import ctypes
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)

_SET_DEATH_SIGNAL = 1
_SET_SUBREAPER = 36
_SET_DUMPABLE = 4


def die_with_parent(sig: int) -> None:
    """Receive *sig* when the thread that started this process ends; 0 for nothing."""
    _prctl(_SET_DEATH_SIGNAL, sig)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parents end."""
    _prctl(_SET_SUBREAPER, 1)


def refuse_tracing() -> None:
    """Keep processes of the same user from tracing this one, and from reading its memory and environment."""
    _prctl(_SET_DUMPABLE, 0)


def access_files_as(uid: int) -> int:
    """Access files as this user from now on, in the calling thread alone; return as whom it did before."""
    return int(LIBC.setfsuid(uid))


def _prctl(option: int, value: int) -> None:
    if LIBC.prctl(option, value, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def children(pid: int) -> list[int]:
    """Return the children of a process, zombies included; none if it is gone."""
    found: list[int] = []
    with suppress(OSError, ValueError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(text) for text in (task / "children").read_text().split()]
    return found


def adopted(pid: int) -> list[int]:
    """Return the children of a process that its first thread has, zombies included: those that the kernel gave it, as
    their parents had ended, and those that this thread has started.
    """
    with suppress(OSError, ValueError):
        return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def descendants(pid: int) -> Iterator[int]:
    """Return the descendants of a process, parents first."""
    waiting = children(pid)
    seen: set[int] = set()
    while waiting:
        found = waiting.pop(0)
        if found not in seen:
            seen.add(found)
            yield found
            waiting += children(found)


def kill_all(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def kill_group(leader: int, sig: int) -> None:
    """Signal a process group; nothing if it has no members."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, sig)


def boot_id() -> str:
    """Return what tells one start of the machine from another; empty if the kernel doesn't say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def resident_memory(pid: int) -> int:
    """Return how many bytes of memory a process occupies now; 0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def proportional_memory(pid: int) -> int:
    """Return how many bytes of memory a process occupies, shared ones in shares; 0 if that can't be told."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return 0


def thread_count() -> int:
    """Return how many threads this process has, those of libraries included."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def thread_names() -> list[str]:
    """Return the names of this process's threads, as the kernel knows them; most are called like their program."""
    found = []
    for thread in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # it has ended
            found.append((thread / "comm").read_text().strip())
    return found
