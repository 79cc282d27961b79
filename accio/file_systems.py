"""What kinds of file systems there are, and what the kernel does for files on them."""

import ctypes
import os
import sys
from functools import cache
from typing import Any, Final

_LOCAL: Final = frozenset(
    {
        0xEF53,  # ext2, ext3, ext4
        0x58465342,  # XFS
        0x9123683E,  # Btrfs
        0x01021994,  # tmpfs
        0xF2F52010,  # F2FS
        0x2FC12FC1,  # ZFS
        0xCA451A4E,  # bcachefs
    }
)
_IN_MEMORY: Final = frozenset(
    {
        0x01021994,  # tmpfs
        0x858458F6,  # ramfs
        0x958458F6,  # hugetlbfs
    }
)


def is_local(path: str) -> bool:
    """Return whether all changes of a file pass through this machine's kernel, seen as changes of that very file.

    So it isn't for file servers, FUSE and what virtual machines share, nor for overlays, below which files may change.
    """
    return _type_of(path) in _LOCAL


def keeps_times(path: str | bytes) -> bool:
    """Return whether a write through a mapping in memory ever changes the times of the file at *path*.

    A disk's file system writes pages out, and notes the time when one is written to again. One that is in memory itself
    (`/dev/shm`, `/tmp` on many machines) never does: pages that are mapped once are written to without a trace.
    """
    return _type_of(path) not in _IN_MEMORY


def _type_of(path: str | bytes) -> int:
    """Return the number of a file system's type; 0 if it can't be told."""
    found = ctypes.create_string_buffer(512)  # a `struct statfs` has 120 bytes; it begins with the type
    if sys.byteorder != "little" or _libc().statfs(os.fsencode(path), found) != 0:
        return 0
    return int.from_bytes(found.raw[:4], "little")


@cache
def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)
