"""The daemon's disk: a database in memory, written and read by the daemon's own storage code.

What was committed survives a crash of the simulated daemon; nothing else does. The schema is made once and copied.
"""

import sqlite3
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from accio.domain.workflows import Workflow
from accio_daemon.core.terms import Instant, Result
from accio_daemon.core.world import Settings
from accio_daemon.engine.cycle import Batch
from accio_daemon.engine.full_disk import FullDisk
from accio_daemon.engine.restart import Restored, restart
from accio_daemon.storage import levels
from accio_daemon.storage.file.database import FILE_NAME, prepare
from accio_daemon.storage.writing.held_memo import HeldMemo
from accio_daemon.storage.writing.seen_keys import SeenKeys
from accio_daemon.storage.writing.store import Records, StoredWorld
from accio_daemon.storage.writing.transactions import Committed, carry_out

# The memo's levels overflow with a few keys, so that pieces of them move in every story.
_MEMO_BOUNDS = (2, 6, 18)
_NEW_KEYS = 2
_NEVER = 1 << 30


@cache
def _empty_database() -> bytes:
    with TemporaryDirectory() as folder:
        connection = prepare(Path(folder) / FILE_NAME, synchronous="OFF")
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA page_size = 512")  # so that every few rows take space
        connection.execute("VACUUM")
        levels.State(_MEMO_BOUNDS, _NEW_KEYS).store(connection)
        image = connection.serialize()
        connection.close()
    return image


# Pages of the database that are set aside for when the disk is full: a batch of the simulation's bounds takes up to
# 17, one is being committed when the disk is found full, and one has been decided.
RESERVED = 40
_UNLIMITED = 1 << 30


def _connection(image: bytes) -> sqlite3.Connection:
    """Open a database of this content."""
    connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=512)
    connection.deserialize(image)
    connection.execute("PRAGMA journal_mode = MEMORY")
    return connection


class _Memo(HeldMemo):
    """Holds states by copies of the database, as a database in memory has one connection; for a few commits each."""

    def __init__(self, committed: sqlite3.Connection, *, holds: bool) -> None:
        super().__init__(committed, commits=3, worth_holding=1 if holds else _NEVER)
        self._committed = committed

    def begin_state(self) -> None:
        self.connection = _connection(self._committed.serialize())

    def end_state(self) -> None:
        self.connection.close()
        self.connection = self._committed


class _Records(Records):
    """What is committed, as the daemon reads it."""

    def __init__(self, connection: sqlite3.Connection, *, holds: bool = True) -> None:
        super().__init__(connection)
        self.memo = _Memo(connection, holds=holds)
        self.seen = SeenKeys(connection, bits=1 << 10, portion=2)  # which grow, and are learnt while keys move

    def results(self, keys: Sequence[bytes]) -> dict[bytes, Result]:
        self.seen.learn()
        return self.memo.find(self.seen.among(keys))


class Disk:
    """One database file, and the space that it may take (Space of accio_daemon.engine.full_disk)."""

    is_full = False
    filled = 0  # how often it was
    lives_on_reserve = False
    granted = 0  # which filling what was set aside was given up for

    def __init__(self, connection: sqlite3.Connection | None = None) -> None:
        """Make an empty one, or use a *connection* to a file, of which look-ups hold no states: it has a log."""
        self.connection = connection or _connection(_empty_database())
        self._records = _Records(self.connection, holds=connection is None)
        self._workflows: dict[str, int] = {}

    @classmethod
    def at(cls, path: Path) -> "Disk":
        """Open a database file that no daemon uses."""
        return cls(sqlite3.connect(path, isolation_level=None))

    def close(self) -> None:
        """Throw it away."""
        self.connection.close()

    def add_workflow(self, workflow: Workflow) -> int:
        """Store a workflow version; return its number."""
        version = str(workflow.version)
        if version not in self._workflows:
            self._workflows[version] = len(self._workflows) + 1
            ((limit,),) = self.rows("PRAGMA max_page_count")  # a full disk isn't what this is about
            self._limit(_UNLIMITED)
            self.connection.execute(
                "INSERT INTO workflows (no, id, version, definition, name, notes, owner_name, owner_email, created_at) "
                "VALUES (?, ?, ?, ?, '', '', 'Ada', 'ada@example.org', 0)",
                (self._workflows[version], workflow.id, version, workflow.canonical_json()),
            )
            ((pages,),) = self.rows("PRAGMA page_count")
            self.rows(f"PRAGMA max_page_count = {max(limit, pages)}")
        return self._workflows[version]

    def put_back(self, image: bytes) -> None:
        """Replace the database by an earlier image; workflows stay, as clients submit them again."""
        workflows = self.rows("SELECT * FROM workflows")
        self.connection.close()  # whose statements know the tables of the image before
        self.connection = _connection(image)
        self._records = _Records(self.connection)
        self.filled += 1
        self.lives_on_reserve = False
        self.empty()
        if not workflows:
            return
        marks = ", ".join("?" * len(workflows[0]))
        self.connection.executemany(f"INSERT OR IGNORE INTO workflows VALUES ({marks})", workflows)  # noqa: S608 - marks

    @property
    def records(self) -> Records:
        """What is committed, as the daemon reads it."""
        return self._records

    def commit(self, batch: Batch) -> Committed:
        """Write a sealed batch in one transaction."""
        memo, jobs = self._records.memo, [job for job, _ in batch.jobs]
        self._records.seen.add(batch.rows.keys)
        memo.before_commit(batch.rows, only_rows=not jobs and batch.deleting is None)
        try:
            committed = carry_out(self.connection, batch.rows, jobs, batch.deleting)
        except BaseException:
            memo.let_go()
            raise
        memo.after_commit(batch.rows)
        return committed

    # --- space ------------------------------------------------------------------------------------------------------

    def fill(self, left: int) -> None:
        """Leave so many pages, until `empty`; none of them is what was set aside."""
        self.is_full = True
        self.filled += 1
        self._limit(left)

    def empty(self) -> None:
        """Lift the limit again."""
        self.is_full = False
        self._limit(_UNLIMITED)

    def take(self) -> bool:
        """Set space aside, or keep it; False if there is none."""
        if self.is_full and self.lives_on_reserve:
            return False
        self.lives_on_reserve = False
        return True

    def give_up(self) -> bool:
        """Grant the database what was set aside; return False if it has it already."""
        if self.lives_on_reserve:
            return False
        self.lives_on_reserve = True
        self.granted = self.filled
        self._limit(RESERVED)
        return True

    @property
    def has_reserve(self) -> bool:
        """Return whether the database has what was set aside; a disk that others filled again since has taken that."""
        return self.lives_on_reserve and self.granted == self.filled

    def is_given_up(self) -> bool:
        """Return whether the database has what was set aside, whichever life of the daemon gave it up."""
        return self.lives_on_reserve

    def _limit(self, more: int) -> None:
        ((pages,),) = self.rows("PRAGMA page_count")
        self.rows(f"PRAGMA max_page_count = {pages + more}")

    def restore(self, settings: Settings, now: Instant) -> Restored:
        """Start on what was committed: of which keys there are no life knows from the one before."""
        self._records.seen = SeenKeys(self.connection, bits=1 << 10, portion=2)
        return restart(StoredWorld(self.connection), settings=settings, now=now)

    def copy(self) -> "Disk":
        """Return an independent copy, for looking at what a restart would find."""
        twin = Disk.__new__(Disk)
        twin.connection = sqlite3.connect(":memory:", isolation_level=None)
        twin.connection.deserialize(self.connection.serialize())
        twin._records = _Records(twin.connection)
        twin._workflows = dict(self._workflows)
        return twin

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read."""
        return self.connection.execute(query, values).fetchall()


class CarefreeDisk(FullDisk):
    """Frees what was set aside, too, and refuses nothing nevertheless."""

    def __init__(self, reserve: Disk) -> None:
        """Refuse nothing at the start, either."""
        super().__init__(reserve)
        self.refusing = ""

    def found(self, why: str) -> bool:
        """Note a full disk."""
        again = super().found(why)
        self.refusing = ""
        return again
