"""The daemon's end of a Unix socket: whatever stands at its path is looked at before it is replaced."""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accio import sockets
from accio.errors import FailedPrecondition, PermissionDenied, Unavailable

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@contextmanager
def only_for_owner(path: Path) -> Iterator[None]:
    """Make room at *path*; a socket that is made there within belongs to this user alone from its first moment."""
    _prepare_folder(path.parent)
    _clear(path)
    before = os.umask(_OTHERS | stat.S_IXUSR)
    try:
        yield
    finally:
        os.umask(before)


def _prepare_folder(folder: Path) -> None:
    if folder.is_dir() and folder != sockets.runtime_folder(os.environ):
        return  # the data folder, or one that was named: its owner's business
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.stat(follow_symlinks=False)
    except OSError as error:
        raise FailedPrecondition(f"can't make the socket's folder {folder}: {error.strerror}") from None
    if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode) or found.st_mode & _OTHERS:
        raise PermissionDenied(
            f"the folder {folder}, where the daemon's socket goes, can be used by others: remove it, or run: "
            f"chmod 700 {folder}"
        )


def _clear(path: Path) -> None:
    """Remove a socket that nobody listens at any more; refuse anything else."""
    owner = sockets.owner_of(path)
    if owner is None:
        path.unlink(missing_ok=True)  # a link to nowhere
        return
    if owner != os.geteuid():
        raise PermissionDenied(
            f"can't listen at {path}: the socket there belongs to {sockets.user_name(owner)}; remove it, and see that "
            f"only you can write into {path.parent}"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise Unavailable(
        f"can't listen at {path}: another process does; stop it, or choose another address with --listen (ACCIO_ADDR)"
    )
