"""Copies of datasets that an operator may write to: in the private folder of its execution, and gone with that.

What an operator receives else is used by others, too, where it lies or as it was written out of the store. A program
that writes beside its input (an index, the side files of a database) gets a copy of its own.
"""

import os
import shutil
import stat
from pathlib import Path

from accio.disk_space import FULL

FOLDER = ".accio/copies"
"""Where copies are, within the folder of the execution: each in a folder of its own, so that none meets another."""


class CannotCopyError(Exception):
    """A dataset can't be copied, for a reason that isn't a lack of space."""


class Copies:
    """The copies that one execution has made."""

    def __init__(self, folder: Path) -> None:
        """Make copies below the private *folder* of an execution."""
        self._folder = folder
        self._count = 0

    def of(self, path: Path, name: str = "") -> Path:
        """Copy a file or a folder, under *name* or its own one; OSError if there is no space."""
        self._count += 1
        target = self._folder / FOLDER / str(self._count) / (name or path.name)
        try:
            _copy_all(path, target)
        except OSError as error:
            if error.errno in FULL:
                raise
            raise CannotCopyError(f"can't copy {error.filename or path}: {error.strerror or error}") from None
        return target


def _copy_all(source: Path, target: Path) -> None:
    """Copy what a path leads to; what links lead to is copied in their place."""
    target.parent.mkdir(parents=True)
    if not source.is_dir():
        _copy(source, target)
        return
    for folder, _, files in os.walk(source, onerror=_raise, followlinks=True):
        there = target / Path(folder).relative_to(source)
        there.mkdir()
        for name in files:
            _copy(Path(folder, name), there / name)


def _raise(error: OSError) -> None:
    raise error


def _copy(source: Path, target: Path) -> None:
    """Copy a file's content; it can be written to, and executed if it could before."""
    shutil.copyfile(source, target)
    if stat.S_IMODE(source.stat().st_mode) & stat.S_IXUSR:
        target.chmod(0o700)
