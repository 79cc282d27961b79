"""The columns of a result as a value."""

import orjson

from accio_daemon.core.terms import ExecutionNo, Result


def result_of(id: int, outputs: str, blobs: str | None) -> Result:
    """Read the columns of a result."""
    kept = None if blobs is None else {port: (digest, size) for port, (digest, size) in orjson.loads(blobs).items()}
    return Result(id=ExecutionNo(id), outputs=orjson.loads(outputs), blobs=kept)
