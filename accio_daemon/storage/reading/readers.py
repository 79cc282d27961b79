"""Reading the database: a few read-only connections, each query a whole job in one snapshot.

Three kinds of jobs share them, so that none keeps the others from a connection: short ones, long ones (a piece of an
export), and searches, whose cost is up to whoever asks. Each has a budget of time, and is interrupted when it is over.
The latter two let short ones pass.

A job is a plain function of a snapshot; it runs in the connection's thread, so that a query of several statements
costs one hop and sees one state of the database. Long reads are cut into several by their callers: an open snapshot
keeps the write-ahead log from being reused.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Generic, TypeVar

import structlog

from accio.errors import Internal, ResourceExhausted
from accio_daemon.short_calls import ShortCalls
from accio_daemon.storage.courtesy import Courtesy
from accio_daemon.storage.file.database import Database, WriterConnection
from accio_daemon.storage.jobs import ReadJob, Snapshot
from accio_daemon.storage.reading.apart import Apart, Job, NotApart
from accio_daemon.storage.reading.apart_process import GIVEN_UP, Plain

log = structlog.get_logger(__name__)

T = TypeVar("T")
F = TypeVar("F")

CONNECTIONS = 3
LONG_AT_ONCE = 1
SEARCHES_AT_ONCE = 1
BUDGET_S = 20.0
STEPS_HERE = 4
"""Steps of a long read before others are read apart: most reads have no more."""
NODES_AT_HAND, NODES_SHORTLY = 20, 500
"""So many nodes of a run are read on the event loop, and in a thread as a short read: 10 ms or so."""
STEPS_AT_HAND = 2_000
BYTES_AT_HAND = 32_768
"""Of SQLite's steps, and of the longest value, that a look on the event loop may take: about twenty rows of runs, or a
millisecond of processor time.
"""
# What SQLite says of files that can't be read, or aren't what it wrote; more specific codes have more bits.
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
_PRIMARY = 0xFF
_TOO_MUCH = frozenset({sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_TOOBIG})  # of a job that was to be over soon
# An interruption ends the statement that runs, not one that is about to begin.
_INTERRUPTED_EVERY_S = 0.05
_LOOKED_AFTER = 200  # steps of SQLite


class Readers:
    """A pool of read-only connections, and one more for the event loop itself."""

    def __init__(self, own: sqlite3.Connection, apart: Apart | None = None) -> None:
        """Read on the event loop through *own*, which only its thread uses; long jobs also *apart*."""
        self._apart = apart
        self._own = own
        self._free: asyncio.LifoQueue[WriterConnection] = asyncio.LifoQueue()
        self._long = asyncio.Semaphore(LONG_AT_ONCE)
        self._searching = asyncio.Semaphore(SEARCHES_AT_ONCE)
        self.short_calls = ShortCalls()
        """Those that read, and who else says so: what keeps the event loop lets them pass."""
        self._courtesy = Courtesy(calls=self.short_calls)

    async def read(self, job: ReadJob[T], *, budget_s: float | None = BUDGET_S) -> T:
        """Run a job in one snapshot, as soon as a connection is free; ResourceExhausted after its budget (None: it has
        none). Whoever gives up ends what his job reads.
        """

        def passing(snapshot: Snapshot) -> T:
            with self._courtesy.expected():
                return job(snapshot)

        with self.short_calls.reading():
            return await self._read(passing, budget_s)

    async def read_at_hand(self, job: ReadJob[T]) -> T:
        """Run a job at once, on the event loop, if it is over after few steps and needs no long value; else as `read`
        does. So it may be run twice, and must change nothing but what it returns.

        A hop to a thread and back waits for a processor twice, and for the interpreter, which beside work of others
        takes much longer than such a job.
        """
        try:
            return self._look(job)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) not in _TOO_MUCH:
                raise
        return await self.read(job)

    async def read_of(self, nodes: int, job: ReadJob[T]) -> T:
        """Run a job that costs what so many nodes of a run do: few are read `at hand`, some as others are, and many as
        a long read, or those who ask for them would take all connections from whoever asks for little.
        """
        if nodes <= NODES_AT_HAND:
            return await self.read_at_hand(job)
        return await (self.read if nodes <= NODES_SHORTLY else self.read_long)(job)

    async def read_found(self, find: ReadJob[F], cost: Callable[[F], int], job: Callable[[Snapshot, F], T]) -> T:
        """Run a job about what *find* finds, which *cost*s what so many nodes do: few in the look that finds it, more
        as `read_of` does, where it is found anew, as it may have changed.
        """

        def look(snapshot: Snapshot) -> tuple[int, list[T]]:
            found = find(snapshot)
            nodes = cost(found)
            return nodes, [job(snapshot, found)] if nodes <= NODES_AT_HAND else []

        nodes, answers = await self.read_at_hand(look)
        return answers[0] if answers else await self.read_of(nodes, lambda snapshot: job(snapshot, find(snapshot)))

    def _look(self, job: ReadJob[T]) -> T:
        own, looks = self._own, iter(range(STEPS_AT_HAND // _LOOKED_AFTER))

        def bounded(snapshot: Snapshot) -> T:  # and not what ends the snapshot, or it would go on
            usual = own.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, BYTES_AT_HAND)
            own.set_progress_handler(lambda: next(looks, None) is None, _LOOKED_AFTER)
            try:
                return job(snapshot)
            finally:
                own.set_progress_handler(None, 0)
                own.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, usual)

        return _snapshot(own, bounded)

    async def _read(self, job: ReadJob[T], budget_s: float | None = BUDGET_S) -> T:
        connection = await self._free.get()
        reading = asyncio.get_running_loop().create_task(connection.run_job(lambda plain: _snapshot(plain, job)))
        # Only when the job is over, whatever becomes of its caller: a busy connection would keep the next one waiting.
        reading.add_done_callback(lambda _: self._free.put_nowait(connection))
        # Who is told twice to end waits for it no more, and nobody is there to hear of the interruption.
        reading.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            await asyncio.wait((reading,), timeout=budget_s)
        finally:
            given_up = not reading.done()
            while not reading.done():
                connection.interrupt_job()
                await asyncio.wait((reading,), timeout=_INTERRUPTED_EVERY_S)
        if given_up and _was_interrupted(reading):
            raise ResourceExhausted(GIVEN_UP.format(budget_s))
        return reading.result()

    async def read_long(self, job: ReadJob[T]) -> T:
        """Run a job that takes its time: few do at once, so that short ones find a connection, and the interpreter."""
        async with self._long:
            return await self._read(self._courteous(job))

    async def search(self, job: ReadJob[T]) -> T:
        """Run a job whose cost is up to who asks: few do at once, and not in the place of long ones."""
        async with self._searching:
            return await self._read(self._courteous(job))

    def long_read(
        self, job: Callable[..., Iterable[Plain]], answer: Callable[[Iterable[Any]], T], *, apart: bool = True
    ) -> "LongRead[T]":
        """Return what reads in several steps, the first ones here, and with *apart* further ones in a process of their
        own: then *job* must be one that can be pickled. *answer* makes an answer of the plain values that a step gives.
        """
        return LongRead(self, job, answer, self._apart if apart else None)

    def _courteous(self, job: ReadJob[T]) -> ReadJob[T]:
        def courteous(snapshot: Snapshot) -> T:
            with self._courtesy.shown():
                return job(snapshot)

        return courteous

    def glance(self, job: ReadJob[T]) -> T:
        """Run a job at once, on the event loop: only for look-ups by key, which cost less than a hop to a thread."""
        return _snapshot(self._own, job)

    @staticmethod
    def open(
        database: Database, connections: int = CONNECTIONS, apart: Apart | None = None
    ) -> "AbstractAsyncContextManager[Readers]":
        """Open the pool; every connection is closed at the end, and so is what reads *apart*."""
        return _open(database, connections, apart or Apart(database.path))

    def add(self, connection: WriterConnection) -> None:
        """Put a connection into the pool."""
        self._free.put_nowait(connection)


class LongRead(Generic[T]):
    """A long read in steps."""

    def __init__(
        self,
        readers: Readers,
        job: Callable[..., Iterable[Plain]],
        answer: Callable[[Iterable[Any]], T],
        apart: Apart | None,
    ) -> None:
        """Read each step with *job*, which is called with a snapshot and what the step is given."""
        self._readers = readers
        self._apart = apart
        self._job = Job(job)
        self._answer = answer
        self._steps = 0

    async def step(self, *arguments: int | str) -> T:
        """Read one step in a snapshot of its own."""
        self._steps += 1
        if self._apart is not None and self._steps > STEPS_HERE:
            with suppress(NotApart):
                return self._answer(await self._apart.ask(self._job, arguments))
        return self._answer(await self._readers.read_long(lambda snapshot: self._job.job(snapshot, *arguments)))


def _was_interrupted(reading: "asyncio.Task[T]") -> bool:
    error = reading.exception()
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT


def _snapshot(connection: sqlite3.Connection, job: ReadJob[T]) -> T:
    try:
        if connection.in_transaction:  # what was to end the last one was interrupted, too
            connection.execute("ROLLBACK")
        connection.execute("BEGIN")
        try:
            return job(Snapshot(connection))
        finally:
            if connection.in_transaction:  # some errors end it, and must not be hidden behind another one
                connection.execute("ROLLBACK")
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & _PRIMARY in _DAMAGE:
            log.exception("the database can't be read", error=str(error))
            raise Internal(
                f"the daemon can't read its database ({error}); once it is stopped, `accio daemon check` says what is "
                "wrong, and `accio daemon restore FILE` puts a backup in its place"
            ) from error
        raise


@asynccontextmanager
async def _open(database: Database, connections: int, apart: Apart) -> AsyncIterator[Readers]:
    async with AsyncExitStack() as stack:
        own = database.reader()
        stack.callback(own.close)
        stack.push_async_callback(apart.close)
        readers = Readers(own, apart)
        for _ in range(connections):
            connection = WriterConnection(database.reader, iter_chunk_size=64)
            _ = await stack.enter_async_context(connection)
            readers.add(connection)
        yield readers
