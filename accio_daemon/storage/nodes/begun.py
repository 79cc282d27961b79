"""The rows of a run's children that have begun, and what of the run is being executed."""

import sqlite3
from collections.abc import Iterable

import orjson

from accio.domain.states import RunState
from accio_daemon.core.terms import RunNo
from accio_daemon.storage.codes import RUN_STATES
from accio_daemon.storage.runs.runs_query import SQL, InstanceRow, instance_row

_ALL = -1  # as a limit


def begun_from(connection: sqlite3.Connection, run: RunNo, low: int, limit: int) -> list[InstanceRow]:
    """Read a page of children, from the index *low* on."""
    rows = connection.execute(SQL["instances_from"], {"run": run, "low": low, "limit": limit})
    return [instance_row(row) for row in rows]


def begun_among(connection: sqlite3.Connection, run: RunNo, indices: Iterable[int]) -> list[InstanceRow]:
    """Read those of the children that have begun."""
    rows = connection.execute(SQL["instances_among"], {"run": run, "indices": orjson.dumps(sorted(indices)).decode()})
    return [instance_row(row) for row in rows]


def begun_in_state(
    connection: sqlite3.Connection, run: RunNo, state: RunState, *, low: int = 0, limit: int = _ALL
) -> list[InstanceRow]:
    """Read the first children that are in a state, from the index *low* on."""
    values = {"run": run, "state": RUN_STATES[state], "low": low, "limit": limit}
    return [instance_row(row) for row in connection.execute(SQL["instances_in_state"], values)]


def count_executing(connection: sqlite3.Connection, run: RunNo) -> int:
    """Count the executions of a run that an agent has."""
    count: int = connection.execute(SQL["running_executions"], {"run": run}).fetchone()[0]
    return count


def executing_children(connection: sqlite3.Connection, run: RunNo) -> set[int]:
    """Find the children for which an agent executes something."""
    return {index for (index,) in connection.execute(SQL["executing_children"], {"run": run})}
