"""Jobs for the process that reads apart, which loads this module by its name."""

import os

from accio.errors import NotFound
from accio_daemon.storage.exports.export import TooMuch
from accio_daemon.storage.jobs import Snapshot


def whose(snapshot: Snapshot, number: int) -> tuple[int, int]:
    """Return which process reads, and what it reads."""
    (found,) = snapshot.execute("SELECT ? + 1", (number,)).fetchone()
    return os.getpid(), found


def version(snapshot: Snapshot) -> tuple[int, int]:
    """Return which process reads, and something that a writer can change."""
    return os.getpid(), snapshot.execute("PRAGMA user_version").fetchone()[0]


def refuses(_: Snapshot, kind: str) -> tuple[int]:
    """Raise what is told to whoever asked; nothing for an empty kind."""
    if kind == "missing":
        raise NotFound("there is no such run")
    if kind == "much":
        raise TooMuch
    if kind == "bug":
        raise ZeroDivisionError("a bug")
    return (os.getpid(),)


def writes(snapshot: Snapshot) -> tuple[int]:
    """Try to write."""
    snapshot.execute("PRAGMA user_version = 4711")
    return (os.getpid(),)
