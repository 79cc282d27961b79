"""The columns of a run that every reader of runs takes (`columns.runs`), as the fields of a record."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson

from accio.domain.states import NodeState
from accio.domain.sweeps import Sweep
from accio_daemon.core.terms import CacheMode
from accio_daemon.storage.codes import RUN_STATE_OF, SINGLE

RECORDED = 19
"""How many columns `columns.runs` has."""


_STUDY = '"study":{'
_LONG = 16_384
"""Characters of a sweep that lists many values: four times as many bytes are kept with it."""


def sweep_of(text: str) -> Sweep:
    """Read a stored sweep; those of many lookups are kept, but few that are long, and few of studies, which grow and
    leave old ones behind.
    """
    if len(text) > _LONG:
        return _long_of(text)
    return _study_of(text) if _STUDY in text else _sweep_of(text)


@lru_cache(maxsize=4)
def _long_of(text: str) -> Sweep:
    return Sweep.from_text(text)


@lru_cache(maxsize=512)
def _sweep_of(text: str) -> Sweep:
    return Sweep.from_text(text)


@lru_cache(maxsize=32)
def _study_of(text: str) -> Sweep:
    return Sweep.from_text(text)


def record_fields(columns: Sequence[Any], known: Sweep | None = None) -> dict[str, Any]:
    """Return the fields of RunRecord; *known* is the run's sweep where it was read before and can't have grown."""
    (no, run_id, kind, seed, sweep, options, _, state, closed, cursor, removed, running, success, failed, killed,
     nodes_ended, created, started, ended) = columns  # fmt: skip
    asked = orjson.loads(options)
    return {
        "no": no,
        "id": run_id,
        "single": kind == SINGLE,
        "sweep": sweep_of(sweep) if known is None else known,
        "seed": seed,
        "cache": CacheMode(asked["cache"]),
        "nice": asked.get("nice", False),  # which rows of earlier versions don't say
        "state": RUN_STATE_OF[state],
        "closed": closed,
        "cursor": cursor,
        "removed": tuple((first, last) for first, last in orjson.loads(removed)),
        "running": running,
        "success": success,
        "failed": failed,
        "killed": killed,
        "nodes_ended": {NodeState(name): count for name, count in orjson.loads(nodes_ended).items()},
        "created_ms": created,
        "started_ms": started,
        "ended_ms": ended,
    }


def options_of(columns: Sequence[Any]) -> dict[str, Any]:
    """Return how the run was asked to be executed."""
    found: dict[str, Any] = orjson.loads(columns[5])
    return found


def operator_numbers(columns: Sequence[Any]) -> tuple[int, ...]:
    """Return the number of each node's operator."""
    return tuple(orjson.loads(columns[6]))
