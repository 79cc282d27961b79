"""Where time went: the executions that ended last, successful or not."""

import heapq
import sqlite3
from collections.abc import Iterable, Mapping

from accio.domain.children import OWN
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
    found = _read(connection, ("results", "attempts"), {"limit": limit + 1})
    return _newest(found, limit), len(found) > limit


def newest_of_run(
    connection: sqlite3.Connection, run: RunNo, child: int | None, limit: int
) -> tuple[list[Ended], bool]:
    """Read the *limit* executions of a run, or of one child, that ended last, and whether there are, or may be, more.

    At most 20,000 nodes, of the last children, are looked at.
    """
    first, last = (OWN, 2**62) if child is None else (child, child)
    wanted = {"run": run, "first": first, "last": last, "looked_at": COUNTED}
    found = _read(connection, ("results_of_run", "attempts_of_run"), wanted)
    (nodes,) = connection.execute(_SQL["nodes_of_run"], wanted).fetchone()
    return _newest(found, limit), len(found) > limit or nodes == COUNTED


def _newest(found: Iterable[Ended], limit: int) -> list[Ended]:
    return heapq.nlargest(limit, found, key=lambda each: each.ended_ms)[::-1]


def _read(connection: sqlite3.Connection, statements: Iterable[str], wanted: Mapping[str, int]) -> list[Ended]:
    return [
        Ended(
            agent=agent,
            state=ATTEMPT_STATES.get(state, "success"),
            started_ms=started,
            ended_ms=ended,
            run=RunNo(run),
            index=index,
            node=node,
        )
        for statement in statements
        for agent, state, started, ended, run, index, node in connection.execute(_SQL[statement], wanted)
    ]
