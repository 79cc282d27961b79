"""Files that operators may have read otherwise than they were announced: workers notice, the agent compares content."""

import os
from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias

from accio.domain.failures import Failure, clip
from accio.domain.states import Cause

Signature: TypeAlias = tuple[str, int, int, int, int]
"""A path, and what the file system says of it: when it was modified, when changed, its size, its inode."""


class Doubt(NamedTuple):
    """A file that may have been another one when it was read than when operators were described.

    *seen* is how it was just before and just after; None if that isn't known.
    """

    path: str
    seen: Signature | None


def signature_of(path: str | None) -> Signature | None:
    """Return how a file is now; None if it isn't there, or nothing was named."""
    try:
        seen = os.stat(path or "")  # noqa: PTH116 - it is done for every execution
    except OSError:
        return None
    return path or "", seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino


def write_doubts(doubts: Iterable[Doubt]) -> Any:
    """Return a form for JSON, in which names that are no text are kept."""
    return [[os.fsencode(path).decode("latin-1"), seen and seen[1:]] for path, seen in doubts]


def read_doubts(written: Any) -> list[Doubt]:
    """Read what `write_doubts` returned; ValueError or TypeError for what it can't have returned."""
    found = []
    for name, seen in written:
        path = os.fsdecode(str(name).encode("latin-1"))
        if seen is None:
            found.append(Doubt(path, None))
            continue
        modified_ns, changed_ns, size, inode = map(int, seen)
        found.append(Doubt(path, (path, modified_ns, changed_ns, size, inode)))
    return found


def stale(operator: str, changed: str) -> Failure:
    """Return why nothing is kept of an execution that may have run other code than was announced."""
    return Failure(
        cause=Cause.EXCEPTION,
        message=clip(f"operator {operator}: {changed} has changed since the agent started; start the agent again"),
    )
