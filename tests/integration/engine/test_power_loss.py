"""Loss of power: of the log, only what was synced is sure to be there. Any part of the rest may be missing.

The log after each commit is kept, with what the database held then. What was written since is cut off, or overwritten
with zeros (as file systems leave blocks that were never written), or has a hole, at every 512th byte.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from accio_daemon.core.terms import Instant
from accio_daemon.core.world import Settings
from accio_daemon.engine.cycle import Batch
from accio_daemon.engine.restart import Restored, restart
from accio_daemon.storage.file.database import FILE_NAME, prepare
from accio_daemon.storage.writing.store import StoredWorld
from accio_daemon.storage.writing.transactions import Committed
from tests import builders
from tests.simulator.cluster import Cluster
from tests.simulator.disk import Disk

SECTOR = 512
# Commits whose every sector is tried; `scripts/soak` tries those of all.
TRIED = 3
Contents = dict[str, list[tuple[Any, ...]]]


def _contents(connection: sqlite3.Connection) -> Contents:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for (name,) in tables}  # noqa: S608 — our own names


class LoggedDisk(Disk):
    """A database file, with the length of its log and its contents after each commit."""

    def __init__(self, path: Path) -> None:
        """Make an empty one, as the daemon does."""
        self.path = path
        super().__init__(prepare(path))
        self.commits: list[tuple[int, Contents]] = []
        self._note()

    @property
    def log(self) -> Path:
        """The write-ahead log."""
        return self.path.with_name(f"{self.path.name}-wal")

    def _note(self) -> None:
        length = self.log.stat().st_size
        if not self.commits or length > self.commits[-1][0]:
            self.commits.append((length, _contents(self.connection)))

    def restore(self, settings: Settings, now: Instant) -> Restored:
        """Start on what was committed; the epoch is counted up, which is a commit of its own."""
        found = super().restore(settings, now)
        self._note()
        return found

    def add_workflow(self, workflow: Any) -> int:
        """Store a workflow version."""
        number = super().add_workflow(workflow)
        self._note()
        return number

    def commit(self, batch: Batch) -> Committed:
        """Write a batch in one transaction."""
        committed = super().commit(batch)
        self._note()
        return committed


def _live(disk: Disk) -> None:
    """Carry out one thing of each kind: every statement of the writer is among these commits."""
    cluster = Cluster(disk=disk, operators=(builders.step(retries=1, backoff_ms=1000),), restored_every=1_000_000)
    agent = cluster.join("w1", builders.offer(2))
    chain = cluster.submit(builders.graph({"A": [], "B": ["A"]}), name="a name", tags=frozenset({"t"}))
    cluster.succeed("A")
    cluster.fail("B")
    cluster.tick(2.0)
    sweep = cluster.submit(builders.graph({"C": []}, swept=("C",)), sweep=builders.sweep_of(3))
    cluster.fail("B")
    cluster.retry(chain)
    cluster.lose(agent)
    cluster.rejoin(agent)
    cluster.kill(sweep, 1)
    cluster.delete(sweep, 2)
    cluster.kill(sweep)
    cluster.delete(chain)


def _damages(log: bytes, synced: int) -> Iterator[bytes]:
    for at in range(synced, len(log), SECTOR):
        yield log[:at]
        yield log[:at] + bytes(len(log) - at)
        yield log[:at] + bytes(min(SECTOR, len(log) - at)) + log[at + SECTOR :]


@pytest.mark.slow
@pytest.mark.timeout(0 if "ACCIO_SOAK" in os.environ else 600)
def test_what_was_synced_survives_whatever_becomes_of_the_rest(tmp_path: Path) -> None:
    """Whatever part of a commit is on the disk when power is lost: the database is as it was after the one before."""
    disk = LoggedDisk(tmp_path / FILE_NAME)
    _live(disk)
    assert disk.connection.execute("PRAGMA synchronous").fetchone() == (2,), "each commit is synced"
    assert len(disk.commits) > 15
    database, log = disk.path.read_bytes(), disk.log.read_bytes()
    lost = tmp_path / "lost" / FILE_NAME
    lost.parent.mkdir()
    tried = 0
    pairs = list(zip(disk.commits, disk.commits[1:], strict=False))
    for (synced, before), (length, after) in pairs if os.environ.get("ACCIO_SOAK") else pairs[-TRIED:]:
        for damaged in _damages(log[:length], synced):
            lost.write_bytes(database)
            lost.with_name(disk.log.name).write_bytes(damaged)
            with closing(prepare(lost, synchronous="OFF")) as connection:  # only the reading matters, and it is faster
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                # A sector of zeros may have been one before.
                assert _contents(connection) == (after if damaged == log[:length] else before)
                restart(StoredWorld(connection), settings=Settings(), now=Instant(wall_ms=0, mono=0.0))
            tried += 1
            for leftover in lost.parent.iterdir():
                leftover.unlink()
    assert tried > 100
    disk.close()
