"""What is kept of owners: their caps, and what they used."""

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

from accio.domain.caps import Cap
from accio.domain.problems import ValueProblem
from accio.domain.windows import Windows, parse_windows
from accio.late import dataclass
from accio_daemon.core.effects import Usage
from accio_daemon.storage.sql import load

_SQL = load("owners")


Rows = list[tuple[Any, ...]]
PERIODS = ("day", "month")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """What nodes used of agents that were over within a period; *period* is empty for all of the time asked for."""

    owner: str
    pool: str
    period: str
    nodes: int
    cpu_s: float
    gpu_s: float


def write_caps(connection: sqlite3.Connection, caps: Mapping[str, Cap | None]) -> None:
    """Write caps inside the caller's transaction; None takes one away."""
    rows: list[tuple[Any, ...]] = [
        (key, cap.nodes, cap.milli_cpus, "" if cap.during is None else cap.during.text)
        for key, cap in caps.items()
        if cap is not None
    ]
    connection.executemany(_SQL["upsert_cap"], rows)
    connection.executemany(_SQL["remove_cap"], [(key,) for key, cap in caps.items() if cap is None])


def read_caps(connection: sqlite3.Connection) -> dict[str, Cap]:
    """Read all caps, by the key of their owner."""
    return {
        owner: Cap(nodes=nodes, milli_cpus=milli_cpus, during=stored_windows(during))
        for owner, nodes, milli_cpus, during in connection.execute(_SQL["caps"])
    }


def stored_windows(text: str | None) -> Windows | None:
    """Read times of the week that were right when they were stored; always, if their time zone isn't known here."""
    try:
        return parse_windows(text) if text else None
    except ValueProblem:
        return None


def usage_rows(usage: Mapping[tuple[str, str, int], Usage]) -> Rows:
    """Return the rows of what a batch adds to what was used."""
    return [(hour, owner, pool, each.nodes, each.cpu_s, each.gpu_s) for (owner, pool, hour), each in usage.items()]


def add_usage(connection: sqlite3.Connection, rows: Rows) -> None:
    """Add to what was used, inside the caller's transaction."""
    connection.executemany(_SQL["add_usage"], rows)


def read_usage(connection: sqlite3.Connection, *, since: int, until: int, period: str) -> list[UsageRow]:
    """Read what was used from one hour on and before another, by owner, pool and period ("day", "month", or "")."""
    values = {"since": since, "until": until, "period": period}
    return [
        UsageRow(owner=owner, pool=pool, period=when, nodes=nodes, cpu_s=cpu_s, gpu_s=gpu_s)
        for owner, pool, when, nodes, cpu_s, gpu_s in connection.execute(_SQL["usage"], values)
    ]


def used_by_hour(connection: sqlite3.Connection, since: int) -> Iterator[tuple[str, int, float]]:
    """Yield the core-seconds of each owner in each hour from one on."""
    yield from connection.execute(_SQL["used_by_hour"], (since,))
