"""Writes a dataset to a place outside the store, so that it appears there as a whole or not at all.

Everything goes into a draft folder beside the target, which is renamed at the end. Each folder is opened by a single
name inside the one before, without following links, and each file is created anew: so no manifest, and no link that
somebody plants meanwhile, leads out of the target. Files are read-only unless asked for otherwise, and executable if
their content can be executed: permissions are no part of a dataset's identity, so the content must say it.
"""

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from accio.content.copying import write_all
from accio.content.digest import Bytes, Digest, Hasher
from accio.content.errors import DigestMismatch, StagingError, TargetExists
from accio.content.manifest import FileEntry, Manifest, Shape

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ONLY_FILE = "content"


class DatasetTarget:
    """A dataset that is being written at *target*; a context manager that removes what wasn't committed.

    Every file of the manifest is added once, with `receive`, `create` or `link`; then `commit` lets the dataset appear.
    Errors of writing are StagingErrors.
    """

    def __init__(self, target: Path, manifest: Manifest, *, writable: bool = False) -> None:
        self._target = target
        self._manifest = manifest
        self._writable = writable
        self._draft = f".accio-{secrets.token_hex(8)}"
        self._parent = -1
        self._stack: list[tuple[str, int]] = []  # the open folders from the draft (named "") down to the last one used
        self._committed = False

    def __enter__(self) -> "DatasetTarget":
        with self._explained(self._target):
            self._parent = os.open(self._target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._refuse_existing()
            with self._explained(self._target):
                os.mkdir(self._draft, dir_fd=self._parent)
                self._stack = [("", os.open(self._draft, _FOLDER, dir_fd=self._parent))]
        except BaseException:
            os.close(self._parent)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._leave(0)
        if not self._committed:
            shutil.rmtree(self._draft, ignore_errors=True, dir_fd=self._parent)
        os.close(self._parent)

    @contextmanager
    def receive(self, entry: FileEntry) -> Iterator["ReceivedFile"]:
        """Write a file in pieces; raises DigestMismatch at the end if they weren't the file's content."""
        with self.create(entry) as fd:
            file = ReceivedFile(fd)
            yield file
            if file.digest != entry.digest:
                raise DigestMismatch(entry.digest, file.digest)

    @contextmanager
    def create(self, entry: FileEntry) -> Iterator[int]:
        """Create a file and give it out open, to be filled with what the caller has verified or will verify."""
        with self._explained(self._place(entry)):
            folder, name = self._enter(entry)
            fd = os.open(name, _CREATE, 0o666, dir_fd=folder)
        try:
            with self._explained(self._place(entry)):
                yield fd
                runs = is_executable(fd)
                if runs or not self._writable:
                    mode = stat.S_IMODE(os.fstat(fd).st_mode)  # what the umask left
                    os.fchmod(fd, (mode if self._writable else mode & 0o444) | ((mode & 0o444) >> 2 if runs else 0))
        finally:
            os.close(fd)

    def link(self, entry: FileEntry, fd: int) -> bool:
        """Make a file another name of the open file *fd*; return false where that can't be done.

        What is to be executable gets a copy: the modes of the store's own files stay as they are.
        """
        if is_executable(fd):
            return False
        with self._explained(self._place(entry)):
            folder, name = self._enter(entry)
        try:
            os.link(f"/proc/self/fd/{fd}", name, dst_dir_fd=folder, follow_symlinks=True)
        except OSError:
            return False  # another file system, too many links, links not allowed: a copy will say what is wrong
        return True

    def commit(self) -> None:
        """Make the dataset appear at its target; raises TargetExists if something has come to stand there."""
        with self._explained(self._target):
            for path in self._manifest.empty_folders:
                self._open_folder(path.split("/"))
        self._leave(1)
        self._refuse_existing()
        name = self._target.name
        with self._explained(self._target):
            match self._manifest.shape:
                case Shape.FOLDER:
                    os.rename(self._draft, name, src_dir_fd=self._parent, dst_dir_fd=self._parent)
                case Shape.FILE:
                    os.link(_ONLY_FILE, name, src_dir_fd=self._stack[0][1], dst_dir_fd=self._parent)
                    os.unlink(_ONLY_FILE, dir_fd=self._stack[0][1])
                    os.rmdir(self._draft, dir_fd=self._parent)
        self._committed = True

    def _refuse_existing(self) -> None:
        with suppress(FileNotFoundError):
            os.stat(self._target.name, dir_fd=self._parent, follow_symlinks=False)
            raise TargetExists(f"there is something at {self._target} already: remove it, or choose another place")

    def _enter(self, entry: FileEntry) -> tuple[int, str]:
        """Return the open folder that a file belongs in, and the file's name there."""
        if self._manifest.shape is Shape.FILE:
            return self._stack[0][1], _ONLY_FILE
        *folders, name = entry.path.split("/")
        return self._open_folder(folders), name

    def _open_folder(self, names: list[str]) -> int:
        # Entries come sorted, so the folder wanted is mostly the last one, or near it.
        depth = 0
        while depth < min(len(names), len(self._stack) - 1) and self._stack[depth + 1][0] == names[depth]:
            depth += 1
        self._leave(depth + 1)
        for name in names[depth:]:
            around = self._stack[-1][1]
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=around)
            self._stack.append((name, os.open(name, _FOLDER, dir_fd=around)))
        return self._stack[-1][1]

    def _leave(self, depth: int) -> None:
        while len(self._stack) > depth:
            os.close(self._stack.pop()[1])

    def _place(self, entry: FileEntry) -> Path:
        return self._target / entry.path if entry.path else self._target

    @contextmanager
    def _explained(self, place: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StagingError(f"can't write {place}: {(error.strerror or str(error)).lower()}") from error


def is_executable(fd: int) -> bool:
    """Return whether the kernel executes an open file with this content: a script that names its program, or ELF."""
    return os.pread(fd, 4, 0).startswith((b"#!", b"\x7fELF"))


class ReceivedFile:
    """A file of a dataset that comes in pieces."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._hasher = Hasher()

    def write(self, data: Bytes) -> None:
        """Add the next piece."""
        write_all(self._fd, data)
        self._hasher.update(data)

    @property
    def digest(self) -> Digest:
        """The digest of what has been written."""
        return self._hasher.digest()
