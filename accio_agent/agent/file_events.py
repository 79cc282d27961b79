"""Tells whether anything has happened to the files of operators since they were looked at, without a look at each.

The kernel tells (`inotify`): an edit that has ended is in its queue, which is read when somebody asks. Each file is
watched itself, so that it doesn't matter by which of its names it is edited, and each folder. What the kernel doesn't
tell is looked at each time: symbolic links, and whether the paths of the outermost folders still lead to them. Wherever
anything is in doubt, nothing is said to be still: it is for others to look at the files.
"""

import errno
import os
import select
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from dataclasses import field
from typing import Final, TypeAlias

from accio import inotify
from accio.file_systems import is_local
from accio.inotify import Inotify
from accio.late import dataclass
from accio.sdk.glances import Glances, Seen, entries, is_code, look

MOST_WATCHES = 4_096
"""Of one agent. A user has some 8,000 on older systems, for editors, too."""
AGAIN_AFTER_S = 30.0
"""What can't be followed is tried again after this long."""
MOUNTS = "/proc/self/mountinfo"

_IN_MOTION = frozenset({errno.ENOENT, errno.ENOTDIR})
"""Why a file can't be followed that was there a moment ago."""

_OF_FILE: Final = inotify.MODIFY | inotify.ATTRIB | inotify.CLOSE_WRITE | inotify.MOVE_SELF | inotify.DELETE_SELF
_OF_FOLDER: Final = (
    inotify.CREATE
    | inotify.DELETE
    | inotify.MOVED_FROM
    | inotify.MOVED_TO
    | inotify.MOVE_SELF
    | inotify.DELETE_SELF
    | inotify.ATTRIB
    | inotify.ONLY_FOLDERS
)

_Concerns: TypeAlias = Callable[[str, bool], bool]
"""Whether an event of a name in a folder matters, which is that of a folder or not."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Followed:
    """What is known of one source. `folders` are the outermost, by their paths; `looked_at` is what the kernel tells
    nothing of, as it was; `since` counts how often it was begun to be followed.
    """

    following: bool = False
    since: int = 0
    confirmed: bool = False
    heard: bool = False
    again_at: float = 0.0
    folders: dict[str, tuple[int, int]] = field(default_factory=dict)
    looked_at: dict[str, Seen] = field(default_factory=dict)
    watches: set[int] = field(default_factory=set)

    def is_followed(self) -> bool:
        """Return whether the kernel tells of it, and what it doesn't tell of is as it was."""
        return (
            self.following
            and all(_identity(path) == was for path, was in self.folders.items())
            and all(look(path) == was for path, was in self.looked_at.items())
        )


class FileEvents:
    """Follows sources, each under a name. A thread may follow while another one asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sources: dict[Hashable, _Followed] = {}
        self._kernel: Inotify | None = None
        self._mounts = -1
        self._ready = select.poll()
        self._watches: dict[int, list[tuple[_Followed, _Concerns]]] = {}
        self._unused: set[int] = set()
        self._closed = False

    def follow(self, source: Hashable, roots: Glances) -> int:
        """Have the kernel tell of changes to a source, unless it does. Return what `confirm` wants to be told."""
        with self._lock:
            found = self._sources.setdefault(source, _Followed())
            self._read()
            now = time.monotonic()
            if now < found.again_at or self._closed or found.is_followed():
                return found.since
            self._detach(found)
            found.since += 1
            found.confirmed = False
            try:
                self._open()
                self._follow(found, roots)
                found.following = True
            except OSError as error:
                self._detach(found)
                found.again_at = now if error.errno in _IN_MOTION else now + AGAIN_AFTER_S
            self._tidy()
            return found.since

    def confirm(self, source: Hashable, since: int) -> None:
        """Note that a source was looked at since `follow` returned this number."""
        if (found := self._sources.get(source)) is not None and found.since == since:
            found.confirmed = True

    def still(self) -> frozenset[Hashable]:
        """Return the sources of which nothing has happened since they were confirmed."""
        if not self._lock.acquire(blocking=False):
            return frozenset()
        try:
            self._read()
            return frozenset(
                source for source, found in self._sources.items() if found.confirmed and found.is_followed()
            )
        finally:
            self._lock.release()

    def heard(self, source: Hashable, *, forget: bool = False) -> bool:
        """Return whether the kernel told of a change to a source."""
        found = self._sources.get(source)
        heard = found is not None and found.heard
        if forget and found is not None:
            found.heard = False
        return heard

    def drop(self, source: Hashable) -> None:
        """Follow a source no longer."""
        with self._lock:
            if (found := self._sources.pop(source, None)) is not None:
                self._detach(found)
                self._tidy()

    def close(self) -> None:
        """Follow nothing from now on."""
        with self._lock:
            self._closed = True
            self._sources.clear()
            if self._kernel is not None:
                self._kernel.close()
            if self._mounts >= 0:
                os.close(self._mounts)
            self._kernel, self._mounts, self._ready = None, -1, select.poll()

    def _open(self) -> None:
        if self._mounts < 0:
            self._mounts = os.open(MOUNTS, os.O_RDONLY | os.O_CLOEXEC)
            self._ready.register(self._mounts, select.POLLPRI)
        if self._kernel is None:
            self._kernel = Inotify()
            self._ready.register(self._kernel.fd, select.POLLIN)

    def _read(self) -> None:
        """Note what the kernel has told since."""
        if self._kernel is None:
            return
        ready = {fd for fd, _ in self._ready.poll(0)}
        if self._mounts in ready:  # another file system may lie above what is followed
            for found in self._sources.values():
                found.following = False
        if self._kernel.fd in ready:
            for number, mask, name in self._kernel.read():
                self._note(number, mask, name)

    def _note(self, number: int, mask: int, name: str) -> None:
        if mask & inotify.OVERFLOW:
            concerned = [*self._sources.values()]
        else:
            of_folder = bool(mask & inotify.OF_FOLDER)
            places = self._watches.get(number, ())
            concerned = [found for found, concerns in places if not name or concerns(name, of_folder)]
        if mask & inotify.IGNORED:
            self._watches.pop(number, None)
        for found in concerned:
            found.following, found.heard = False, True

    def _follow(self, found: _Followed, roots: Glances) -> None:
        found.folders, found.looked_at = {}, {}
        mounted = list(_mount_points())
        for path in (*roots.trees, *roots.folders, *roots.files):
            looks, identity = look(path), _identity(path)
            if not os.path.isdir(path):  # noqa: PTH112 - as in `glances`
                found.looked_at[path] = looks
                continue
            found.folders[path] = identity
            below = f"{os.path.realpath(path).rstrip('/')}/"
            if not all(map(is_local, (path, *(point for point in mounted if point.startswith(below))))):
                raise OSError(errno.EXDEV, "others may change it", path)
        for path in found.folders.keys() & {*roots.trees}:
            self._follow_below(found, path, every=False)
        for path in found.folders.keys() & {*roots.files}:
            self._follow_below(found, path, every=True)
        for path in found.folders.keys() & {*roots.folders}:
            self._follow_within(found, path)

    def _follow_below(self, found: _Followed, top: str, *, every: bool) -> None:
        """Follow the code, or *every* file, below a folder."""
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            if not self._watch(found, folder, _OF_FOLDER, _concerns_all if every else _concerns_code):
                continue
            for entry in entries(folder):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif every or is_code(entry.name):
                    self._follow_file(found, entry)

    def _follow_within(self, found: _Followed, folder: str) -> None:
        """Follow the code directly in a folder, and which folders in it are packages."""

        def concerns(name: str, of_folder: bool) -> bool:
            return _concerns_code(name, of_folder) or os.path.islink(f"{folder}/{name}")  # noqa: PTH114 - as above

        self._watch(found, folder, _OF_FOLDER, concerns)
        for entry in entries(folder):
            inside = f"{entry.path}/__init__.py"
            if is_code(entry.name):
                self._follow_file(found, entry)
            elif entry.is_symlink():
                found.looked_at.update((path, look(path)) for path in (entry.path, inside))
            elif entry.is_dir():
                self._watch(found, entry.path, _OF_FOLDER, lambda name, _: name == "__init__.py")
                if os.path.islink(inside):  # noqa: PTH114 - as above
                    found.looked_at[inside] = look(inside)

    def _follow_file(self, found: _Followed, entry: "os.DirEntry[str]") -> None:
        if not entry.is_file(follow_symlinks=False):  # a symbolic link may lead elsewhere by each part of its path
            found.looked_at[entry.path] = look(entry.path)
        else:
            self._watch(found, entry.path, _OF_FILE, _concerns_all)

    def _watch(self, found: _Followed, path: str, mask: int, concerns: _Concerns) -> bool:
        """Watch a file or folder; return False if it is one that this user can't read, which is looked at instead."""
        assert self._kernel is not None
        if len(self._watches) >= MOST_WATCHES:
            raise OSError(errno.ENOSPC, "too many files", path)
        try:
            number = self._kernel.add(path, mask)
        except PermissionError:
            found.looked_at[path] = look(path)
            return False
        found.watches.add(number)
        self._watches.setdefault(number, []).append((found, concerns))
        return True

    def _detach(self, found: _Followed) -> None:
        """Have no watch concern a source; those that concern none are there until `_tidy`."""
        for number in found.watches:
            if number in self._watches:
                self._watches[number] = [place for place in self._watches[number] if place[0] is not found]
        self._unused |= found.watches
        found.watches = set()

    def _tidy(self) -> None:
        for number in self._unused:
            if not self._watches.get(number, True):
                del self._watches[number]
                if self._kernel is not None:
                    self._kernel.remove(number)
        self._unused.clear()


def _concerns_all(name: str, of_folder: bool) -> bool:
    return name != "__pycache__"


def _concerns_code(name: str, of_folder: bool) -> bool:
    return is_code(name) or (of_folder and name != "__pycache__")


def _identity(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 - at each submission
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


def _mount_points() -> Iterator[str]:
    with open(MOUNTS, "rb") as file:  # noqa: PTH123 - bytes, as names of files are
        for line in file:
            with suppress(IndexError):
                yield os.fsdecode(line.split()[4].decode("unicode_escape").encode("latin-1"))
