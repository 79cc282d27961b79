"""`accio daemon check`: whether database and store are whole, while no daemon uses them."""

import sqlite3
from collections.abc import Iterator

from accio.content.digest import Digest
from accio.content.errors import BlobMissing
from accio.errors import NotFound
from accio_daemon.bootstrap import take_folder
from accio_daemon.clock import SystemClock
from accio_daemon.config import Config
from accio_daemon.storage.file.seal import find_gap
from accio_daemon.storage.upkeep import checks
from accio_daemon.storing import open_store


def check_folder(config: Config) -> list[str]:
    """Return what is wrong, in sentences; nothing is changed but that damaged blobs are put aside."""
    if not config.database.exists():
        raise NotFound(find_gap(None, config.database) or f"there is no database in {config.data}")
    lock = take_folder(config)
    try:
        connection = sqlite3.connect(f"{config.database.as_uri()}?mode=ro", uri=True)
        gap = find_gap(connection, config.database)
        problems = [gap] if gap else []
        try:
            problems += checks.find_problems(connection)
            digests = checks.find_digests(connection)
        except sqlite3.DatabaseError as error:
            return [*problems, f"database: {error}; restore a backup (accio daemon restore FILE)"]
        finally:
            connection.close()
        return problems + list(_store_problems(config, digests))
    finally:
        lock.close()


def _store_problems(config: Config, digests: list[Digest]) -> Iterator[str]:
    if not config.objects and not config.store.exists():
        return
    with open_store(config, SystemClock()) as store:
        for blob in store.list():
            try:
                store.verify(blob.digest)
            except BlobMissing as error:
                yield f"store: {error.message}"
        there = store.has(digests)
        for digest in digests:
            if digest not in there:
                yield f"store: {digest} is missing; the nodes that need it will run again"
