"""The memo as a whole: its numbers, what nothing refers to any more, and how results are forgotten and deleted.

A result is referred to by the nodes that took it, its content by results and pins. Deleting goes in steps, so that
nothing that is hit meanwhile is lost: forget (nothing new can hit), look again what is referred to, delete the rest.
"""

import sqlite3
from collections.abc import Iterable

import orjson

from accio.content.digest import Digest, from_raw, raw_of
from accio.late import dataclass
from accio_daemon.storage import levels
from accio_daemon.storage.jobs import Transaction
from accio_daemon.storage.rows import checkpoints
from accio_daemon.storage.sql import load

SQL = load("contents")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorNumbers:
    """What the memo holds of one operator."""

    operator: str
    results: int  # that can be hit
    size: int
    hits: int  # nodes that took one
    misses: int  # executions


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One result that can be hit."""

    key: Digest
    operator: str
    owner: tuple[int, int, int]
    computed_ms: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreferenced:
    """A result that no node refers to; its key is None if it had none."""

    id: int
    key: Digest | None
    size: int
    recorded_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What refers to content: results by the digests that they hold, digests that runs pinned or that are checkpoints,
    results that no node took.
    """

    holders: dict[Digest, frozenset[int]]
    pinned: frozenset[Digest]
    unreferenced: dict[int, Unreferenced]


def numbers(connection: sqlite3.Connection, operator: str) -> list[OperatorNumbers]:
    """Count results, hits and executions by operator ("" for all)."""
    hits = dict(connection.execute(SQL["hits"], {"operator": operator}).fetchall())
    return [
        OperatorNumbers(operator=name, results=results, size=size, hits=hits.get(name, 0), misses=misses)
        for name, results, size, misses in connection.execute(SQL["statistics"], {"operator": operator})
    ]


def entries(connection: sqlite3.Connection, operator: str) -> list[Entry]:
    """Return the newest results that can be hit."""
    return [
        Entry(key=from_raw(key), operator=name, owner=(run, index, node), computed_ms=computed, size=size)
        for key, name, run, index, node, computed, size in connection.execute(SQL["entries"], {"operator": operator})
    ]


def results_of(connection: sqlite3.Connection, *, key: Digest | None, operator: str) -> list[int]:
    """Find the hittable results of a key, or of an operator."""
    if key is not None:
        return levels.results_of(connection, raw_of(key))
    return [row[0] for row in connection.execute(SQL["by_operator"], {"operator": operator})]


def references(connection: sqlite3.Connection) -> References:
    """Read what refers to what."""
    holders: dict[Digest, set[int]] = {}
    for digest, result in connection.execute(SQL["contents"]):
        holders.setdefault(from_raw(digest), set()).add(result)
    return References(
        holders={digest: frozenset(results) for digest, results in holders.items()},
        pinned=frozenset(from_raw(row[0]) for row in connection.execute(SQL["pins"])) | checkpoints.digests(connection),
        unreferenced={
            number: Unreferenced(id=number, key=None if key is None else from_raw(key), size=size, recorded_ms=at)
            for number, key, size, at in connection.execute(SQL["unreferenced"])
        },
    )


def forget(transaction: Transaction, results: Iterable[int]) -> int:
    """Make results unhittable; a job of the writer. Return how many there were."""
    return transaction.execute(SQL["forget"], {"ids": _json(results)}).rowcount


def referenced_among(connection: sqlite3.Connection, results: Iterable[int]) -> frozenset[int]:
    """Return those results that a node refers to."""
    return frozenset(row[0] for row in connection.execute(SQL["referenced_among"], {"ids": _json(results)}))


def delete(transaction: Transaction, gone: Iterable[int], kept: Iterable[int]) -> None:
    """Delete results, and let others that were forgotten be hit again; a job of the writer."""
    transaction.execute(SQL["remember"], {"ids": _json(kept)})
    levels.remove(transaction, gone)
    ids = {"ids": _json(gone)}
    transaction.execute(SQL["delete_contents"], ids)
    transaction.execute(SQL["delete_results"], ids)


def _json(numbers: Iterable[int]) -> str:
    return orjson.dumps(sorted(numbers)).decode()
