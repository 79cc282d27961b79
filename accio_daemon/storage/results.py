"""Looking results up by memo key: many keys in one query."""

import sqlite3
from collections.abc import Sequence

import orjson

from accio_daemon.core.terms import ExecutionNo, Result
from accio_daemon.storage.database import GROUP_SIZES
from accio_daemon.storage.sql import load
from accio_daemon.storage.writer import key64

_BY_KEYS = load("restore")["results_by_keys"]
_QUERIES = {size: f"{_BY_KEYS} ({','.join('?' * size)})" for size in GROUP_SIZES}


def find_results(connection: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, Result]:
    """Find the results that these keys have; a key's first 8 bytes find it, the whole key decides."""
    found: dict[bytes, Result] = {}
    start = 0
    while start < len(keys):
        left = len(keys) - start
        size = min((s for s in GROUP_SIZES if s >= left), default=GROUP_SIZES[0])
        group = keys[start : start + size]
        start += len(group)
        marks = [key64(key) for key in group]
        marks += [marks[-1]] * (size - len(group))
        wanted = set(group)
        for key, id, outputs, blobs in connection.execute(_QUERIES[size], marks):
            if key in wanted:
                found[key] = result_of(id, outputs, blobs)
    return found


def result_of(id: int, outputs: str, blobs: str | None) -> Result:
    """Read the columns of a result."""
    kept = None if blobs is None else {port: (digest, size) for port, (digest, size) in orjson.loads(blobs).items()}
    return Result(id=ExecutionNo(id), outputs=orjson.loads(outputs), blobs=kept)
