"""What Linux tells of changes to files (inotify).

Three calls of the C library, which Python doesn't wrap. A change is in the queue before the call that made it returns.
What is written through a mapping in memory is told when the file is closed.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from typing import Final

MODIFY: Final = 0x2
ATTRIB: Final = 0x4
CLOSE_WRITE: Final = 0x8
MOVED_FROM: Final = 0x40
MOVED_TO: Final = 0x80
CREATE: Final = 0x100
DELETE: Final = 0x200
DELETE_SELF: Final = 0x400
MOVE_SELF: Final = 0x800
OVERFLOW: Final = 0x4000
IGNORED: Final = 0x8000
ONLY_FOLDERS: Final = 0x1000000
OF_FOLDER: Final = 0x40000000

_LIBC = ctypes.CDLL(None, use_errno=True)
_HEAD = struct.Struct("iIII")
_READ = 1 << 16

# Add a watch without letting go of Python's lock: thousands of short calls would else wait for it after each.
_ADD = ctypes.PyDLL(None, use_errno=True).inotify_add_watch
_ADD.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)


class Inotify:
    """A queue of events. Not for two threads at a time."""

    def __init__(self) -> None:
        """Open one; raises OSError where the kernel has none, or this user has too many."""
        self.fd: Final = int(_LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        if self.fd < 0:
            raise _error("inotify_init1")

    def add(self, path: str, mask: int) -> int:
        """Watch a file or folder, and return the number by which events name it: the same for each of its paths."""
        number = int(_ADD(self.fd, os.fsencode(path), mask))
        if number < 0:
            raise _error(path)
        return number

    def remove(self, number: int) -> None:
        """Watch no longer; what is gone isn't watched anyway."""
        _LIBC.inotify_rm_watch(self.fd, number)

    def read(self) -> Iterator[tuple[int, int, str]]:
        """Yield what has happened and wasn't read yet: the number of a watch, what, and to which name in a folder."""
        while True:
            try:
                data = os.read(self.fd, _READ)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                number, mask, _, length = _HEAD.unpack_from(data, at)
                at += _HEAD.size + length
                yield number, mask, os.fsdecode(data[at - length : at].rstrip(b"\0"))

    def close(self) -> None:
        """Forget all watches."""
        os.close(self.fd)


def _error(what: str) -> OSError:
    code = ctypes.get_errno() or errno.EIO
    return OSError(code, os.strerror(code), what)
