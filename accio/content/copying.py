"""Copies what an open file holds into another one, in the kernel where it can."""

import errno
import os

from accio.content.digest import chunks_of

_AT_ONCE = 1 << 30
# The kernel can't copy between these two files, or (ETXTBSY, EPERM) not these files; reading and writing may work.
_CANT = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.ETXTBSY, errno.EBADF})


def copy_fd(source: int, target: int, *, size: int) -> None:
    """Append *source*, from its position to its end, to *target*. *size* is what it is believed to hold.

    A file system with reflinks (XFS, Btrfs) shares the blocks until one of the two is written to.
    """
    try:
        while os.copy_file_range(source, target, _AT_ONCE):
            size = 0
    except OSError as error:
        if error.errno not in _CANT:
            raise
    # Also after success: some of the kernel's file systems (proc, a few FUSE ones) report an end that isn't one.
    for chunk in chunks_of(source, size=size):
        write_all(target, chunk)


def write_all(fd: int, data: bytes | bytearray | memoryview) -> None:
    """Write all of *data*."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
