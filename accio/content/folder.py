"""The files of a store in a folder: who may do what when. What the bytes are is the business of store.py.

    FOLDER/format                   "accio store 1"
    FOLDER/lock                     held shared while a blob appears or is used, exclusively while one goes
    FOLDER/blobs/ab/ab12…           the blobs, read-only, named by the 64 digits of their digest
    FOLDER/incoming/RANDOM          what is being written, locked by its writer
    FOLDER/quarantine/ab12…-RANDOM  blobs that turned out damaged

Any number of processes and threads may use one folder at once. A blob is written under `incoming`, verified, and
renamed: whatever dies at whatever instant, what stands under `blobs` was complete. The lock makes deleting safe:
whoever learns that a blob is there, and means to rely on it, moves its time within the lock; `remove` looks at that
time within the lock. It is taken anew for each step (a lock belongs to an open file, so threads don't share it) and
held for microseconds. A file in `incoming` that nobody has locked belongs to a dead writer.

File systems that hosts share may have no locks, or keep them from other hosts. A store there is made *unlocked*, which
its `format` tells everybody. Only one process deletes there, and only what wasn't used for a day: a blob is moved aside
first, and put back if its time has moved meanwhile (opening a file asks the server for its time, whatever this host
remembers of it). A file in `incoming` belongs to a dead writer once it hasn't changed for a day.

Names come from digests and from `secrets`, never from outside, and no symbolic link below FOLDER is followed.
"""

# ruff: noqa: PTH208 - everything here is relative to open folders, which pathlib can't express

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from accio.content.errors import StoreFull, StoreUnusable
from accio.content.parts import CREATE, FOLDER, READ, open_parts
from accio.disk_space import FULL
from accio.late import dataclass

ABANDONED_NS = 24 * 3600 * 1_000_000_000
"""Without locks, a file that is being written has changed, and a blob that is relied upon was used, within so long, by
the clock of the file system.
"""
SHARED, EXCLUSIVE = fcntl.LOCK_SH, fcntl.LOCK_EX
_SHARD_DIGITS = 2
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A file that is being written, and locked by having it open."""

    name: str
    fd: int


class NotAFile(Exception):
    """Something else than a file stands in a blob's place."""


class BlobFolder:
    """The open folders of a store; every step is safe against every other one of any process."""

    def __init__(self, path: Path, *, sync: bool, writable: bool, unlocked: bool = False) -> None:
        """Open a folder, or make it; *unlocked* insists on one without locks, which else only its format says."""
        self.path = path
        self.sync = sync
        self.writable = writable
        self._fds: dict[str, int] = {}
        try:
            with self.explained("opened"):
                self._locks = open_parts(path, self._fds, sync=sync, writable=writable, unlocked=unlocked)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the folders."""
        while self._fds:
            os.close(self._fds.popitem()[1])

    @property
    def fd(self) -> int:
        """The open folder."""
        return self._fds["."]

    @contextmanager
    def explained(self, done: str) -> Iterator[None]:
        """Turn an OSError into StoreFull or StoreUnusable; *done* completes "the store in … can't be …"."""
        try:
            yield
        except OSError as error:
            if error.errno in FULL:
                raise StoreFull(self._full()) from error
            reason = (error.strerror or str(error)).lower()
            if error.errno in _NO_LOCKS:
                reason += (
                    "; its file system has no locks: use a folder on a local disk, or let the daemon keep blobs in one "
                    "without (accio daemon --store shared:FOLDER)"
                )
            raise StoreUnusable(f"the store in {self.path} can't be {done}: {reason}") from error

    @contextmanager
    def locked(self, kind: int) -> Iterator[None]:
        """Hold the store's lock, SHARED or EXCLUSIVE, if it has one."""
        if not self._locks:
            yield
            return
        fd = os.open("lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._fds["."])
        try:
            fcntl.flock(fd, kind)
            yield
        finally:
            os.close(fd)

    # -- blobs

    def names(self) -> Iterator[tuple[str, os.stat_result]]:
        """Yield the blobs in no order, folder by folder."""
        for shard in os.listdir(self._fds["blobs"]):
            if len(shard) == _SHARD_DIGITS:
                yield from self._names_in(shard)

    def stat(self, name: str, *, use: bool) -> os.stat_result | None:
        """Return what stands in a blob's place, None if nothing does. To *use* it, hold the lock: that
        moves its time.
        """
        with self._shard(name) as shard:
            if shard is None:
                return None
            try:
                if use and self.writable:
                    os.utime(name, dir_fd=shard, follow_symlinks=False)
                return os.stat(name, dir_fd=shard, follow_symlinks=False)
            except FileNotFoundError:
                return None

    def open(self, name: str) -> int | None:
        """Open a blob; None if it isn't there; raises NotAFile."""
        with self._shard(name) as shard:
            if shard is None:
                return None
            try:
                fd = os.open(name, READ, dir_fd=shard)
            except FileNotFoundError:
                return None
            except OSError as error:
                if error.errno in {errno.ELOOP, errno.ENXIO}:  # a symbolic link; a socket
                    raise NotAFile from error
                raise
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise NotAFile
        return fd

    def remove(self, name: str, *, last_use_ns: int) -> bool:
        """Delete a blob whose time is still *last_use_ns*; false if it isn't, or the blob is gone, or too young."""
        if not self._locks and self._now_ns() - last_use_ns < ABANDONED_NS:
            return False
        with self.locked(EXCLUSIVE), self._shard(name) as shard:
            if shard is None:
                return False
            try:
                if os.stat(name, dir_fd=shard, follow_symlinks=False).st_mtime_ns != last_use_ns:
                    return False
                if not self._locks:
                    return self._remove_aside(name, shard, last_use_ns)
                os.unlink(name, dir_fd=shard)
            except FileNotFoundError:
                return False
        return True

    def quarantine(self, name: str, *, inode: int | None) -> bool:
        """Remove the damaged blob *inode* (None: what isn't a file), unless another has taken its place."""
        if not self.writable:
            return False
        with self.locked(EXCLUSIVE), self._shard(name) as shard:
            if shard is None:
                return False
            try:
                found = os.stat(name, dir_fd=shard, follow_symlinks=False)
                if found.st_ino != inode if inode is not None else stat.S_ISREG(found.st_mode):
                    return False
                aside = self._move_aside(name, shard)
                if not self._locks and inode is not None and self._aside(aside).st_ino != inode:
                    self._put_back(name, aside, shard)  # somebody was faster, and put a good one in its place
                    return False
            except FileNotFoundError:
                return False
        return True

    # -- writing

    def begin(self) -> Incoming:
        """Make an empty file under `incoming`, locked until it is published or dropped (or its process dies)."""
        name = secrets.token_hex(16)
        with self.locked(SHARED):  # `sweep` never sees a file between its making and its locking
            fd = os.open(name, CREATE, 0o644, dir_fd=self._fds["incoming"])
            try:
                if self._locks:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BaseException:
                os.close(fd)
                raise
        return Incoming(name=name, fd=fd)

    def begin_with(self, fd: int) -> Incoming | None:
        """Make another name of an open file under `incoming`; None where that can't be."""
        if not self._locks:
            return None  # what was written long ago would count as left by a dead writer
        name = secrets.token_hex(16)
        folder = self._fds["incoming"]
        with self.locked(SHARED):
            try:
                os.link(f"/proc/self/fd/{fd}", name, dst_dir_fd=folder, follow_symlinks=True)
            except OSError:
                return None  # another file system, or one without links
            own = os.open(name, READ, dir_fd=folder)
            try:
                fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BaseException:
                os.unlink(name, dir_fd=folder)
                os.close(own)
                raise
        return Incoming(name=name, fd=own)

    def publish(self, incoming: Incoming, name: str, *, size: int) -> bool:
        """Make a complete file appear as a blob; return false (and drop the file) if the blob is there already."""
        if self.take(name, size=size):
            self.drop(incoming)
            return False
        os.fchmod(incoming.fd, os.fstat(incoming.fd).st_mode & 0o444)  # what the umask left of "readable"
        if self.sync:
            os.fsync(incoming.fd)
        self._make_shard(name)
        with self.locked(SHARED), self._shard(name) as shard:
            os.utime(incoming.fd)
            os.rename(incoming.name, name, src_dir_fd=self._fds["incoming"], dst_dir_fd=shard)
            if self.sync and shard is not None:
                os.fsync(shard)
        os.close(incoming.fd)
        return True

    def take(self, name: str, *, size: int) -> bool:
        """Use the blob instead of writing it again; false if it isn't there. What can't be it is taken away."""
        with self.locked(SHARED):
            found = self.stat(name, use=True)
        if found is None:
            return False
        regular = stat.S_ISREG(found.st_mode)
        if regular and found.st_size == size:
            if self.sync:
                self._sync_blob(name)
            return True
        self.quarantine(name, inode=found.st_ino if regular else None)
        return False

    def drop(self, incoming: Incoming) -> None:
        """Remove a file that won't be published."""
        try:
            with suppress(FileNotFoundError):
                os.unlink(incoming.name, dir_fd=self._fds["incoming"])
        finally:
            os.close(incoming.fd)

    def sweep(self) -> int:
        """Remove what dead writers left; the number of files."""
        removed = 0
        with self.locked(EXCLUSIVE):
            names = os.listdir(self._fds["incoming"])
            before_ns = 0 if self._locks or not names else self._now_ns() - ABANDONED_NS
            for name in names:
                removed += self._remove_orphan(name) if self._locks else self._remove_abandoned(name, before_ns)
        return removed

    def clear_quarantine(self, *, before_ns: int) -> int:
        """Remove what was last changed before a time (epoch) from the quarantine; the number of bytes."""
        freed = 0
        fd = self._fds["quarantine"]
        for name in os.listdir(fd):
            with suppress(FileNotFoundError, IsADirectoryError):
                found = os.stat(name, dir_fd=fd, follow_symlinks=False)
                if found.st_ctime_ns < before_ns:
                    os.unlink(name, dir_fd=fd)
                    freed += found.st_size
        return freed

    # -- inside

    @contextmanager
    def _shard(self, name: str) -> Iterator[int | None]:
        try:
            fd = os.open(name[:_SHARD_DIGITS], FOLDER, dir_fd=self._fds["blobs"])
        except FileNotFoundError:
            yield None
            return
        try:
            yield fd
        finally:
            os.close(fd)

    def _make_shard(self, name: str) -> None:
        with suppress(FileExistsError):
            os.mkdir(name[:_SHARD_DIGITS], dir_fd=self._fds["blobs"])
            if self.sync:
                os.fsync(self._fds["blobs"])

    def _names_in(self, shard: str) -> list[tuple[str, os.stat_result]]:
        listed: list[tuple[str, os.stat_result]] = []
        with self._shard(shard) as fd:
            for name in [] if fd is None else os.listdir(fd):
                with suppress(FileNotFoundError):
                    found = os.stat(name, dir_fd=fd, follow_symlinks=False)
                    if name[:_SHARD_DIGITS] == shard and stat.S_ISREG(found.st_mode):
                        listed.append((name, found))
        return listed

    def _sync_blob(self, name: str) -> None:
        """Make sure that a blob that another writer put is on the disk, too."""
        if (fd := self.open(name)) is not None:
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        with self._shard(name) as shard:
            if shard is not None:
                os.fsync(shard)

    def _remove_orphan(self, name: str) -> bool:
        folder = self._fds["incoming"]
        try:
            fd = os.open(name, READ, dir_fd=folder)
        except OSError:
            return False  # gone, or nothing that a writer made
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(name, dir_fd=folder)
        except (BlockingIOError, FileNotFoundError):
            return False  # its writer lives, or has just published it
        finally:
            os.close(fd)
        return True

    def _remove_abandoned(self, name: str, before_ns: int) -> bool:
        folder = self._fds["incoming"]
        with suppress(OSError):  # gone, or nothing that a writer made
            fd = os.open(name, READ, dir_fd=folder)
            try:
                if os.fstat(fd).st_mtime_ns < before_ns:
                    os.unlink(name, dir_fd=folder)
                    return True
            finally:
                os.close(fd)
        return False

    def _now_ns(self) -> int:
        """Return the time by the clock of the file system, which may be another host's."""
        name, folder = secrets.token_hex(16), self._fds["incoming"]
        fd = os.open(name, CREATE, 0o644, dir_fd=folder)
        try:
            return os.fstat(fd).st_mtime_ns
        finally:
            os.close(fd)
            os.unlink(name, dir_fd=folder)

    def _move_aside(self, name: str, shard: int) -> str:
        aside = f"{name}-{secrets.token_hex(4)}"
        os.rename(name, aside, src_dir_fd=shard, dst_dir_fd=self._fds["quarantine"])
        return aside

    def _aside(self, aside: str) -> os.stat_result:
        """Return what the file system says of what was moved aside, not what this host remembers of it."""
        fd = os.open(aside, READ, dir_fd=self._fds["quarantine"])
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def _put_back(self, name: str, aside: str, shard: int) -> None:
        os.rename(aside, name, src_dir_fd=self._fds["quarantine"], dst_dir_fd=shard)

    def _remove_aside(self, name: str, shard: int, last_use_ns: int) -> bool:
        """Delete a blob that nobody is kept from using meanwhile; it is put back if somebody does."""
        aside = self._move_aside(name, shard)
        if self._aside(aside).st_mtime_ns != last_use_ns:
            self._put_back(name, aside, shard)
            return False
        os.unlink(aside, dir_fd=self._fds["quarantine"])
        return True

    def _full(self) -> str:
        try:
            room = os.statvfs(self.path)
            space = f"{room.f_bavail * room.f_frsize:,} of {room.f_blocks * room.f_frsize:,} bytes are free"
        except OSError:
            space = "the file system can't tell how much is free"
        return f"the store in {self.path} is full ({space}): make room there, or run 'accio gc'"
