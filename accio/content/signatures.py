"""Remembers digests of files by their signatures, so that what hasn't changed isn't read again.

A wrong entry would mean a wrong digest, so a signature is remembered only if it was *old* when the reading began: no
later write can then leave it as it is. "Old" is more than a minute (RACY_WINDOW_NS), for two reasons. A file system's
clock is coarse (a few ms; 1 s on ext3, 2 s on FAT). And a program that writes through a mapping changes the time only
when it touches a page that is clean: after the first touch it may go on writing for as long as the kernel leaves the
page dirty (34 s were measured on Linux), and nothing but the content changes. On file systems in memory that is for
ever, so that their files are never remembered.
"""

import contextlib
import sqlite3
import struct
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from blake3 import blake3

from accio.content.digest import Digest, from_raw, raw_of
from accio.content.tree import Signature
from accio.file_systems import keeps_times

RACY_WINDOW_NS = 60 * 1_000_000_000
DEFAULT_MAX_ENTRIES = 1_000_000
_NS_PER_DAY = 86_400 * 1_000_000_000
_BATCH = 500  # bound parameters of one statement

Located = tuple[bytes, Signature]
"""An absolute path and what stood there."""


class SignatureCache(Protocol):
    """What digests were found for which signatures. It may forget, but never err."""

    def get(self, files: Sequence[Located], *, now_ns: int) -> list[Digest | None]:
        """Return the digest of each file, None where it isn't known."""
        ...

    def put(self, files: Sequence[tuple[Located, Digest]], *, read_at_ns: int) -> None:
        """Remember digests of files whose reading began at *read_at_ns* (epoch) or later, but for files too young."""
        ...


def is_settled(signature: Signature, *, read_at_ns: int, window_ns: int = RACY_WINDOW_NS) -> bool:
    """Return whether any write after *read_at_ns* would show in the signature."""
    return max(signature.mtime_ns, signature.ctime_ns) < read_at_ns - window_ns


def all_settled(files: Sequence[Located], *, read_at_ns: int, window_ns: int = RACY_WINDOW_NS) -> list[bool]:
    """Return of each file whether any write after *read_at_ns* would show in its signature, wherever it lies."""
    places = {signature.device: path for path, signature in files}
    keeping = {device: keeps_times(path) for device, path in places.items()}
    return [
        keeping[signature.device] and is_settled(signature, read_at_ns=read_at_ns, window_ns=window_ns)
        for _, signature in files
    ]


class SqliteSignatureCache:
    """A SignatureCache in a small SQLite file of one process, safe for use by its threads.

    Bounded: beyond *max_entries* the entries unused for longest go. A file that is damaged is started anew.
    """

    def __init__(self, path: Path, *, max_entries: int = DEFAULT_MAX_ENTRIES, window_ns: int = RACY_WINDOW_NS) -> None:
        self._path = path
        self._max_entries = max_entries
        self._window_ns = window_ns
        self._lock = threading.Lock()
        self._db, self._count = _open_or_renew(path)

    def __enter__(self) -> "SqliteSignatureCache":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"<SqliteSignatureCache {self._path}: {self._count} of {self._max_entries}>"

    def close(self) -> None:
        """Close the file; the cache can't be used afterwards."""
        with self._lock:
            self._db.close()

    def get(self, files: Sequence[Located], *, now_ns: int) -> list[Digest | None]:
        """Return the digest of each file, None where it isn't known. *now_ns* (epoch) marks the entries as used."""
        keys = [_key(path, signature) for path, signature in files]
        found: dict[bytes, bytes] = {}
        stale: list[bytes] = []
        with self._lock:
            try:
                for start in range(0, len(keys), _BATCH):
                    batch = keys[start : start + _BATCH]
                    marks = ",".join("?" * len(batch))
                    query = f"SELECT key, digest, used_ns FROM signatures WHERE key IN ({marks})"  # noqa: S608 - marks only
                    for key, digest, used_ns in self._db.execute(query, batch):
                        found[key] = digest
                        if used_ns < now_ns - _NS_PER_DAY:  # once a day is exact enough, and reading stays reading
                            stale.append(key)
                if stale:
                    with self._db:
                        rows = [(now_ns, key) for key in stale]
                        self._db.executemany("UPDATE signatures SET used_ns = ? WHERE key = ?", rows)
            except sqlite3.OperationalError:
                return [None] * len(files)
            except sqlite3.DatabaseError:
                self._renew()
                return [None] * len(files)
        return [from_raw(found[key]) if key in found else None for key in keys]

    def put(self, files: Sequence[tuple[Located, Digest]], *, read_at_ns: int) -> None:
        """Remember the digests of those files whose signatures were old when their reading began."""
        settled = all_settled([located for located, _ in files], read_at_ns=read_at_ns, window_ns=self._window_ns)
        rows = [
            (_key(path, signature), raw_of(digest), read_at_ns)
            for ((path, signature), digest), is_old in zip(files, settled, strict=True)
            if is_old
        ]
        if not rows:
            return
        with self._lock:
            try:
                with self._db:
                    self._insert(rows)
            except sqlite3.OperationalError:  # a full disk, say: then these digests aren't remembered
                self._count = _count(self._db)
            except sqlite3.DatabaseError:
                self._renew()

    def _insert(self, rows: list[tuple[bytes, bytes, int]]) -> None:
        added = self._db.executemany("INSERT OR IGNORE INTO signatures (key, digest, used_ns) VALUES (?, ?, ?)", rows)
        self._count += added.rowcount
        if self._count > self._max_entries:
            # A tenth more than needed, so that a full cache isn't shrunk at every put.
            surplus = self._count - self._max_entries * 9 // 10
            oldest = "SELECT key FROM signatures ORDER BY used_ns, key LIMIT ?"
            self._db.execute(f"DELETE FROM signatures WHERE key IN ({oldest})", (surplus,))  # noqa: S608 - a constant
            self._count -= surplus

    def _renew(self) -> None:
        """Start anew after damage: what is lost is time, not truth."""
        self._db.close()
        self._db, self._count = _renewed(self._path)


def _key(path: bytes, signature: Signature) -> bytes:
    numbers = struct.pack(
        "<4Q", signature.size, signature.mtime_ns % 2**64, signature.ctime_ns % 2**64, signature.inode
    )
    return blake3(numbers + path).digest(length=16)


def _open_or_renew(path: Path) -> tuple[sqlite3.Connection, int]:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _open(path)
    except sqlite3.DatabaseError:
        return _renewed(path)


def _renewed(path: Path) -> tuple[sqlite3.Connection, int]:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    try:
        return _open(path)
    except sqlite3.DatabaseError:  # a full disk: remember in memory what can be
        return _open(None)


def _open(path: Path | None) -> tuple[sqlite3.Connection, int]:
    """Open the file (None: a database in memory) and count its entries, which reads all of it."""
    db = sqlite3.connect(":memory:" if path is None else path, timeout=5.0, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute(
            "CREATE TABLE IF NOT EXISTS signatures"
            " (key BLOB PRIMARY KEY, digest BLOB NOT NULL CHECK (length(digest) = 32), used_ns INTEGER NOT NULL)"
            " WITHOUT ROWID"
        )
        return db, _count(db)
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.close()
        raise


def _count(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM signatures").fetchone()[0])
