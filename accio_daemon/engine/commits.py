"""When what was decided is committed: at once where somebody needs it, else after more has been decided.

And that it is: a disk that is full only puts a commit off.
"""

import asyncio
from contextlib import suppress

from accio_daemon.engine.cycle import Batch, Cycle
from accio_daemon.engine.ports import Store
from accio_daemon.storage.writing.transactions import Committed, DiskFull

# Seconds that a commit waits at most while more is being decided, where nobody needs it before.
GATHERING = 0.004
# Seconds between tries to write when the disk is full.
FULL_DISK_PAUSE = 1.0


class Commits:
    """Calls for commits, and makes them.

    State: whether one is called for, whether it is urgent, whether nothing is left to decide, and whether the daemon
    stops. Then nothing is put off any more.
    """

    def __init__(self, cycle: Cycle, store: Store) -> None:
        """Commit what *cycle* seals to *store*."""
        self._cycle = cycle
        self._store = store
        self._called, self._urgent = asyncio.Event(), asyncio.Event()
        self._idle = False
        self.stopping = False

    def call(self) -> None:
        """Call for a commit of what has been decided."""
        self._called.set()
        if self.stopping or not self._cycle.can_wait():
            self._urgent.set()

    async def idle_until(self, event: asyncio.Event) -> None:
        """Wait for the next *event*, and put no commit off meanwhile: as nothing is left to decide, waiting would only
        leave the time unused in which it could be made.
        """
        event.clear()
        self._idle = True
        self._urgent.set()
        try:
            await event.wait()
        finally:
            self._idle = False

    async def due(self) -> None:
        """Wait until a commit is to be made. One that can wait is put off while more is being decided: a batch of many
        nodes costs less for each.
        """
        await self._called.wait()
        self._urgent.clear()
        if not self.stopping and not self._idle and self._cycle.can_wait():
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHERING):
                    await self._urgent.wait()
        self._called.clear()

    async def write(self, batch: Batch) -> Committed:
        """Commit a batch; as long as the disk is full, refuse new work and try again."""
        while True:
            try:
                return await self._store.commit(batch.rows, [job for job, _ in batch.jobs], batch.deleting)
            except DiskFull as error:
                if self.stopping:
                    raise
                if not self._cycle.full_disk.found(str(error)):
                    await asyncio.sleep(FULL_DISK_PAUSE)
