"""What no other row tells of a run: its rare events, and the attempts under it that gave no result."""

import json
import sqlite3
from collections.abc import Iterator

from accio.domain.failures import Failure
from accio.late import dataclass
from accio_daemon.core.terms import RunNo
from accio_daemon.storage.codes import ATTEMPT_STATES
from accio_daemon.storage.sql import load

_SQL = load("why")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """Something rare; child, node and attempt are None where it is about none."""

    at_ms: int
    kind: str
    index: int | None
    node: int | None
    attempt: int | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAttempt:
    """An attempt that gave no result; the agent is "" once it was removed."""

    ended_ms: int
    index: int
    node: int
    id: int
    state: str
    failure: Failure | None
    agent: str


def read_events(connection: sqlite3.Connection, run: RunNo, index: int | None, limit: int) -> Iterator[StoredEvent]:
    """Read the events of a run, or of one child and of the run as a whole; the oldest first."""
    for at, kind, child, node, attempt, detail in connection.execute(
        _SQL["events"], {"run": run, "idx": index, "limit": limit}
    ):
        yield StoredEvent(at_ms=at, kind=kind, index=child, node=node, attempt=attempt, detail=detail)


def read_attempts(connection: sqlite3.Connection, run: RunNo, limit: int) -> Iterator[StoredAttempt]:
    """Read the attempts under all children of a run that gave no result, in the order of children and nodes."""
    rows = connection.execute(_SQL["attempts_of_run"], {"run": run, "limit": limit})
    for _, ended, index, node, attempt, state, failure, agent in rows:
        yield StoredAttempt(
            ended_ms=ended,
            index=index,
            node=node,
            id=attempt,
            state=ATTEMPT_STATES[state],
            failure=Failure.from_json(json.loads(failure)) if failure else None,
            agent=agent or "",
        )
