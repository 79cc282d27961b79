"""What attempts of nodes saved for the ones after them."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from accio.content.digest import Digest, from_raw
from accio_daemon.core.terms import Checkpoint, RunNo
from accio_daemon.storage.sql import load

_SQL = load("restore")
_CONTENTS = load("contents")


def by_child(rows: Iterable[Sequence[Any]]) -> dict[int, dict[int, Checkpoint]]:
    """Read rows of the statements `checkpoints…`: by child and node."""
    found: dict[int, dict[int, Checkpoint]] = {}
    for index, node, digest, size, number, saved_ms, attempt, basis in rows:
        found.setdefault(index, {})[node] = Checkpoint(
            digest=from_raw(digest), size=size, number=number, saved_ms=saved_ms, attempt=attempt, basis=basis
        )
    return found


def read_checkpoint(connection: sqlite3.Connection, run: RunNo, index: int, node: int) -> Checkpoint | None:
    """Read what is saved for one node; None if nothing is."""
    found = by_child(connection.execute(_SQL["checkpoint"], (run, index, node)))
    return found[index][node] if found else None


def digests(connection: sqlite3.Connection) -> frozenset[Digest]:
    """Return the digests of all checkpoints, which the store must keep."""
    return frozenset(from_raw(digest) for (digest,) in connection.execute(_CONTENTS["checkpoints"]))
