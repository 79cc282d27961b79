"""Why a node was executed: the nearest earlier result of its operator, and the components of the key that differ from
it.
"""

import heapq
import json
import sqlite3
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from accio.domain.operators import OperatorSpec
from accio.late import dataclass
from accio_daemon.storage.runs import workflows
from accio_daemon.storage.sql import load

SQL = load("why")

_COMPARED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A component of a key with its two values; an empty text where one key doesn't have it."""

    component: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """The earlier result that differs least."""

    owner: tuple[int, int, int]
    computed_ms: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    operator_no: int
    seed: int | None
    inputs: Mapping[str, Any]


def nearest_earlier(connection: sqlite3.Connection, result: int, operator: str) -> Nearest | None:
    """Compare a result with the newest 1,000 earlier ones of its operator that have keys; None if there is none."""
    row = connection.execute(SQL["result"], {"id": result}).fetchone()
    if row is None:
        return None
    own = _Key(operator_no=row[1], seed=row[2], inputs=json.loads(row[3]))
    best: tuple[int, Any, _Key] | None = None
    for earlier in _newest(connection, operator, result):
        is_equal = earlier[1:4] == row[1:4]
        if best is not None and best[0] == 1 and not is_equal:
            continue  # nothing but an equal one is nearer
        key = _Key(operator_no=earlier[1], seed=earlier[2], inputs=json.loads(earlier[3]))
        distance = _distance(key, own)
        if best is None or distance < best[0]:
            best = (distance, earlier, key)
            if distance == 0:
                break
    if best is None:
        return None
    _, row, key = best
    specs = workflows.operators_by_no(connection, (key.operator_no, own.operator_no))
    differences = list(operator_differences(specs[key.operator_no].spec, specs[own.operator_no].spec))
    differences += _inputs(key.inputs, own.inputs)
    if key.seed != own.seed:
        differences.append(Difference(component="seed", before=_text(key.seed), after=_text(own.seed)))
    return Nearest(owner=(row[4], row[5], row[6]), computed_ms=row[7], differences=tuple(differences))


def _newest(connection: sqlite3.Connection, operator: str, before: int) -> Iterable[tuple[Any, ...]]:
    """Return the newest earlier results of all versions of an operator."""
    versions = [row[0] for row in connection.execute(SQL["versions"], {"operator": operator})]
    streams = [connection.execute(SQL["results_before"], {"operator": no, "before": before}) for no in versions]
    return islice(heapq.merge(*streams, key=lambda row: -row[0]), _COMPARED)


def _distance(before: _Key, after: _Key) -> int:
    ports = before.inputs.keys() | after.inputs.keys()
    changed: int = sum(before.inputs.get(port, _ABSENT) != after.inputs.get(port, _ABSENT) for port in ports)
    return changed + (before.operator_no != after.operator_no) + (before.seed != after.seed)


_ABSENT = object()


def _inputs(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    return [
        Difference(
            component=f"input {port}",
            before=_shown(before[port]) if port in before else "",
            after=_shown(after[port]) if port in after else "",
        )
        for port in sorted(before.keys() | after.keys())
        if before.get(port, _ABSENT) != after.get(port, _ABSENT)
    ]


def operator_differences(before: OperatorSpec, after: OperatorSpec) -> list[Difference]:
    """Return the components of the operator that differ; the digests alone if none is known to."""
    if before.digest == after.digest:
        return []
    old, new = dict(before.components), dict(after.components)
    found = [
        Difference(component=name, before=old.get(name, ""), after=new.get(name, ""))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    return found or [Difference(component="operator", before=before.digest or "", after=after.digest or "")]


def _shown(value: Any) -> str:
    if isinstance(value, dict) and len(value) == 1 and isinstance(value.get("dataset"), str):
        return str(value["dataset"])
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= 200 else text[:199] + "…"


def _text(seed: int | None) -> str:
    return "" if seed is None else str(seed)
