"""Looks at a path that is to be a dataset: what is there, and whether it is still the same.

Symbolic links count as what they lead to, wherever that is: link farms are a usual way to lay data out, and who may
name a path may name the link's target as well. A link to nothing, a folder that contains itself through a link, a name
that isn't UTF-8, and anything that is neither file nor folder (socket, device, FIFO) are errors that name the path.

Two equal snapshots, one taken before and one after reading, say that what was read existed at one time: every file and
every folder still has the inode, the size and both times. (Two writes within one tick of the file system's clock, a few
milliseconds, with no change of size, can't be told apart. That is why young signatures are never remembered.)
"""

# ruff: noqa: PTH114, PTH115, PTH116 - paths are bytes here, since a name may be anything; pathlib has text only

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from accio.content.errors import ChangedWhileRead, PathMissing, StagingError
from accio.content.manifest import MAX_ENTRIES, MAX_NAME_BYTES, Shape
from accio.late import dataclass

_NAMES = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


class Signature(NamedTuple):  # a tuple, since several are made for each file of a large dataset
    """What changes when a file changes. ctime is part of it because, unlike mtime, nobody can set it back."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int = 0
    """Where the file lies, for as long as that is mounted."""

    @classmethod
    def of(cls, found: os.stat_result) -> "Signature":
        """Return the signature in a stat result."""
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What stands at a path. Files and folders are keyed by relative path; the top itself is ""."""

    root: bytes
    shape: Shape
    files: dict[str, Signature]
    folders: dict[str, Signature]
    empty_folders: tuple[str, ...]

    def place(self, path: str) -> bytes:
        """Return where on this machine a file of the snapshot is."""
        return self.root + b"/" + path.encode() if path else self.root

    @property
    def size(self) -> int:
        """The bytes of all files together."""
        return sum(signature.size for signature in self.files.values())


def scan(path: str | os.PathLike[str]) -> Snapshot:
    """Return a snapshot of a file or folder, following links; raises StagingError (PathMissing if nothing is there)."""
    if not os.fspath(path):
        raise PathMissing("the path of the dataset is empty")
    root = bytes(Path(path).absolute())
    found = _stat(root)
    if stat.S_ISREG(found.st_mode):
        files = {"": Signature.of(found)}
        return Snapshot(root=root, shape=Shape.FILE, files=files, folders={}, empty_folders=())
    if not stat.S_ISDIR(found.st_mode):
        raise StagingError(_strange(root, found))
    walk = _Walk(root)
    walk.run(found)
    return Snapshot(
        root=root,
        shape=Shape.FOLDER,
        files=walk.files,
        folders=walk.folders,
        empty_folders=tuple(walk.empty_folders),
    )


def difference(before: Snapshot, after: Snapshot) -> str | None:
    """Say what is no longer as it was, naming one path; None if all is."""
    if before.shape is not after.shape:
        return f"{show(before.root)} was a {before.shape} and is a {after.shape}"
    for old, new in ((before.files, after.files), (before.folders, after.folders)):
        if old == new:
            continue
        for path, signature in old.items():
            if path not in new:
                return f"{show(before.place(path))} is gone"
            if new[path] != signature and old is before.files:
                return f"{show(before.place(path))} was written to or replaced"
        for path in new:
            if path not in old:
                return f"{show(before.place(path))} was added"
    if before.folders != after.folders:
        path = next(path for path, signature in before.folders.items() if after.folders[path] != signature)
        return f"something was added to or taken out of the folder {show(before.place(path))}"
    return None


def changed_since(before: Snapshot) -> str | None:
    """Look again: say what differs from the snapshot, None if nothing does."""
    try:
        after = scan(os.fsdecode(before.root))
    except StagingError as error:
        return error.message.removeprefix("staging: ")
    return difference(before, after)


def only_grew(before: Snapshot) -> bool:
    """Look again: return whether all that the snapshot saw is as it was, though there may be more by now."""
    try:
        after = scan(os.fsdecode(before.root))
    except StagingError:
        return False
    return (
        before.shape is after.shape
        and before.files.items() <= after.files.items()
        and before.folders.keys() <= after.folders.keys()
    )


def require_unchanged(before: Snapshot) -> None:
    """Raise ChangedWhileRead if what stands at the path is no longer what the snapshot saw."""
    if (what := changed_since(before)) is not None:
        raise ChangedWhileRead(what)


def require_still_there(before: Snapshot) -> None:
    """Raise ChangedWhileRead if anything that the snapshot saw is no longer as it was; there may be more."""
    if not only_grew(before):
        raise ChangedWhileRead(f"something in {show(before.root)} was changed or removed")


def show(path: bytes) -> str:
    """Return a path for a message, with bytes that aren't UTF-8 escaped."""
    return path.decode(errors="backslashreplace")


def read_error(path: bytes, error: OSError) -> StagingError:
    """Return the error that says why a file or folder can't be read."""
    reason = (error.strerror or str(error)).lower()
    if isinstance(error, FileNotFoundError):
        return ChangedWhileRead(f"{show(path)} is gone")
    if isinstance(error, PermissionError):
        return StagingError(f"can't read {show(path)}: {reason}; give the agent's user the right to read it")
    return StagingError(f"can't read {show(path)}: {reason}")


class _Walk:
    """Goes through a folder with a stack of its own: a tree may be deeper than Python's."""

    def __init__(self, root: bytes) -> None:
        self.root = root
        self.files: dict[str, Signature] = {}
        self.folders: dict[str, Signature] = {}
        self.empty_folders: list[str] = []

    def run(self, found: os.stat_result) -> None:
        # Each waiting folder carries the identities of the folders around it: meeting one of them again is a cycle.
        waiting: list[tuple[str, os.stat_result, tuple[tuple[int, int], ...]]] = [("", found, ())]
        while waiting:
            path, found, around = waiting.pop()
            self.folders[path] = Signature.of(found)
            around = (*around, (found.st_dev, found.st_ino))
            empty = True
            for name, entry in self._list(path):
                empty = False
                below = f"{path}/{name}" if path else name
                found = _stat(entry.path, entry)
                if stat.S_ISREG(found.st_mode):
                    self.files[below] = Signature.of(found)
                elif not stat.S_ISDIR(found.st_mode):
                    raise StagingError(_strange(entry.path, found))
                elif (found.st_dev, found.st_ino) in around:
                    raise StagingError(
                        f"the folder {show(entry.path)} contains itself through a symbolic link: remove the link"
                    )
                else:
                    waiting.append((below, found, around))
            if empty and path:
                self.empty_folders.append(path)
            if len(self.files) + len(self.folders) > MAX_ENTRIES:
                raise StagingError(
                    f"{show(self.root)} holds more than {MAX_ENTRIES:,} files and folders: pack them into fewer"
                )

    def _list(self, path: str) -> Iterator[tuple[str, os.DirEntry[bytes]]]:
        place = self.root + b"/" + path.encode() if path else self.root
        try:
            with os.scandir(place) as entries:
                listed = list(entries)
        except OSError as error:
            raise read_error(place, error) from error
        for entry in listed:
            try:
                name = entry.name.decode()
            except UnicodeDecodeError as error:
                raise StagingError(f"the name of {show(entry.path)} isn't UTF-8: rename it") from error
            if len(entry.name) > MAX_NAME_BYTES:
                raise StagingError(f"the name of {show(entry.path)} is longer than {MAX_NAME_BYTES} bytes: rename it")
            yield name, entry


def _stat(path: bytes, entry: os.DirEntry[bytes] | None = None) -> os.stat_result:
    """Return what a path leads to; *entry* is the listed entry, None for the top of the dataset."""
    try:
        return os.stat(path) if entry is None else entry.stat()
    except FileNotFoundError as error:
        if os.path.islink(path):
            target = show(os.readlink(path))
            raise StagingError(f"the symbolic link {show(path)} leads to {target}, which does not exist") from error
        if entry is None:
            raise PathMissing(f"there is no file or folder at {show(path)}") from error
        raise ChangedWhileRead(f"{show(path)} is gone") from error
    except NotADirectoryError as error:
        raise PathMissing(f"there is no file or folder at {show(path)}: a part of the path is a file") from error
    except OSError as error:
        if os.path.islink(path) and error.errno == errno.ELOOP:
            raise StagingError(f"the symbolic link {show(path)} leads back to itself") from error
        raise read_error(path, error) from error
    except ValueError as error:  # a NUL character
        raise StagingError(f"{show(path)!r} can't be a path") from error


def _strange(path: bytes, found: os.stat_result) -> str:
    kind = _NAMES.get(stat.S_IFMT(found.st_mode), "something else")
    return f"{show(path)} is {kind}: a dataset consists of files and folders"
