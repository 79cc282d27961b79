"""The daemon's disk: a database in memory, written and read by the daemon's own storage code.

What was committed survives a crash of the simulated daemon; nothing else does. The schema is made once and copied.
"""

import sqlite3
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from accio.domain.workflows import Workflow
from accio_daemon.core.commands import Instant
from accio_daemon.core.effects import Effects
from accio_daemon.core.on_agents import identity_of
from accio_daemon.core.world import Settings
from accio_daemon.storage.database import FILE_NAME, prepare
from accio_daemon.storage.restore import Restored, restore
from accio_daemon.storage.writer import Batch, delete_some, render, write


@cache
def _empty_database() -> bytes:
    with TemporaryDirectory() as folder:
        connection = prepare(Path(folder) / FILE_NAME, synchronous="OFF")
        connection.execute("PRAGMA journal_mode = DELETE")
        image = connection.serialize()
        connection.close()
    return image


class Disk:
    """One database file."""

    def __init__(self) -> None:
        """Make an empty one."""
        self.connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=512)
        self.connection.deserialize(_empty_database())
        self.connection.execute("PRAGMA journal_mode = MEMORY")
        self._workflows: dict[str, int] = {}

    @classmethod
    def at(cls, path: Path) -> "Disk":
        """Take a database file that no daemon uses."""
        disk = cls.__new__(cls)
        disk.connection = sqlite3.connect(path, isolation_level=None)
        disk._workflows = {}
        return disk

    def close(self) -> None:
        """Throw it away."""
        self.connection.close()

    def add_workflow(self, workflow: Workflow) -> int:
        """Store a workflow version; give its number."""
        version = str(workflow.version)
        if version not in self._workflows:
            self._workflows[version] = len(self._workflows) + 1
            self.connection.execute(
                "INSERT INTO workflows (no, id, version, definition, name, notes, owner_name, owner_email, created_at) "
                "VALUES (?, ?, ?, ?, '', '', 'Ada', 'ada@example.org', 0)",
                (self._workflows[version], workflow.id, version, workflow.canonical_json()),
            )
        return self._workflows[version]

    def render(self, fx: Effects) -> Batch:
        """Turn what was decided into rows, as they are now."""
        return render(fx, {number: identity_of(spec) for number, spec, _ in fx.operators})

    def commit(self, rows: Batch, deleting: int | None = None) -> bool:
        """Write a batch in one transaction; True if more of the run *deleting* is left to be removed."""
        self.connection.execute("BEGIN IMMEDIATE")
        write(self.connection, rows)
        more = delete_some(self.connection, deleting) if deleting is not None else False
        self.connection.execute("COMMIT")
        return more

    def restore(self, settings: Settings, now: Instant) -> Restored:
        """Start on what was committed."""
        return restore(self.connection, settings=settings, now=now)

    def copy(self) -> "Disk":
        """Give an independent copy, for looking at what a restart would find."""
        twin = Disk.__new__(Disk)
        twin.connection = sqlite3.connect(":memory:", isolation_level=None)
        twin.connection.deserialize(self.connection.serialize())
        twin._workflows = dict(self._workflows)
        return twin

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read."""
        return self.connection.execute(query, values).fetchall()
