"""`accio daemon check`: whether database and store are whole, while no daemon uses them."""

import sqlite3
from collections.abc import Iterator

from accio.content.digest import from_raw
from accio.content.errors import BlobMissing
from accio.content.store import FolderStore
from accio.errors import NotFound
from accio_daemon.bootstrap import take_folder
from accio_daemon.config import Config

_COUNTERS = (
    ("runs whose children are more than their sweep has", "running + success + failed + killed > children"),
    ("runs that ended with open children", "state IN (3, 4, 5) AND running <> 0"),
)


def check_folder(config: Config) -> list[str]:
    """Give what is wrong, in sentences; nothing is changed but that damaged blobs are put aside."""
    if not config.database.exists():
        raise NotFound(f"there is no database in {config.data}")
    lock = take_folder(config)
    try:
        connection = sqlite3.connect(f"{config.database.as_uri()}?mode=ro", uri=True)
        try:
            problems = list(database_problems(connection))
            digests = [row[0] for row in connection.execute("SELECT DISTINCT digest FROM contents")]
        finally:
            connection.close()
        return problems + list(_store_problems(config, digests))
    finally:
        lock.close()


def database_problems(connection: sqlite3.Connection) -> Iterator[str]:
    """Say what is wrong with an open database by itself."""
    for (line,) in connection.execute("PRAGMA integrity_check(100)"):
        if line != "ok":
            yield f"database: {line}"
    for table, *_ in connection.execute("PRAGMA foreign_key_check"):
        yield f"database: a row of {table} refers to nothing"
    for what, condition in _COUNTERS:
        count = connection.execute(f"SELECT count(*) FROM runs WHERE {condition}").fetchone()[0]  # noqa: S608  # constants of this file
        if count:
            yield f"database: {count} {what}"
    missing = connection.execute(
        "SELECT count(*) FROM nodes n "
        "WHERE result IS NOT NULL AND NOT EXISTS (SELECT 1 FROM results s WHERE s.id = n.result)"
    ).fetchone()[0]
    if missing:
        yield f"database: {missing} nodes name a result that isn't there"


def _store_problems(config: Config, digests: list[bytes]) -> Iterator[str]:
    if not config.store.exists():
        return
    with FolderStore(config.store) as store:
        for blob in store.list():
            try:
                store.verify(blob.digest)
            except BlobMissing as error:
                yield f"store: {error.message}"
        wanted = [from_raw(digest) for digest in digests]
        there = store.has(wanted)
        for digest in wanted:
            if digest not in there:
                yield f"store: {digest} is missing; the nodes that need it will run again"
