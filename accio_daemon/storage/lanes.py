"""Where time went: the executions that ended last, successful or not."""

import heapq
import sqlite3

from accio.late import dataclass
from accio_daemon.core.terms import RunNo
from accio_daemon.storage.codes import ATTEMPT_STATES
from accio_daemon.storage.sql import load

_SQL = load("lanes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An execution that ended at an agent; the name of one that was removed is empty."""

    agent: str
    state: str
    started_ms: int
    ended_ms: int
    run: RunNo
    index: int
    node: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """How many executions ended since a moment; *more*: only the newest were counted, and all of them are as young."""

    succeeded: int
    failed: int
    since_ms: int
    more: bool


COUNTED = 20_000
"""Executions, successful or not, that are looked at to count those of the last hour."""


def recent(connection: sqlite3.Connection, since_ms: int) -> Recent:
    """Count the executions that ended since a moment."""
    wanted = {"limit": COUNTED, "since": since_ms}
    succeeded, failed = (
        int(connection.execute(_SQL[name], wanted).fetchone()[0]) for name in ("succeeded_since", "failed_since")
    )
    return Recent(succeeded=succeeded, failed=failed, since_ms=since_ms, more=COUNTED in (succeeded, failed))


def newest_ended(connection: sqlite3.Connection, limit: int) -> tuple[list[Ended], bool]:
    """Read the *limit* executions that ended last, oldest first, and whether there are more."""
    found = [
        Ended(
            agent=agent,
            state=ATTEMPT_STATES.get(state, "success"),
            started_ms=started,
            ended_ms=ended,
            run=RunNo(run),
            index=index,
            node=node,
        )
        for statement in (_SQL["results"], _SQL["attempts"])
        for agent, state, started, ended, run, index, node in connection.execute(statement, {"limit": limit + 1})
    ]
    newest = heapq.nlargest(limit, found, key=lambda each: each.ended_ms)
    return newest[::-1], len(found) > limit
