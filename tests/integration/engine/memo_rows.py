"""Rows of results for tests of the memo: keys that are as good as random, and results that say their numbers."""

import random

from accio.content.digest import from_raw
from accio_daemon.core.effects import ResultRow
from accio_daemon.core.terms import AgentNo, AttemptNo, ExecutionNo, RunNo


def key_of(number: int) -> bytes:
    """Return the key of a number."""
    return random.Random(number).randbytes(32)  # noqa: S311 - equal numbers are equal keys


def result_of(id: int, key: bytes | None, content: bytes | None = None) -> ResultRow:
    """Return a result of a key, with what it keeps in the store."""
    return ResultRow(
        id=ExecutionNo(id),
        key=key,
        operator_no=1,
        seed=None,
        inputs="{}",
        outputs={"value": str(id)},
        blobs=None,
        contents=[] if content is None else [(from_raw(content), 1)],
        metrics=(0, 0, 0, 0, 0, 0, "{}"),
        attempt=AttemptNo(id),
        agent_no=AgentNo(1),
        started_ms=0,
        ended_ms=0,
        recorded_ms=0,
        log_bytes=0,
        owner=(RunNo(1), id, 0),
    )
