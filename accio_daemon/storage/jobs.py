"""What a job that reads or writes the database is handed: its one state of it.

Whoever asks for a job (the services) hands it on to the functions of this package, and knows no more of it: that it is
a connection of SQLite's is this package's business. A `Snapshot` is not a `Transaction`: what changes something can't
be called by a job that only reads.
"""

import sqlite3
from collections.abc import Callable
from typing import NewType, TypeVar

T = TypeVar("T")

Snapshot = NewType("Snapshot", sqlite3.Connection)
"""The database as it was when a job of reading began."""
Transaction = NewType("Transaction", sqlite3.Connection)
"""The database while the writer commits: what a job does here is durable with the rest, or undone."""

ReadJob = Callable[[Snapshot], T]
WriteJob = Callable[[Transaction], T]
