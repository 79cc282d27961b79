"""The database file: who may open it, how it is set up, and the one connection that writes.

Only the daemon opens it, through SQLite alone (an `open()` elsewhere would drop SQLite's locks), on a local file
system, under a lock that the kernel gives back when the process dies.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable
from functools import cache
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from accio.errors import FailedPrecondition
from accio_daemon.storage.jobs import open_reader

T = TypeVar("T")

FILE_NAME = "accio.db"
LOCK_NAME = "accio.lock"
APPLICATION_ID = 0x41434349  # "ACCI"
LOG_LIMIT = 64 << 20  # bytes to which SQLite itself cuts a log that is larger, once all of it is in the database
CHECKPOINT_PAGES = 4_000  # that the log may have before a transaction takes them into the database
IDLE_CHECKPOINT_PAGES = 1_000
"""The same where transactions are small: they wait for the disk least where they write what was written before, and the
few pages that they share are soon in the database.
"""
# File systems on which locks or write-ahead logs can't be relied upon, by the magic number of statfs(2).
_REMOTE_FILE_SYSTEMS = {0x6969: "NFS", 0xFF534D42: "CIFS", 0xFE534D42: "SMB2", 0x65735546: "FUSE", 0x0BD00BD0: "Lustre"}
# Rows that one statement carries: few sizes, so that statements are prepared once; a last group repeats its last row
# to fill up.
GROUP_SIZES = (512, 256, 128, 64, 32, 16, 8, 4, 2, 1)


class FolderLock:
    """Holds a data folder for this process until closed; the kernel lets go when the process dies."""

    def __init__(self, folder: Path) -> None:
        """Lock the folder, or raise FailedPrecondition naming the process that holds it."""
        self._file = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 200, 0).decode("utf-8", "replace").strip() or "another process"
            os.close(self._file)
            raise FailedPrecondition(
                f"the data folder {folder} is already used by {holder}; "
                "stop that daemon or choose another ACCIO_DATA_DIR"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"the daemon with pid {os.getpid()}".encode(), 0)

    def close(self) -> None:
        """Unlock the folder."""
        os.close(self._file)


class WriterConnection(aiosqlite.Connection):
    """aiosqlite's connection with whole jobs: a function runs on the driver's thread with the plain connection.

    State: `_jobs`, those that the thread has and that whoever posted them may have given up.
    """

    _jobs = 0

    async def run_job(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run *job* on the connection's thread; nothing else uses the connection meanwhile."""
        self._jobs += 1
        result: T = await self._execute(self._counted, job)  # type: ignore[no-untyped-call]  # the driver leaves it untyped
        return result

    def _counted(self, job: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return job(self._conn)
        finally:
            self._jobs -= 1

    @property
    def is_free(self) -> bool:
        """Whether the thread has no job."""
        return not self._jobs

    def run_here(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run *job* on the calling thread, which must be the one that posts jobs, while the connection is free."""
        assert self.is_free, "the connection's thread has a job"
        return job(self._conn)

    def interrupt_job(self) -> None:
        """Interrupt the statement that the job executes now; one that executes none goes on."""
        self._conn.interrupt()


def refuse_remote(folder: Path) -> None:
    """Raise FailedPrecondition if the folder is on a file system that can't hold the database."""
    kind = file_system(folder)
    if kind in _REMOTE_FILE_SYSTEMS:
        raise FailedPrecondition(
            f"the data folder {folder} is on {_REMOTE_FILE_SYSTEMS[kind]}, where SQLite's locks can't be trusted; "
            "choose a folder on a local disk with ACCIO_DATA_DIR"
        )


def file_system(folder: Path) -> int:
    """Return the magic number of a folder's file system, as statfs(2) does; 0 if the system doesn't tell."""
    import ctypes

    buffer = ctypes.create_string_buffer(256)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.statfs(os.fsencode(folder), buffer) != 0:
        return 0
    return ctypes.c_long.from_buffer(buffer).value & 0xFFFFFFFF


def migrations() -> list[tuple[int, str]]:
    """Return every migration with its number, in order."""
    folder = resources.files("accio_daemon.storage") / "migrations"
    found = [(int(item.name[:4]), item.read_text("utf-8")) for item in folder.iterdir() if item.name.endswith(".sql")]
    return sorted(found)


def schema_version() -> int:
    """Return the version that this program writes."""
    return migrations()[-1][0]


def prepare(path: Path, *, synchronous: str = "FULL") -> sqlite3.Connection:
    """Open the database for writing, creating or migrating it.

    Raise FailedPrecondition if it isn't one of ours or is newer.
    """
    existed = path.exists() and path.stat().st_size > 0
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
    try:
        _check_ours(connection, path, existed=existed)
        for statement in (
            "PRAGMA journal_mode = WAL",
            f"PRAGMA synchronous = {synchronous}",
            "PRAGMA foreign_keys = ON",
            "PRAGMA busy_timeout = 5000",
            "PRAGMA trusted_schema = OFF",
            f"PRAGMA journal_size_limit = {LOG_LIMIT}",
            _checkpointing(CHECKPOINT_PAGES),
            "PRAGMA cache_size = -6144",
            "PRAGMA temp_store = MEMORY",
        ):
            connection.execute(statement)
        _migrate(connection, path, existed=existed)
    except BaseException:
        connection.close()
        raise
    return connection


def let_checkpoint(connection: sqlite3.Connection, pages: int) -> None:
    """Have transactions of the connection carry the log into the database once it has so many *pages*; 0: never."""
    connection.execute(_checkpointing(pages))


def _checkpointing(pages: int) -> str:
    return f"PRAGMA wal_autocheckpoint = {pages}"


def _check_ours(connection: sqlite3.Connection, path: Path, *, existed: bool) -> None:
    try:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise FailedPrecondition(
            f"{path} is no SQLite database ({error}); move it away or choose another folder"
        ) from None
    if existed and application != APPLICATION_ID and not _is_empty(connection, application, version):
        raise FailedPrecondition(f"{path} is a database of another program; move it away or choose another folder")
    if version > schema_version():
        raise FailedPrecondition(
            f"{path} was written by a newer Accio (schema {version}; this one knows up to {schema_version()}); "
            "upgrade Accio"
        )


def _is_empty(connection: sqlite3.Connection, application: int, version: int) -> bool:
    """Return whether a database holds nothing: ours is like that when its log is gone, which the seal tells."""
    (changes,) = connection.execute("PRAGMA schema_version").fetchone()  # counted up by each table that is made
    return not (application or version or changes)


def _migrate(connection: sqlite3.Connection, path: Path, *, existed: bool) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    missing = [(number, script) for number, script in migrations() if number > version]
    if missing and existed and version:
        backup = path.with_name(f"{path.name}.before-{missing[-1][0]}")
        target = sqlite3.connect(backup)
        try:
            connection.backup(target)
        finally:
            target.close()
    if missing:  # in one transaction: to wait for the disk after each is a good part of a first start
        scripts = "\n".join(script for _, script in missing)
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{scripts}\nPRAGMA application_id = {APPLICATION_ID};\n"
            f"PRAGMA user_version = {missing[-1][0]};\nCOMMIT;"
        )


class Database:
    """The open database: the writer, and how to get readers."""

    def __init__(self, path: Path, writer: WriterConnection, synchronous: str) -> None:
        self.path = path
        self.writer = writer
        self.synchronous = synchronous

    @classmethod
    async def open(cls, path: Path, *, synchronous: str = "FULL") -> "Database":
        """Open (create, migrate) the database; the caller holds the folder's lock."""
        # Opened before the driver has it: a driver whose connection can't be opened ends in a traceback of its thread.
        connection = await asyncio.to_thread(prepare, path, synchronous=synchronous)
        writer = WriterConnection(lambda: connection, iter_chunk_size=64)
        await writer  # type: ignore[unused-awaitable]  # it gives itself
        level = await writer.run_job(lambda c: c.execute("PRAGMA synchronous").fetchone()[0])
        names = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}
        return cls(path, writer, names[level])

    def reader(self) -> sqlite3.Connection:
        """Open a read-only connection of the calling thread's own; what it sees is committed."""
        return open_reader(self.path)

    async def close(self) -> None:
        """Checkpoint and close."""
        await self.writer.close()


def upsert_many(connection: sqlite3.Connection, head: str, tail: str, marks: str, rows: list[tuple[Any, ...]]) -> None:
    """Write rows with few statements: `head marks, marks, … tail`, where a row has a value for each ? of *marks*.

    Idempotent statements only, as a row may be written twice.
    """
    if len(rows) == 1:
        connection.execute(_statement(head, tail, marks, 1), rows[0])
        return
    start = 0
    while start < len(rows):
        size = _group_size(len(rows) - start)
        group = rows[start : start + size]
        group += [group[-1]] * (size - len(group))
        connection.execute(_statement(head, tail, marks, size), list(chain.from_iterable(group)))
        start += size


def _group_size(left: int) -> int:
    """Choose how many rows the next statement carries: one statement more costs about as much as writing five rows."""
    size = next((size for size in reversed(GROUP_SIZES) if size >= left), GROUP_SIZES[0])
    return size if size - left <= 5 else size // 2


@cache
def _statement(head: str, tail: str, marks: str, size: int) -> str:
    return f"{head} {','.join([marks] * size)} {tail}"
