"""The parts of a store's folder, made and opened: what is in them is the business of folder.py.

`format` tells every process whether the store has locks, which is decided when it is made, once and for all.
"""

# ruff: noqa: PTH123 - everything here is relative to open folders, which pathlib can't express

import os
import secrets
from contextlib import suppress
from pathlib import Path

from accio.content.errors import StoreUnusable

FORMAT = b"accio store 1\n"
UNLOCKED_FORMAT = b"accio store 1, without locks\n"
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO that somebody put in a blob's place mustn't block.
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PARTS = ("blobs", "incoming", "quarantine")


def open_parts(path: Path, fds: dict[str, int], *, sync: bool, writable: bool, unlocked: bool) -> bool:
    """Open a store's folder, or make it, and return whether it has locks.

    What has been opened is in *fds* by its name ("." for the folder itself), for the caller to close, also after an
    error: OSError, or StoreUnusable for another format than is read here, or than *unlocked* insists on.
    """
    if writable:
        path.mkdir(parents=True, exist_ok=True)
    root = fds["."] = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    if writable:
        _make(root, "format", UNLOCKED_FORMAT if unlocked else FORMAT)
        _make(root, "lock", b"")
        for part in _PARTS:
            with suppress(FileExistsError):
                os.mkdir(part, dir_fd=root)
        if sync:
            os.fsync(root)
    with open(os.open("format", READ, dir_fd=root), "rb") as file:
        found = file.read(len(UNLOCKED_FORMAT) + 1)
    if found == FORMAT and unlocked:
        raise StoreUnusable(
            f"the store in {path} was made for processes of one host, which lock each other out: use another folder "
            "for one without locks"
        )
    if found not in (FORMAT, UNLOCKED_FORMAT):
        raise StoreUnusable(
            f"the store in {path} has the format {found!r}, this version of Accio reads {FORMAT!r}: "
            "use the version that made it, or another folder"
        )
    for part in _PARTS:
        fds[part] = os.open(part, FOLDER, dir_fd=root)
    return found == FORMAT


def _make(root: int, name: str, content: bytes) -> None:
    """Make a small file at once as a whole, unless it is there: another process may be doing the same."""
    if name in os.listdir(root):
        return
    draft = f"{name}-{secrets.token_hex(4)}"
    with open(os.open(draft, CREATE, 0o644, dir_fd=root), "wb") as file:
        file.write(content)
    with suppress(FileExistsError):
        os.link(draft, name, src_dir_fd=root, dst_dir_fd=root)
    os.unlink(draft, dir_fd=root)
