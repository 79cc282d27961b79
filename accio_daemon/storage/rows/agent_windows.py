"""What is kept of windows of agents."""

import sqlite3
from collections.abc import Mapping

import orjson

from accio.domain.agent_windows import AgentWindow
from accio.domain.maintenance import Maintenance
from accio_daemon.storage.sql import load

_SQL = load("agent_windows")


def write(connection: sqlite3.Connection, windows: Mapping[str, AgentWindow | None]) -> None:
    """Write windows, by name, inside the caller's transaction; None takes one away."""
    rows = [
        (name, each.time.begins_ms, each.time.ends_ms, orjson.dumps(each.agents).decode())
        for name, each in windows.items()
        if each is not None
    ]
    connection.executemany(_SQL["upsert_window"], rows)
    connection.executemany(_SQL["remove_window"], [(name,) for name, each in windows.items() if each is None])


def read(connection: sqlite3.Connection) -> list[AgentWindow]:
    """Read all windows."""
    return [
        AgentWindow(Maintenance(name, begins_ms, ends_ms), tuple(orjson.loads(agents)))
        for name, begins_ms, ends_ms, agents in connection.execute(_SQL["windows"])
    ]
