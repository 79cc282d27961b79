"""Whether a large piece of memory was written to since it was looked at: runs in worker processes.

Comparing an array of a gigabyte after each execution would cost more than most executions. But a worker is a fork: the
pages of what its template had imported belong to both until one of them writes, and the kernel tells which pages of a
process are its own alone. So only the ends, whose pages hold something else, too, and pages that had been the process's
own already are compared by their content.
"""

import array
import ctypes
import os
from collections.abc import Callable
from typing import Any, TypeAlias

from blake3 import blake3

PAGE = os.sysconf("SC_PAGE_SIZE")
MOST_HASHED = 1 << 26
"""Where the kernel can't tell, larger memory than this (in bytes) isn't looked at."""

_ENTRY = 8  # bytes of a page in the kernel's list
_OWN, _SWAPPED = 1 << 56, 1 << 62  # only this process has the page; it lies on a disk, where that can't be told
_ITEMS = 24  # where in a list the address of its items is
_TABLE, _MASK = 40, 32  # where in a set the address of its table is, and one less than its length

Place: TypeAlias = tuple[int, int]
"""An address and a number of bytes."""


class WrittenMemory:
    """Tells, when it is called, whether some memory is another one or was written to since this was made."""

    def __init__(self, place: Callable[[], Place]) -> None:
        """Look at the memory at *place*, which keeps alive what has it."""
        self._place = place
        self._address, self._size = self._at = place()
        self._first = -(-self._address // PAGE)
        self._pages = max((self._address + self._size) // PAGE - self._first, 0)
        self._mask = int.from_bytes((_OWN | _SWAPPED).to_bytes(_ENTRY, "little") * self._pages, "little")
        self._process = os.getpid()
        self._kept = self._ends()
        self._own = self._own_pages()
        self._hash = b"" if self._own == 0 else self._content()

    def __call__(self) -> bool:
        if self._place() != self._at or self._ends() != self._kept:
            return True
        own = self._own_pages()
        if own is not None and self._own is not None:
            if os.getpid() != self._process:
                return own != 0  # what is its own it has written to since it was forked
            if own & ~self._own:
                return True
            if self._own == 0:
                return False
        return self._content() != self._hash

    def _ends(self) -> bytes:
        """Return what lies on pages that aren't wholly of this memory."""
        if not self._pages:
            return ctypes.string_at(self._address, self._size)
        start, end = self._first * PAGE, (self._first + self._pages) * PAGE
        last = self._address + self._size - end
        return ctypes.string_at(self._address, start - self._address) + ctypes.string_at(end, last)

    def _own_pages(self) -> int | None:
        """Return the bits of pages that are this process's own; None where the kernel doesn't say."""
        try:
            fd = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            entries = os.pread(fd, self._pages * _ENTRY, self._first * _ENTRY)
        except OSError:
            return None
        finally:
            os.close(fd)
        return int.from_bytes(entries, "little") & self._mask if len(entries) == self._pages * _ENTRY else None

    def _content(self) -> bytes:
        if self._size > MOST_HASHED:
            return b""
        return blake3(memoryview((ctypes.c_char * self._size).from_address(self._address)).cast("B")).digest()


def place_of(thing: Any) -> Callable[[], Place] | None:
    """Return what tells where an array, list, set or other buffer has its content; None if that isn't known."""
    if isinstance(thing, list):
        return (lambda: _of_list(thing)) if _KNOWN else None
    if isinstance(thing, set):
        return (lambda: _of_set(thing)) if _KNOWN else None
    if isinstance(thing, array.array):
        return lambda: (thing.buffer_info()[0], len(thing) * thing.itemsize)
    if isinstance(thing, bytearray):
        return lambda: _of_buffer(thing)
    if isinstance(thing, memoryview):
        return None if thing.readonly or not thing.c_contiguous else lambda: _of_buffer(thing)
    if hasattr(thing, "__array_interface__"):
        return lambda: _of_array(thing)
    return None


def _of_list(thing: list[Any]) -> Place:
    return _word(id(thing) + _ITEMS), len(thing) * ctypes.sizeof(ctypes.c_void_p)


def _of_set(thing: set[Any]) -> Place:
    return _word(id(thing) + _TABLE), (_word(id(thing) + _MASK) + 1) * 2 * ctypes.sizeof(ctypes.c_void_p)


def _of_buffer(thing: bytearray | memoryview) -> Place:
    size = memoryview(thing).nbytes
    return ctypes.addressof((ctypes.c_char * size).from_buffer(thing)), size


def _of_array(thing: Any) -> Place:
    """Return the bytes between an array's first and its last element."""
    first, size = thing.__array_interface__["data"][0], thing.itemsize
    last = first
    for length, stride in zip(thing.shape, thing.strides, strict=True):
        reach = (length - 1) * stride
        first, last = first + min(reach, 0), last + max(reach, 0)
    return first, last + size - first


def _word(address: int) -> int:
    return ctypes.c_size_t.from_address(address).value


def _is_known() -> bool:
    """Return whether lists and sets are laid out as is taken for granted here."""
    marks = [object() for _ in range(64)]
    address, size = _of_list(marks)
    in_list = [_word(address + at) for at in range(0, size, 8)] == list(map(id, marks))
    members = set(marks)
    if not in_list or _word(id(members) + _MASK) not in {127, 255}:
        return False
    address, size = _of_set(members)
    return {_word(address + at) for at in range(0, size, 16)} - {0} == set(map(id, marks))


_KNOWN = ctypes.sizeof(ctypes.c_size_t) == 8 and _is_known()
