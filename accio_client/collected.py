"""The chunks of Columns as columns in memory, and what to ask for to bring them up to date."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accio.domain.datatypes import DataType, parse_type
from accio.domain.filters import Context, sweep_context
from accio.domain.names import MEASURED_METRICS
from accio.domain.sweeps import Sweep
from accio.late import dataclass
from accio.v1 import accio_pb2
from accio.wire.states import RUN_STATES
from accio_client import views
from accio_client.analysis.columns import STATES, Floats, Mask, Numbers, SweepTable, Texts, unit_of
from accio_client.analysis.fingerprints import Failed
from accio_client.from_wire import runs as run_views
from accio_client.moments import epoch_ms

Ranges = tuple[tuple[int, int], ...]
"""Children that follow each other: the first, and how many."""
SAMPLED_FROM = 100_000
"""Children from which on a sample comes much earlier than all of them."""
SAMPLE_BLOCKS, SAMPLE_BLOCK = 192, 96
"""How many places of a sweep a sample is read from, and how many children that follow each other at each."""
_METRIC_UNITS = {name: "µs" if name.endswith("_us") else "B" for name in MEASURED_METRICS}


def sample_ranges(size: int) -> Ranges:
    """Return the children of a sample: short blocks all over a sweep, the same each time.

    There is one in each part of equal length, at a place that is drawn: at regular distances they would miss values of
    a parameter that varies with them.
    """
    step = size / SAMPLE_BLOCKS
    drawn = np.random.default_rng(0).random(SAMPLE_BLOCKS)
    firsts = (np.arange(SAMPLE_BLOCKS) * step + drawn * (step - SAMPLE_BLOCK)).astype(np.int64)
    return tuple((first, SAMPLE_BLOCK) for first in firsts.tolist())


class Head:
    """What is known of a run before any child is looked at."""

    def __init__(self, message: accio_pb2.ColumnsHead) -> None:
        self.run: views.RunView = run_views.run(message.run)
        self.sweep = Sweep.from_json(json.loads(message.sweep_json))
        self.types: dict[str, DataType] = {
            f"{each.node}/{each.port}": parse_type(each.type) for each in message.outputs
        }
        self.maps: dict[str, DataType] = {f"{each.node}/{each.port}": parse_type(each.type) for each in message.maps}
        """The types of the members of those outputs that are maps of single values."""
        for each in message.maps:
            name = f"{each.node}/{each.port}"
            self.types |= {f"{name}.{member}": self.maps[name] for member in each.members}
        self.declared: tuple[tuple[str, str, DataType], ...] = tuple(
            (each.node, each.port, parse_type(each.type)) for each in message.declared
        )
        """Node, port and type of every output in the workflow's order, single value or not; none if a daemon of before
        doesn't tell.
        """
        self.nodes: tuple[str, ...] = tuple(message.nodes)
        self.generation: int = message.generation
        self.implied: int = message.implied
        self.deleted: Ranges = tuple((each.first, each.count) for each in message.deleted)
        self.pruned: Ranges = tuple((each.first, each.count) for each in message.pruned)

    def context(self, now_ms: int) -> Context:
        """Return what queries over the children may ask about: whatever there is, fetched or not."""
        return sweep_context(self.sweep, now_ms=now_ms, outputs=self.types, nodes=frozenset(self.nodes))

    def names(self, ports: Iterable[str]) -> list[str]:
        """Return the columns that are meant by `Node`, `port`, `Node/port` or `Node/port.member`."""
        wanted = set(ports)
        return [name for name in self.types if not wanted.isdisjoint(_meaning(name, self.map_of(name)))]

    def numbers(self) -> list[str]:
        """Return the outputs that are numbers, or maps of numbers: those that are meant if none is named."""
        return [name for name, each in self._outputs() if str(each) not in _TEXTS]

    def texts(self) -> list[str]:
        """Return the outputs that are texts, or maps of texts; what is in files isn't meant."""
        return [name for name, each in self._outputs() if str(each) == "string"]

    def _outputs(self) -> Iterator[tuple[str, DataType]]:
        yield from ((name, each) for name, each in self.types.items() if self.map_of(name) is None)
        yield from self.maps.items()

    def type_of(self, name: str) -> DataType | None:
        """Return the type of an output or of a member, also of one that the first children don't have."""
        found = self.types.get(name)
        return found or self.maps.get(self.map_of(name) or "")

    def map_of(self, name: str) -> str | None:
        """Return the output of which this name is a member; None if it is none."""
        return next((each for each in self.maps if name.startswith(f"{each}.")), None)

    def is_metric(self, name: str) -> bool:
        """Return whether a name is `Node.metric` of one of the nodes."""
        return name.rpartition(".")[0] in self.nodes

    @property
    def first_index(self) -> int:
        """The index of the first row: a child's is its own."""
        return self.run.index or 0

    @property
    def first_repetition(self) -> int:
        """The repetition of the first row: a child's is its own."""
        return (self.run.repeat or 1) if self.run.kind == "child" else 1

    def same_for_all(self) -> dict[str, Any]:
        """Return what the children share, as rows of queries have it."""
        run = self.run
        created = epoch_ms(run.created_at)
        return {
            "owner": (run.owner.name, run.owner.email),
            "tag": tuple(run.tags),
            "workflow": f"{run.workflow_id}:{run.workflow_version}",
            "name": run.name,
            "notes": run.notes,
            "created": created,
            "kind": "single" if run.kind == "single" else "child",
        }


def _meaning(name: str, of: str | None) -> tuple[str, ...]:
    """Return the names by which a column may be asked for."""
    output = of or name
    return (name, output, *output.split("/"))


class Reading(NamedTuple):
    """What was asked of a run's columns: its id, outputs and metrics by name, and whether failures were."""

    run: str
    ports: tuple[str, ...]
    metrics: tuple[str, ...]
    outputs: bool
    failures: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class Failures:
    """The nodes that failed, in the order of the sweep: child, node and reason of each."""

    children: npt.NDArray[np.int64]
    nodes: npt.NDArray[np.uint32]
    codes: npt.NDArray[np.uint32]
    names: tuple[str, ...]
    reasons: tuple[tuple[str, str, str], ...]

    def among(self, where: Mask) -> Iterator[Failed]:
        """Yield the failures of some children."""
        kept = where[self.children]
        triples = (self.children[kept].tolist(), self.nodes[kept].tolist(), self.codes[kept].tolist())
        for child, node, code in zip(*triples, strict=True):
            cause, exception, message = self.reasons[code]
            yield Failed(child=child, node=self.names[node], cause=cause, exception=exception, message=message)

    def causes(self, size: int) -> Texts:
        """Return why each child failed first, as a column."""
        names = tuple(dict.fromkeys(cause for cause, _, _ in self.reasons))
        of_reason = np.array([names.index(cause) for cause, _, _ in self.reasons], dtype=np.int32)
        codes = np.full(size, -1, dtype=np.int32)
        # The first of a child is written last.
        codes[self.children[::-1]] = of_reason[self.codes[::-1]] if len(self.codes) else -1
        return Texts(name="cause", codes=codes, dictionary=names)


@dataclass(frozen=True, eq=False, kw_only=True)
class Collected:
    """A sweep's columns as of one reading; `open` is what may have changed since, if the generation is still this."""

    head: Head
    table: SweepTable
    failures: Failures
    open: Ranges
    there: Mask | None
    """Which rows are of children that weren't deleted; None: all are there."""
    crowded: tuple[str, ...] = ()
    """Maps with too many members for a column each; each can be asked for by name."""

    @property
    def is_sample(self) -> bool:
        """Whether these are some children only."""
        return self.table.sample is not None

    @property
    def generation(self) -> int:
        return self.head.generation

    def may_go_on(self, head: Head) -> bool:
        """Return whether what ended is still as it was: nothing was retried or deleted, and no study has grown."""
        return head.generation == self.generation and head.sweep.size == self.table.size

    @property
    def pruned(self) -> Mask:
        """Which children belong to trials of a study that were ended early."""
        found = np.zeros(self.table.size, dtype=np.bool_)
        for first, count in self.head.pruned:
            found[first : first + count] = True
        return found


@dataclass(eq=False)
class _Column:
    values: npt.NDArray[Any]
    present: Mask
    texts: dict[str, int] = field(default_factory=dict)


class Collector:
    """Fills columns from chunks: from nothing, or where *before* was open; of a *sample*, with these children alone."""

    def __init__(self, head: Head, before: Collected | None = None, sample: Ranges | None = None) -> None:
        self._head = head
        self._sample = None if sample is None else _numbered(sample)
        self._size = head.sweep.size if self._sample is None else len(self._sample)
        self._columns: dict[str, _Column] = {}
        self._failed: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32], npt.NDArray[np.uint32]]] = []
        self._reasons: dict[tuple[str, str, str], int] = {}
        self._crowded: dict[str, None] = {}
        self._open: Ranges = ()
        self._implied = STATES.index(RUN_STATES[head.implied])
        self._same = before if before is not None and not before.open else None
        """What was read before, as long as nothing of it has changed."""
        if before is None:
            self._states = np.full(self._size, self._implied, dtype=np.uint8)
        elif self._same is None:
            self._go_on(before)

    def _go_on(self, before: Collected) -> None:
        """Begin with a copy of what was read before."""
        self._same, implied = None, self._implied
        self._states = before.table.states.copy()
        self._crowded.update(dict.fromkeys(before.crowded))
        for column in before.table.numbers.values():
            self._columns[column.name] = _Column(column.values.copy(), column.valid.copy())
        for text in before.table.texts.values():
            if text.name != "cause":
                dictionary = {each: code for code, each in enumerate(text.dictionary)}
                self._columns[text.name] = _Column(text.codes.copy(), text.codes >= 0, dictionary)
        stale = np.zeros(self._size, dtype=np.bool_)
        for first, count in before.open:
            stale[first : first + count] = True
        self._states[stale] = implied
        for each in self._columns.values():
            each.present[stale] = False
        kept = ~stale[before.failures.children]
        old = before.failures
        self._failed.append((old.children[kept], old.nodes[kept], old.codes[kept]))
        self._reasons = {reason: code for code, reason in enumerate(old.reasons)}

    def add(self, chunk: accio_pb2.ColumnsChunk) -> None:
        """Add a chunk of rows, or the end."""
        if self._same is not None:
            if not chunk.states and not chunk.end.open:
                return
            self._go_on(self._same)
        if chunk.HasField("end"):
            self._open = tuple((each.first, each.count) for each in chunk.end.open)
            return
        states = np.frombuffer(chunk.states, dtype=np.uint8)
        first = self._row(chunk.first)
        rows: slice | npt.NDArray[np.int64] = slice(first, first + len(states))
        if chunk.indices:
            numbers = np.frombuffer(chunk.indices, dtype="<u8").astype(np.int64)
            rows = numbers if self._sample is None else np.searchsorted(self._sample, numbers)
        self._states[rows] = _OF_WIRE[states]
        self._crowded.update(dict.fromkeys(chunk.crowded))
        for packed in chunk.columns:
            self._fill(packed, rows)
        if chunk.failures.rows:
            self._fail(chunk.failures, rows)

    def _row(self, child: int) -> int:
        """Return the row of the first child that isn't before this one."""
        return child if self._sample is None else int(np.searchsorted(self._sample, child))

    def _fill(self, packed: accio_pb2.PackedColumn, rows: slice | npt.NDArray[np.int64]) -> None:
        is_text = bool(packed.codes)
        if not packed.doubles and not is_text:
            self._column(packed.name, of_texts=None)
            return
        at = _picked(rows, packed.rows)
        column = self._column(packed.name, of_texts=is_text)
        if is_text:
            codes = np.array([column.texts.setdefault(text, len(column.texts)) for text in packed.dictionary], np.int32)
            column.values[at] = codes[np.frombuffer(packed.codes, dtype="<u4")]
        else:
            column.values[at] = np.frombuffer(packed.doubles, dtype="<f8")
        column.present[at] = True

    def _column(self, name: str, *, of_texts: bool | None) -> _Column:
        """Return a column to fill; *of_texts* None: whatever its type says."""
        found = self._columns.get(name)
        if found is None:
            datatype = self._head.type_of(name)
            texts = of_texts if of_texts is not None else datatype is not None and str(datatype) in _TEXTS
            values: npt.NDArray[Any] = np.full(self._size, -1, np.int32) if texts else np.full(self._size, np.nan)
            found = self._columns[name] = _Column(values, np.zeros(self._size, dtype=np.bool_))
        return found

    def _fail(self, packed: accio_pb2.PackedFailures, rows: slice | npt.NDArray[np.int64]) -> None:
        children = np.asarray(_picked(rows, packed.rows), dtype=np.int64)
        reasons = [(each.cause, each.exception, each.message) for each in packed.reasons]
        codes = np.array([self._reasons.setdefault(each, len(self._reasons)) for each in reasons], dtype=np.uint32)
        nodes = np.frombuffer(packed.nodes, dtype="<u4")
        self._failed.append((children, nodes, codes[np.frombuffer(packed.codes, dtype="<u4")]))

    def collected(self) -> Collected:
        """Return what was filled; the columns of before themselves, if nothing was."""
        if self._same is not None:
            shared = self._head.same_for_all()
            table = self._same.table
            table = table if shared == table.same_for_all else replace(table, same_for_all=shared)
            return replace(self._same, head=self._head, table=table)
        for name in [each for each in self._columns if self._head.map_of(each) in self._crowded]:
            del self._columns[name]
        there = np.ones(self._size, dtype=np.bool_)
        for first, count in self._head.deleted:
            there[self._row(first) : self._row(first + count)] = False
        failures = self._failures()
        table = SweepTable(
            run=self._head.run.id,
            sweep=self._head.sweep,
            states=self._states,
            numbers={
                name: _numbers(name, each, self._head.type_of(name))
                for name, each in self._columns.items()
                if each.values.dtype == np.float64
            },
            texts={
                name: Texts(
                    name=name,
                    codes=np.where(each.present, each.values, -1).astype(np.int32),
                    dictionary=tuple(each.texts),
                )
                for name, each in self._columns.items()
                if each.values.dtype != np.float64
            },
            same_for_all=self._head.same_for_all(),
            sample=self._sample,
        )
        if len(failures.children):
            table = replace(table, texts={**table.texts, "cause": failures.causes(self._size)})
        return Collected(
            head=self._head,
            table=table,
            failures=failures,
            open=self._open,
            there=None if there.all() else there,
            crowded=tuple(self._crowded),
        )

    def _failures(self) -> Failures:
        empty = np.empty(0, np.int64), np.empty(0, np.uint32), np.empty(0, np.uint32)
        children, nodes, codes = (np.concatenate(each) for each in zip(*(self._failed or [empty]), strict=True))
        order = np.lexsort((nodes, children))
        return Failures(
            children=children[order],
            nodes=nodes[order],
            codes=codes[order],
            names=self._head.nodes,
            reasons=tuple(self._reasons),
        )


_TEXTS = frozenset({"string", "dataset"})
_OF_WIRE = np.array([0, *(STATES.index(RUN_STATES[number]) for number in range(1, len(STATES) + 1))], np.uint8)


def _numbered(ranges: Ranges) -> npt.NDArray[np.int64]:
    """Return the numbers of the children of some ranges, growing."""
    return np.concatenate([np.arange(first, first + count, dtype=np.int64) for first, count in ranges])


def _picked(rows: slice | npt.NDArray[np.int64], places: bytes) -> slice | npt.NDArray[np.int64]:
    """Return the rows at some places; all of them, if none are named."""
    if not places:
        return rows
    at = np.frombuffer(places, dtype="<u4").astype(np.int64)
    return at + rows.start if isinstance(rows, slice) else rows[at]


def _numbers(name: str, column: _Column, datatype: DataType | None) -> Numbers:
    values: Floats = column.values
    whole = bool(column.present.all())
    unit = _METRIC_UNITS.get(name.rpartition(".")[2], "") if datatype is None else unit_of(datatype)
    return Numbers(name=name, values=values, present=None if whole else column.present, type=datatype, unit=unit)
