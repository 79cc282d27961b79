"""Chunks of children as packed columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from itertools import pairwise
from math import inf, nan
from typing import Any

import orjson

from accio.domain.datatypes import INTEGRAL, DataType, Kind
from accio.domain.members import key_shown
from accio.domain.names import MEASURED_METRICS
from accio.late import dataclass
from accio.v1 import accio_pb2
from accio.wire.packing import pack_doubles, pack_indices, pack_places, pack_texts
from accio.wire.states import RUN_STATE_MESSAGES
from accio_daemon.storage.codes import RUN_STATE_OF
from accio_daemon.storage.courtesy import letting_pass
from accio_daemon.storage.exports.export import Chunk, Column

NUMBERS = INTEGRAL | {Kind.DOUBLE, Kind.DISTANCE, Kind.DURATION, Kind.TIMESTAMP, Kind.BOOLEAN}
TEXTS = frozenset({Kind.STRING, Kind.DATASET})
_MESSAGES = bytes.maketrans(bytes(RUN_STATE_OF), bytes(RUN_STATE_MESSAGES[state] for state in RUN_STATE_OF.values()))
_NON_FINITE = {"NaN": nan, "Infinity": inf, "-Infinity": -inf}


@dataclass(slots=True, kw_only=True)
class WantedMap:
    """An output whose members are wanted: those that are named, or else all, unless there are more than `most`."""

    port: str
    type: DataType
    most: int
    members: frozenset[str] | None = None
    seen: set[str] = field(default_factory=set)
    """The members that were met, if all are wanted; once they are too many, no more are noted."""

    @property
    def is_crowded(self) -> bool:
        return self.members is None and len(self.seen) > self.most


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedNode:
    """What is wanted of one node: ports that are single values, members of maps of such, and names of metrics."""

    name: str
    ports: tuple[tuple[str, DataType], ...] = ()
    maps: tuple[WantedMap, ...] = ()
    metrics: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """How many columns it has at least."""
        return len(self.ports) + len(self.metrics) + sum(max(1, len(each.seen)) for each in self.maps)


Failures = Sequence[tuple[int, int, str, str | None, str]]


def columns_chunk(wanted: Mapping[int, WantedNode], chunk: Chunk, failures: Failures) -> accio_pb2.ColumnsChunk:
    """Return the message of a chunk that has rows."""
    first, last = chunk.indices[0], chunk.indices[-1]
    message = accio_pb2.ColumnsChunk(
        first=first,
        indices=b"" if last - first + 1 == len(chunk.indices) else pack_indices(chunk.indices),
        states=chunk.states.translate(_MESSAGES),
    )
    count = len(chunk.indices)
    for no, column in chunk.columns.items():
        for port, datatype in letting_pass(wanted[no].ports):
            values = decoded(column, port)
            message.columns.append(_packed(f"{wanted[no].name}/{port}", datatype, column.rows, values, count))
        for each in wanted[no].maps:
            _add_members(message, wanted[no].name, each, column, count)
        for metric in wanted[no].metrics:
            measured = _measured(column.metrics, metric)
            message.columns.append(_numbers(f"{wanted[no].name}.{metric}", column.rows, measured, count))
    if failures:
        _add_failures(message, chunk.indices, failures)
    return message


def decoded(column: Column, port: str) -> list[Any]:
    """Return the values of an output in the order of the column's rows; None where there is none."""
    values: list[Any] = orjson.loads(f"[{','.join(column.values(port))}]")
    return values


def _add_members(message: accio_pb2.ColumnsChunk, node: str, of: WantedMap, column: Column, count: int) -> None:
    """Add a column for each member that is wanted."""
    rows: dict[str, list[int]] = {}
    values: dict[str, list[Any]] = {}
    name = f"{node}/{of.port}"
    if not of.is_crowded:
        for row, members in zip(column.rows, decoded(column, of.port), strict=True):
            for key, value in (members or {}).items():
                rows.setdefault(key, []).append(row)
                values.setdefault(key, []).append(value)
    shown = {key: key_shown(of.type.args[0], key) for key in rows}
    if of.members is None:
        of.seen.update(shown.values())
    if of.is_crowded:
        message.crowded.append(name)
        return
    for key, member in shown.items():
        if of.members is None or member in of.members:
            message.columns.append(_packed(f"{name}.{member}", of.type.args[1], rows[key], values[key], count))


def _packed(
    name: str, datatype: DataType, rows: Sequence[int], values: Sequence[Any], count: int
) -> accio_pb2.PackedColumn:
    if datatype.kind in NUMBERS:
        return _numbers(name, rows, values, count)
    there = [(row, value) for row, value in zip(rows, values, strict=True) if value is not None]
    codes, dictionary = pack_texts(value for _, value in there)
    return accio_pb2.PackedColumn(
        name=name, rows=_rows([row for row, _ in there], count), codes=codes, dictionary=dictionary
    )


def _numbers(name: str, rows: Sequence[int], values: Sequence[Any], count: int) -> accio_pb2.PackedColumn:
    try:
        doubles = pack_doubles(values)
    except TypeError:  # gaps, or what JSON has no numbers for
        there = [(row, value) for row, value in zip(rows, values, strict=True) if value is not None]
        rows = [row for row, _ in there]
        doubles = pack_doubles(_NON_FINITE[value] if isinstance(value, str) else value for _, value in there)
    return accio_pb2.PackedColumn(name=name, rows=_rows(rows, count), doubles=doubles)


def _rows(rows: Sequence[int], count: int) -> bytes:
    return b"" if len(rows) == count else pack_places(rows)


def _measured(stored: Iterable[Sequence[Any] | None], metric: str) -> list[Any]:
    if metric in MEASURED_METRICS:
        at = MEASURED_METRICS.index(metric)
        return [None if each is None else each[at] for each in stored]
    return [None if each is None or not each[-1] else orjson.loads(each[-1]).get(metric) for each in stored]


def _add_failures(message: accio_pb2.ColumnsChunk, indices: Sequence[int], failures: Failures) -> None:
    place = {index: row for row, index in enumerate(indices)}
    reasons: dict[tuple[str, str, str], int] = {}
    told = [
        (place[index], node, reasons.setdefault((cause, exception or "", text), len(reasons)))
        for index, node, cause, exception, text in failures
        if index in place
    ]
    rows, nodes, codes = zip(*told, strict=True) if told else ((), (), ())
    message.failures.CopyFrom(
        accio_pb2.PackedFailures(rows=pack_places(rows), nodes=pack_places(nodes), codes=pack_places(codes))
    )
    for cause, exception, text in reasons:
        message.failures.reasons.add(cause=cause, exception=exception, message=text)


def ranges(indices: Iterable[tuple[int, int]]) -> Iterable[accio_pb2.IndexRange]:
    """Return intervals, their ends included, as messages."""
    return (accio_pb2.IndexRange(first=first, count=last - first + 1) for first, last in indices)


def gaps(indices: Sequence[int], low: int, high: int) -> Iterable[tuple[int, int]]:
    """Yield the intervals between *low* and *high* (included) in which there are none of some growing indices."""
    if isinstance(indices, range) and indices:  # of millions, only its ends are looked at
        pairs: Iterable[tuple[int, int]] = ((low - 1, indices[0]), (indices[-1], high + 1))
    else:
        pairs = pairwise((low - 1, *indices, high + 1))
    for before, after in pairs:
        if after - before > 1:
            yield before + 1, after - 1
