"""Whether a database is whole: what SQLite itself finds, and what its rows must agree on."""

import sqlite3
from collections.abc import Iterator

from accio.content.digest import Digest, from_raw
from accio_daemon.storage import levels
from accio_daemon.storage.sql import load

_SQL = load("whole")

_COUNTED = {
    "overfull_runs": "runs whose children are more than their sweep has",
    "unfinished_runs": "runs that ended with open children",
    "lost_results": "nodes name a result that isn't there",
}


def find_problems(connection: sqlite3.Connection) -> Iterator[str]:
    """Find what is wrong, in sentences; nothing is changed."""
    for (line,) in connection.execute(_SQL["integrity"]):
        if line != "ok":
            yield f"database: {line}"
    for table, *_ in connection.execute(_SQL["references"]):
        yield f"database: a row of {table} refers to nothing"
    for statement, what in _COUNTED.items():
        count = connection.execute(_SQL[statement]).fetchone()[0]
        if count:
            yield f"database: {count} {what}"
    yield from (f"database: {problem}" for problem in levels.find_problems(connection))


def find_digests(connection: sqlite3.Connection) -> list[Digest]:
    """Read the digests of all content that results refer to."""
    return [from_raw(digest) for (digest,) in connection.execute(_SQL["digests"])]


def read_version(connection: sqlite3.Connection) -> tuple[int, int]:
    """Read whose database it is (`APPLICATION_ID` for one of ours), and of which schema."""
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    schema: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return application, schema


def count_runs(connection: sqlite3.Connection) -> int:
    """Count the runs that users see."""
    count: int = connection.execute(_SQL["runs"]).fetchone()[0]
    return count
