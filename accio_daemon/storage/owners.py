"""What is kept of owners: their caps."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from accio.domain.caps import Cap
from accio_daemon.storage.sql import load

_SQL = load("owners")


def write_caps(connection: sqlite3.Connection, caps: Mapping[str, Cap | None]) -> None:
    """Write caps inside the caller's transaction; None takes one away."""
    rows: list[tuple[Any, ...]] = [(key, cap.nodes, cap.milli_cpus) for key, cap in caps.items() if cap is not None]
    connection.executemany(_SQL["upsert_cap"], rows)
    connection.executemany(_SQL["remove_cap"], [(key,) for key, cap in caps.items() if cap is None])


def read_caps(connection: sqlite3.Connection) -> dict[str, Cap]:
    """Read all caps, by the key of their owner."""
    return {
        owner: Cap(nodes=nodes, milli_cpus=milli_cpus) for owner, nodes, milli_cpus in connection.execute(_SQL["caps"])
    }
