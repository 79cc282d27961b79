"""One tidy table: a row per run, a column per parameter, scalar artifact, scalar member of a map, and metric."""

from collections.abc import Iterable, Sequence
from typing import Any

from accio.domain.datatypes import DataType
from accio.domain.members import MOST_MEMBERS, key_shown, member_type
from accio.domain.names import MEASURED_METRICS
from accio.late import dataclass
from accio_client.export.columns import (
    CAUSE,
    LABEL,
    REPEAT,
    RUN,
    SEED,
    STATE,
    Batch,
    Cell,
    Column,
    Holds,
    cell_of,
    named,
)
from accio_client.export.rows import NodeRows, Parameter, Rows
from accio_client.export.selection import Selection


@dataclass(frozen=True, slots=True)
class Output:
    """An artifact of some type; the same port with another type is another output."""

    node: str
    port: str
    datatype: DataType


@dataclass(frozen=True, slots=True)
class Member:
    """What a map holds under a key (as canonical JSON has it)."""

    output: Output
    key: str


@dataclass(frozen=True, slots=True)
class Metric:
    node: str
    name: str


Source = Output | Member | Metric


class WideTable:
    """The columns of the table, found by looking through all chunks once, and then its rows, chunk by chunk."""

    def __init__(self, params: Sequence[Parameter], artifacts: Selection, metrics: Selection) -> None:
        self._params = params
        self._artifacts = artifacts
        self._metrics = metrics
        self._members: dict[Output, dict[str, None]] = {}
        self._sources: dict[Source, Column] = {}

    def look(self, chunks: Iterable[Rows]) -> None:
        """Find the columns: those of outputs, then those of members, then those of metrics."""
        outputs: dict[Output, None] = {}
        metrics: dict[Metric, None] = {}
        for rows in chunks:
            for node in rows.nodes:
                self._look_at(node, outputs)
                wanted = dict.fromkeys([*node.measured_names(), *self._system_metrics(node)])
                metrics.update(dict.fromkeys(Metric(node.node, name) for name in wanted))
        for output in outputs:
            self._add(output, named(f"{output.node}/{output.port}", output.datatype), f"({output.datatype})")
        for output, keys in self._members.items():
            for key in keys if len(keys) <= MOST_MEMBERS else ():
                key_type, value_type = output.datatype.args
                name = f"{output.node}/{output.port}.{key_shown(key_type, key)}"
                self._add(Member(output, key), named(name, value_type), f"({output.datatype})")
        for metric in metrics:
            kind = Holds.INTEGER if metric.name in MEASURED_METRICS else Holds.DOUBLE
            self._add(metric, Column(f"{metric.node}/{metric.name}", kind), "(metric)")

    def _look_at(self, node: NodeRows, outputs: dict[Output, None]) -> None:
        for port, datatype in node.types.items():
            if not self._artifacts.has(node.node, port, datatype):
                continue
            output = Output(node.node, port, datatype)
            if not datatype.args:
                outputs[output] = None
            elif member_type(datatype) is not None:
                keys = self._members.setdefault(output, {})
                for _, value in node.values(port):
                    if len(keys) > MOST_MEMBERS:
                        break
                    keys.update(dict.fromkeys(value))

    def _system_metrics(self, node: NodeRows) -> list[str]:
        """Return what is wanted beyond what the operator measured itself, which always is."""
        if self._metrics.empty:
            return []
        return [name for name in node.metric_names() if self._metrics.has(node.node, name)]

    def _add(self, source: Source, column: Column, apart: str) -> None:
        """Note a column; *apart* tells it from another of the same name."""
        taken = {each.name for each in self._sources.values()}
        if column.name in taken:  # another workflow's node of that name gives another type, say
            column = Column(f"{column.name} {apart}", column.holds)
        self._sources[source] = column

    @property
    def columns(self) -> tuple[Column, ...]:
        params = (param.column for param in self._params)
        return (RUN, LABEL, *params, REPEAT, SEED, STATE, CAUSE, *self._sources.values())

    def batch(self, rows: Rows) -> Batch:
        """Return the rows of a chunk; a run without a result has an empty cell there."""
        nodes = {node.node: node for node in rows.nodes}
        maps: dict[Output, dict[int, Any]] = {}
        columns: list[Sequence[Cell]] = [rows.ids, rows.labels, *rows.params, rows.repetitions, rows.seeds]
        columns += [rows.states, rows.causes]
        for source in self._sources:
            match source:
                case Output():
                    columns.append(_output_cells(source, nodes, rows.count))
                case Member():
                    if source.output not in maps:
                        maps[source.output] = _maps(source.output, nodes)
                    columns.append(_member_cells(source, maps[source.output], rows.count))
                case Metric():
                    columns.append(_metric_cells(source, nodes, rows.count))
        return columns


def _node_of(output: Output, nodes: dict[str, NodeRows]) -> NodeRows | None:
    """Return the node that gives the output in these rows, if it does so with this type."""
    node = nodes.get(output.node)
    return node if node is not None and node.types.get(output.port) == output.datatype else None


def _output_cells(output: Output, nodes: dict[str, NodeRows], count: int) -> Sequence[Cell]:
    node = _node_of(output, nodes)
    return [None] * count if node is None else node.cells(output.port, output.datatype, count)


def _maps(output: Output, nodes: dict[str, NodeRows]) -> dict[int, Any]:
    node = _node_of(output, nodes)
    return {} if node is None else dict(node.values(output.port))


def _member_cells(member: Member, maps: dict[int, Any], count: int) -> Sequence[Cell]:
    to_cell = cell_of(member.output.datatype.args[1])
    cells: list[Cell] = [None] * count
    for row, value in maps.items():
        if member.key in value:
            cells[row] = to_cell(value[member.key])
    return cells


def _metric_cells(metric: Metric, nodes: dict[str, NodeRows], count: int) -> Sequence[Cell]:
    node = nodes.get(metric.node)
    cells: list[Cell] = [None] * count
    for row, value in node.metric(metric.name) if node is not None and node.metrics else ():
        cells[row] = value
    return cells
