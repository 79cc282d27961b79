"""One tidy table: a row per run, a column per parameter, scalar artifact and metric."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from accio.domain.datatypes import DataType
from accio.domain.names import MEASURED_METRICS
from accio_client.export.columns import Batch, Cell, Column, Holds, named
from accio_client.export.rows import Parameter, Rows
from accio_client.export.selection import Selection
from accio_client.export.tables import REPEAT, RUN, SEED


@dataclass(frozen=True, slots=True)
class Output:
    """A scalar artifact of some type; the same port with another type is another column."""

    node: str
    port: str
    datatype: DataType


@dataclass(frozen=True, slots=True)
class Metric:
    node: str
    name: str


class WideTable:
    """The columns of the table, found by looking through all chunks once, and then its rows, chunk by chunk."""

    def __init__(self, params: Sequence[Parameter], artifacts: Selection, metrics: Selection) -> None:
        self._params = params
        self._artifacts = artifacts
        self._metrics = metrics
        self._outputs: dict[Output, Column] = {}
        self._measured: dict[Metric, Column] = {}

    def look(self, chunks: Iterable[Rows]) -> None:
        """Find the columns."""
        for rows in chunks:
            for node in rows.nodes:
                for port, datatype in node.types.items():
                    if not datatype.args and self._artifacts.has(node.node, port, datatype):
                        self._add(Output(node.node, port, datatype))
                for metric in [] if self._metrics.empty else node.metric_names():
                    if self._metrics.has(node.node, metric):
                        kind = Holds.INTEGER if metric in MEASURED_METRICS else Holds.DOUBLE
                        column = Column(f"{node.node}/{metric}", kind)
                        self._measured.setdefault(Metric(node.node, metric), column)

    def _add(self, output: Output) -> None:
        if output in self._outputs:
            return
        column = named(f"{output.node}/{output.port}", output.datatype)
        taken = {each.name for each in self._outputs.values()}
        if column.name in taken:  # another workflow's node of that name gives another type
            column = Column(f"{column.name} ({output.datatype})", column.holds)
        self._outputs[output] = column

    @property
    def columns(self) -> tuple[Column, ...]:
        params = (param.column for param in self._params)
        return (RUN, *params, REPEAT, SEED, *self._outputs.values(), *self._measured.values())

    def batch(self, rows: Rows) -> Batch:
        """The rows of a chunk; a run without a result has an empty cell there."""
        nodes = {node.node: node for node in rows.nodes}
        columns: list[Sequence[Cell]] = [rows.ids, *rows.params, rows.repetitions, rows.seeds]
        for output in self._outputs:
            node = nodes.get(output.node)
            if node is not None and node.types.get(output.port) == output.datatype:
                columns.append(node.cells(output.port, output.datatype, rows.count))
            else:
                columns.append([None] * rows.count)
        for metric in self._measured:
            measured: list[Cell] = [None] * rows.count
            node = nodes.get(metric.node)
            for row, value in node.metric(metric.name) if node is not None else ():
                measured[row] = value
            columns.append(measured)
        return columns
