"""Moves files into a store by hard links, without copying: what an operator has just written needn't be copied.

A copy can't change under its digest; a file with a second name could, by whoever writes to it through the first one. So
it is taken only if nobody can: it is our own and has no other name, it is made read-only, and a lease of the kernel's
(fcntl(2)) proves that no process has it open or mapped for writing, and tells at the end whether one has tried since.
Where the kernel gives no lease (some network file systems), or somebody does write, the file is copied.
"""

import fcntl
import os
import signal
import stat
from contextlib import suppress

from accio.content.blobs import Stored
from accio.content.digest import digest_fd, hex_of
from accio.content.folder import BlobFolder

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def adopt(folder: BlobFolder, place: bytes) -> Stored | None:
    """See `FolderStore.adopt`."""
    try:
        fd = os.open(place, _OPEN)
    except OSError:
        return None  # who copies it will say what is wrong
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_uid != os.geteuid():
            return None
        if not _lease(fd):
            return None
        return _with_lease(folder, fd, found.st_size)
    finally:
        os.close(fd)


def _with_lease(folder: BlobFolder, fd: int, size: int) -> Stored | None:
    os.fchmod(fd, stat.S_IMODE(os.fstat(fd).st_mode) & 0o444)
    incoming = folder.begin_with(fd)
    if incoming is None:
        return None
    try:
        digest, size = digest_fd(fd, size=size)
        if fcntl.fcntl(fd, fcntl.F_GETLEASE) == fcntl.F_RDLCK:
            new = folder.publish(incoming, hex_of(digest), size=size)
            return Stored(digest=digest, size=size, new=new)
    except BaseException:
        with suppress(OSError):  # it is published, or its end is told already
            folder.drop(incoming)
        raise
    folder.drop(incoming)
    return None


def _lease(fd: int) -> bool:
    """Acquire a lease that ends when somebody opens the file for writing; false if somebody has, or none can be had."""
    try:
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)  # the usual one would end the process; this one is ignored
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError:
        return False
    return True
