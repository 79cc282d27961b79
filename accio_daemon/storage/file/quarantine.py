"""Runs whose stored facts can't be restored: counted at each start that they fail, and set aside from the second on.

The first failure ends the start: what failed may have been the machine, and the next start finds out. Only failures of
starts that follow each other count.
"""

import sqlite3

from accio.domain.ids import RunId
from accio_daemon.core.terms import RunNo
from accio_daemon.storage.jobs import Transaction
from accio_daemon.storage.sql import load

# Failures in a row from which on a run is set aside; the query `live_runs` is asked with it, too.
SET_ASIDE_AFTER = 2

_SQL = load("quarantine")


def record_failure(connection: sqlite3.Connection, run: RunNo, reason: str, at_ms: int) -> bool:
    """Count a start that a run made fail; return whether the run is set aside now. It is durable at once."""
    values = {"run": run, "reason": reason, "at": at_ms}
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        failures: int = connection.execute(_SQL["failed"], values).fetchone()[0]
        if failures == SET_ASIDE_AFTER:
            connection.execute(_SQL["told"], values)
    return failures >= SET_ASIDE_AFTER


def run_id(connection: sqlite3.Connection, run: RunNo) -> RunId:
    """Read the id of a run."""
    return RunId(connection.execute(_SQL["id"], (run,)).fetchone()[0])


def forget_failures(connection: sqlite3.Connection) -> None:
    """Forget the failures of runs that aren't set aside, after a start that succeeded."""
    connection.execute(_SQL["forget"], (SET_ASIDE_AFTER,))


def lift(transaction: Transaction, run: RunNo) -> bool:
    """Stop setting a run aside; return whether it was."""
    return transaction.execute(_SQL["lift"], (run, SET_ASIDE_AFTER)).rowcount > 0
