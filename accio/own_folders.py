"""Folders that hold what only their user may read: made, tightened, or refused if somebody else was there before."""

import os
import stat
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from accio.errors import FailedPrecondition, PermissionDenied
from accio.sockets import user_name

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH
_ENDLESS = {stat.S_IFIFO: "a FIFO", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}

OF_DATA = ("accio.db", "accio.lock", "agents", "token")
"""By what a data folder is known, among other things."""


def take(folder: Path, *, known_by: Collection[str] = OF_DATA) -> bool:
    """Make *folder* if need be, and see that nobody else can use it; return whether that had to be mended.

    PermissionDenied for a folder of somebody else, for one into which somebody else has put something, and for one that
    others can use and that holds other things than ours: it may be theirs to use. FailedPrecondition for one that holds
    a FIFO or a device: who opens those as its own files waits or reads for ever.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise PermissionDenied(
            f"the folder {folder} belongs to {user_name(found.st_uid)}, not to {user_name(os.geteuid())}, who would "
            "keep secrets in it: name a folder of your own (one below it will do), or give it to this user: "
            f"chown {os.geteuid()} {folder}"
        )
    _refuse_endless(folder)
    if not found.st_mode & _OTHERS:
        return False
    entries = [entry for entry in os.scandir(folder) if entry.name != "lost+found"]  # a disk of its own has that
    if entries and not any(entry.name in known_by for entry in entries):
        raise PermissionDenied(
            f"the folder {folder} can be used by others (mode {stat.S_IMODE(found.st_mode):04o}) and holds other "
            f"things: name a folder for Accio alone, or run: chmod 700 {folder}"
        )
    if found.st_mode & _WRITABLE:
        _refuse_presents(folder, entries)
    folder.chmod(0o700)
    return True


def _refuse_endless(folder: Path) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):  # a link that leads nowhere
                kind = _ENDLESS.get(stat.S_IFMT(entry.stat().st_mode))
                if kind is not None:
                    raise FailedPrecondition(
                        f"expected files and folders in {folder}, found {entry.name}, which is {kind}: move it away"
                    )


def _refuse_presents(folder: Path, entries: Collection["os.DirEntry[str]"]) -> None:
    for entry in entries:
        owner = entry.stat(follow_symlinks=False).st_uid
        if owner != os.geteuid():
            raise PermissionDenied(
                f"others could write into the folder {folder}, and {entry.name} in it belongs to {user_name(owner)}: "
                f"look at it, remove it, and run: chmod 700 {folder}"
            )
