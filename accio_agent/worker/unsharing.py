"""What a worker shares with its siblings, as they are forks of one template: made its own before it executes anything.

Where an open file stands belongs to all processes that have the file from one another: two workers that read from a
file which their operators' module had opened would each miss what the other one reads, and one that is killed leaves
the file where it was. So regular files are opened anew. Memory that is mapped to be shared (`mmap` without a file,
`multiprocessing.Value`) becomes a copy, which the worker shares with the processes that it starts alone.
"""

import ctypes
import fcntl
import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from accio_agent.linux import LIBC

_STDERR = 2
_NOT_ANEW = os.O_CREAT | os.O_EXCL | os.O_TRUNC
_FIXED = 0x10  # MAP_FIXED, which `mmap` doesn't name
_PERMISSIONS = {"r": mmap.PROT_READ, "w": mmap.PROT_WRITE, "x": mmap.PROT_EXEC}


class Shared(NamedTuple):
    """What a template has that its workers would share."""

    files: tuple[int, ...] = ()
    memory: tuple[tuple[int, int, int], ...] = ()  # address, size, permissions


def find_shared() -> Shared:
    """Return what forks of this process would share: open files, by their descriptors, and memory."""
    numbers = sorted(int(name) for name in os.listdir("/proc/self/fd"))  # noqa: PTH208 - numbers, no paths
    return Shared(tuple(number for number in numbers if number > _STDERR and _is_file(number)), tuple(_shared_memory()))


def unshare(shared: Shared) -> None:
    """Make files and memory that the template has this process's own; it is a fork of it that hasn't done anything."""
    for number in shared.files:
        with suppress(OSError):  # it can't be opened any more: shared it stays
            _open_anew(number)
    for place in shared.memory:
        _copy(*place)


def _is_file(number: int) -> bool:
    try:
        return stat.S_ISREG(os.fstat(number).st_mode)
    except OSError:
        return False  # it was that of the list


def _open_anew(number: int) -> None:
    place = os.lseek(number, 0, os.SEEK_CUR)
    flags = fcntl.fcntl(number, fcntl.F_GETFL) & ~_NOT_ANEW
    anew = os.open(f"/proc/self/fd/{number}", flags | os.O_CLOEXEC)
    os.lseek(anew, place, os.SEEK_SET)
    os.dup2(anew, number, inheritable=os.get_inheritable(number))
    os.close(anew)


def _shared_memory() -> Iterator[tuple[int, int, int]]:
    """Yield address, size and permissions of memory that is shared with other processes, and with no file of a name."""
    for line in Path("/proc/self/maps").read_bytes().splitlines():
        if b" (deleted)" not in line:
            continue
        addresses, mode, *_ = line.decode(errors="replace").split(maxsplit=2)
        if mode[3] == "s" and mode[:2] == "rw":
            start, end = (int(each, 16) for each in addresses.split("-"))
            yield start, end - start, sum(_PERMISSIONS[each] for each in mode[:3] if each != "-")


_map = LIBC.mmap
_map.restype = ctypes.c_void_p
_map.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)


def _copy(address: int, size: int, permissions: int) -> None:
    """Put memory of this process's own, with the same content, in the place of some that it shares."""
    content = ctypes.string_at(address, size)
    found = _map(address, size, permissions, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | _FIXED, -1, 0)
    if found == address:
        ctypes.memmove(address, content, size)
