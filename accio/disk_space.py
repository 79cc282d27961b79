"""Whether a disk is full: what operators then fail with is no fault of theirs, and other machines may have space."""

import errno
import os
from pathlib import Path

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the system says of a full disk, and of a quota that is used up."""


def is_full(folder: Path) -> bool:
    """Return whether no space, or no file, is left where a folder is; False if that can't be known."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail == 0 or (found.f_files > 0 and found.f_favail == 0)
