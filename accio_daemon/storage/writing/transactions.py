"""One transaction of the writer: a batch's rows, some rows of a deleted run, and the jobs that came with them.

All of it is durable together, or none of it is. A job that refuses (an AccioError) is undone alone.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

from accio.errors import AccioError
from accio.late import dataclass
from accio_daemon.storage.file.seal import Seal
from accio_daemon.storage.jobs import Transaction, WriteJob
from accio_daemon.storage.writing.rendering import Batch
from accio_daemon.storage.writing.writer import delete_some, write


class DiskFull(Exception):
    """A transaction found no space. Nothing of it is in the database, and it may be tried again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job: its value, or why it refused."""

    value: Any = None
    refusal: AccioError | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """What a transaction did besides writing its rows."""

    outcomes: tuple[Outcome, ...] = ()  # in the order of the jobs
    more: bool = False  # whether rows of the run that is being deleted are left


def carry_out(
    connection: sqlite3.Connection,
    rows: Batch,
    jobs: Sequence[WriteJob[Any]],
    deleting: int | None,
    seal: Seal | None = None,
) -> Committed:
    """Write *rows*, remove some rows of the run *deleting*, run *jobs*, and commit.

    DiskFull: there is no space; any other exception: the database can't be relied upon. Both leave nothing behind.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        write(connection, rows)
        more = delete_some(connection, deleting) if deleting is not None else False
        outcomes = tuple(_run(connection, job) for job in jobs)
        if seal is not None:
            seal.write(connection)
        connection.execute("COMMIT")
    except BaseException as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise DiskFull(str(error)) from error
        raise
    if seal is not None:
        seal.keep()
    return Committed(outcomes=outcomes, more=more)


def _run(connection: sqlite3.Connection, job: WriteJob[Any]) -> Outcome:
    connection.execute("SAVEPOINT job")
    try:
        value = job(Transaction(connection))
    except AccioError as error:
        connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
        return Outcome(refusal=error)
    connection.execute("RELEASE job")
    return Outcome(value=value)
