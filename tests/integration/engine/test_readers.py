"""Reading: long jobs wait for each other, short ones for none of them."""

import asyncio
import threading
from pathlib import Path

from accio_daemon.storage.database import Database
from accio_daemon.storage.readers import CONNECTIONS, Readers


async def test_long_reads_leave_connections_to_short_ones(tmp_path: Path) -> None:
    """However many exports read, a look-up needn't wait for them; of long jobs one runs at a time."""
    database = await Database.open(tmp_path / "accio.db", synchronous="OFF")
    gate = threading.Event()
    begun: list[int] = []
    try:
        async with asyncio.timeout(20), Readers.open(database) as readers, asyncio.TaskGroup() as tasks:

            def long(number: int) -> None:
                begun.append(number)
                gate.wait()

            for number in range(2 * CONNECTIONS):
                tasks.create_task(readers.read_long(lambda connection, number=number: long(number)))  # type: ignore[misc]
            found = await readers.read(lambda connection: connection.execute("SELECT 7").fetchone())
            assert found == (7,)
            assert len(begun) <= 1
            gate.set()
        assert begun == list(range(2 * CONNECTIONS))
    finally:
        gate.set()
        await database.close()
