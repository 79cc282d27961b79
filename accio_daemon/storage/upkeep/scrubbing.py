"""Looking for damage while the daemon runs: SQLite has no checksums, so pages may be other than they were written.

A small database is looked at as the daemon starts, any one once a day. What is found is an error in the log: nothing is
mended, and nothing is refused.
"""

import asyncio
import sqlite3
from itertools import islice

import structlog

from accio.errors import Internal
from accio_daemon.storage.file.database import Database
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.upkeep.checks import find_problems

EVERY_S = 24 * 3600.0
AT_ONCE = 32 << 20  # bytes of a database that takes a moment
_MOST = 20

log = structlog.get_logger(__name__)


async def keep_looking(database: Database) -> None:
    """Look for damage until cancelled."""
    if database.path.stat().st_size <= AT_ONCE:
        await look(database)
    while True:
        await asyncio.sleep(EVERY_S)
        await look(database)


async def look(database: Database) -> list[str]:
    """Look at every page, on a connection of its own; return, and log, what is wrong."""

    def job(connection: sqlite3.Connection) -> list[str]:
        return list(islice(find_problems(connection), _MOST))

    async with Readers.open(database, connections=1) as readers:
        try:
            problems = await readers.read(job, budget_s=None)
        except Internal as error:
            problems = [error.message]
    if problems:
        log.error(
            "the database is damaged: its file isn't as it was written",
            database=str(database.path),
            found=problems,
            what_now="once it is stopped, accio daemon check says more; accio daemon restore FILE restores a backup",
        )
    return problems
