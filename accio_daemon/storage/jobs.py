"""What a job that reads or writes the database is handed: its one state of it.

Whoever asks for a job (the services) hands it on to the functions of this package, and knows no more of it: that it is
a connection of SQLite's is this package's business. A `Snapshot` is not a `Transaction`: what changes something can't
be called by a job that only reads.
"""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NewType, TypeVar

T = TypeVar("T")

Snapshot = NewType("Snapshot", sqlite3.Connection)
"""The database as it was when a job of reading began."""
Transaction = NewType("Transaction", sqlite3.Connection)
"""The database while the writer commits: what a job does here is durable with the rest, or undone."""

ReadJob = Callable[[Snapshot], T]
WriteJob = Callable[[Transaction], T]


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a read-only connection of the calling thread's own; what it sees is committed."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA busy_timeout = 5000")
    with suppress(sqlite3.DatabaseError):  # damage is told where something is read
        # SQLite opens the log with the first read. Later there may be no descriptor left for it: callers have them.
        connection.execute("PRAGMA schema_version").fetchone()
    return connection
