"""Export chunks as rows of cells. Blobs are read when their value is asked for."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import orjson

from accio.domain.datatypes import DataType, parse_type
from accio.domain.names import MEASURED_METRICS
from accio.late import dataclass
from accio.v1 import accio_pb2, runs_pb2
from accio_client.export.columns import Cell, Column, Numbers, cell_of, is_numeric, named, parameter_column

ReadBlob = Callable[[str], bytes]

_STATES = {number: name.removeprefix("RUN_STATE_").lower() for name, number in runs_pb2.RunState.items()}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of one of the runs of an export."""

    name: str
    datatype: DataType

    @property
    def column(self) -> Column:
        """The parameter's column; it has the parameter's name, whatever the unit of its cells."""
        return Column(parameter_column(self.name), named("", self.datatype).holds)


def parameters(runs: Mapping[str, runs_pb2.Run], *, constant: bool) -> tuple[Parameter, ...]:
    """Return the parameters that get a column, in the runs' order: those that vary, or all with *constant*.

    A parameter varies inside a parent, or between the runs that are exported together. Where two runs give one name
    different types, the column is text.
    """
    found: dict[str, DataType] = {}
    values: dict[str, set[str]] = {}
    varying: set[str] = set()
    for run in runs.values():
        for parameter in run.params:
            datatype = parse_type(parameter.type)
            if found.setdefault(parameter.name, datatype) != datatype:
                found[parameter.name] = parse_type("string")
            values.setdefault(parameter.name, set()).add(parameter.json)
            if parameter.values > 1:
                varying.add(parameter.name)
    varying.update(name for name, different in values.items() if len(different) > 1)
    return tuple(Parameter(name, datatype) for name, datatype in found.items() if constant or name in varying)


@dataclass(frozen=True, kw_only=True)  # no slots: cached_property needs a dictionary
class NodeRows:
    """What a node gave in some rows of a chunk."""

    node: str
    types: Mapping[str, DataType]
    rows: Sequence[int]
    ports: Mapping[str, str]
    outputs_json: Sequence[str]
    metrics: Sequence[runs_pb2.Metrics]
    blobs: Mapping[str, Mapping[int, str]]
    read_blob: ReadBlob

    @cached_property
    def _outputs(self) -> list[dict[str, Any]]:
        """What came row by row."""
        return [orjson.loads(text) if text else {} for text in self.outputs_json]

    def values(self, port: str) -> Iterator[tuple[int, Any]]:
        """Yield row and decoded canonical value, for the rows that have one."""
        if port in self.ports:
            values = orjson.loads(self.ports[port])
        else:
            values = [outputs.get(port) for outputs in self._outputs]
        blobs = self.blobs.get(port, {})
        for row, value in zip(self.rows, values, strict=False):
            if value is not None:  # no canonical value is null
                yield row, value
            elif row in blobs:
                yield row, orjson.loads(self.read_blob(blobs[row]))

    def scalars(self, port: str, datatype: DataType) -> tuple[Sequence[int], Sequence[Cell]]:
        """Return the rows that have a value of a scalar port, and their cells."""
        json = self.ports.get(port)
        if json is not None and is_numeric(datatype) and '"' not in json and "null" not in json:
            return self.rows, Numbers(json)
        to_cell = cell_of(datatype)
        found = [(row, to_cell(value)) for row, value in self.values(port)]
        return [row for row, _ in found], [cell for _, cell in found]

    def cells(self, port: str, datatype: DataType, count: int) -> Sequence[Cell]:
        """Return a scalar port's cells for all *count* rows of the chunk, with gaps where there is no value."""
        rows, cells = self.scalars(port, datatype)
        if len(rows) == count:
            return cells
        if isinstance(cells, Numbers):
            return cells.spread(rows, count)
        spread: list[Cell] = [None] * count
        for row, cell in zip(rows, cells, strict=True):
            spread[row] = cell
        return spread

    def metric_names(self) -> list[str]:
        """Return the metrics that the system measures, and those that the operator measured in any row."""
        return [*MEASURED_METRICS, *self.measured_names()] if self.metrics else []

    def measured_names(self) -> list[str]:
        """Return the metrics that the operator measured itself in any of the rows."""
        return list(dict.fromkeys(name for measured in self._custom for name in measured))

    @cached_property
    def _custom(self) -> list[dict[str, Any]]:
        return [orjson.loads(each.custom_json) if each.custom_json else {} for each in self.metrics]

    def metric(self, name: str) -> Iterator[tuple[int, float]]:
        """Yield row and value of a metric, for the rows that have it."""
        if name in MEASURED_METRICS:
            yield from zip(self.rows, (getattr(each, name) for each in self.metrics), strict=False)
        else:
            for row, custom in zip(self.rows, self._custom, strict=False):
                if name in custom:
                    yield row, custom[name]


class Rows:
    """The rows of a chunk: who they are, their parameters' cells, and what their nodes gave."""

    def __init__(self, chunk: accio_pb2.ExportChunk, columns: Sequence[Parameter], read_blob: ReadBlob) -> None:
        run = chunk.run
        self.top = run.id
        self.count = len(chunk.seed)
        is_parent = run.kind == runs_pb2.RUN_KIND_PARENT
        self.ids = [f"{run.id}.{index}" for index in chunk.index] if is_parent else [run.id] * self.count
        self.seeds = list(chunk.seed)
        self.repetitions = list(chunk.repetition)
        self.labels: Sequence[Cell] = list(chunk.label) or [None] * self.count
        self.states: Sequence[Cell] = [_STATES[state] for state in chunk.state] or [None] * self.count
        self.causes: Sequence[Cell] = [cause or None for cause in chunk.cause] or [None] * self.count
        repeat = max(1, run.repeat) if is_parent else 1
        self.points = [index // repeat for index in chunk.index] if is_parent else [0] * self.count
        self._chunk = chunk
        self._columns = columns
        self.nodes = [_node_rows(column, read_blob) for column in chunk.nodes]

    @cached_property
    def params(self) -> list[Sequence[Cell]]:
        """The cells of each parameter's column."""
        return [self._cells(parameter) for parameter in self._columns]

    def _cells(self, parameter: Parameter) -> Sequence[Cell]:
        """Return the parameter's cells: from the chunk if it varies there, else the run's one value, else nothing."""
        for column in self._chunk.params:
            if column.name == parameter.name:
                cells = _decoded(column.type, column.values, parameter)
                return [cells[at] for at in column.value_of_row]
        for constant in self._chunk.run.params:
            if constant.name == parameter.name and constant.json:
                return _decoded(constant.type, [constant.json], parameter) * self.count
        return [None] * self.count


def _decoded(type_name: str, texts: Iterable[str], parameter: Parameter) -> list[Cell]:
    """Return the cells of canonical texts; texts again where the column's type is another run's."""
    datatype = parse_type(type_name)
    values = map(orjson.loads, texts)
    if datatype == parameter.datatype:
        to_cell = cell_of(datatype)
        return [None if value is None else to_cell(value) for value in values]
    return [value if value is None or isinstance(value, str) else orjson.dumps(value).decode() for value in values]


def _node_rows(column: accio_pb2.NodeColumn, read_blob: ReadBlob) -> NodeRows:
    blobs: dict[str, dict[int, str]] = {}
    for blob in column.blobs:
        blobs.setdefault(blob.port, {})[blob.row] = blob.digest
    return NodeRows(
        node=column.node,
        types={port.name: parse_type(port.type) for port in column.outputs},
        rows=list(column.row),
        ports={each.port: each.values_json for each in column.ports},
        outputs_json=list(column.outputs_json),
        metrics=list(column.metrics),
        blobs=blobs,
        read_blob=read_blob,
    )
