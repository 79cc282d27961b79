"""One table per artifact or metric: `Node-port` with a row per run, or per value inside a collection."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from accio.domain.datatypes import DataType, parse_type
from accio.domain.names import MEASURED_METRICS
from accio.late import dataclass
from accio_client.export.columns import (
    REPEAT,
    RUN,
    SEED,
    Batch,
    Column,
    Holds,
    leaf,
    named,
    place_columns,
    values_within,
)
from accio_client.export.rows import NodeRows, Parameter, Rows
from accio_client.export.selection import Selection


class Table(NamedTuple):
    """What a table is about: an output of a node with its type, or a metric. Types are never mixed in one table."""

    node: str
    name: str
    type: str

    @property
    def stem(self) -> str:
        """The name of its file, without the extension; two tables may have the same."""
        return f"{self.node}-{self.name}"


METRIC = "metric"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some rows of one table.

    `origin` gives for each row the row of the chunk that it came from. `places` columns before the last one say where
    in a collection the value stands; the last column is the value.
    """

    table: "Table"
    columns: tuple[Column, ...]
    batch: Batch
    origin: Sequence[int]
    places: int
    numeric: bool


def pieces(rows: Rows, params: Sequence[Parameter], artifacts: Selection, metrics: Selection) -> Iterator[Piece]:
    """Yield the tables' rows of a chunk. A node without a result in a row has no row in its tables."""
    for node in rows.nodes:
        for port, datatype in node.types.items():
            if artifacts.has(node.node, port, datatype):
                yield from _artifact(rows, params, node, port, datatype)
        for metric in node.metric_names():
            if metrics.has(node.node, metric):
                datatype = parse_type("long" if metric in MEASURED_METRICS else "double")
                measured = list(node.metric(metric))
                cells = [[value for _, value in measured]]
                table = Table(node.node, metric, METRIC)
                if measured:
                    yield _piece(rows, params, table, datatype, [row for row, _ in measured], cells)


def _artifact(
    rows: Rows, params: Sequence[Parameter], node: NodeRows, port: str, datatype: DataType
) -> Iterator[Piece]:
    table = Table(node.node, port, str(datatype))
    if not datatype.args:
        origin, cells = node.scalars(port, datatype)
        if origin:
            yield _piece(rows, params, table, datatype, origin, [cells])
        return
    values = list(node.values(port))
    found = [(row, within) for row, value in values for within in values_within(datatype, value)]
    columns: Batch = list(zip(*(within for _, within in found), strict=True))
    if not found:  # collections without elements are results, too: a table without rows
        columns = [[] for _ in range(len(place_columns(datatype)) + 1)]
    if values:
        yield _piece(rows, params, table, datatype, [row for row, _ in found], columns)


def _piece(
    rows: Rows,
    params: Sequence[Parameter],
    table: Table,
    datatype: DataType,
    origin: Sequence[int],
    found: Batch,
) -> Piece:
    """Return the piece for the columns *found*, whose rows belong to the chunk's rows *origin*."""
    places = place_columns(datatype)
    sources = [rows.ids, *rows.params, rows.repetitions, rows.seeds]
    same = len(origin) == rows.count and list(origin) == list(range(rows.count))
    fixed = sources if same else [[source[row] for row in origin] for source in sources]
    columns = (RUN, *(param.column for param in params), REPEAT, SEED, *places, named("value", leaf(datatype)))
    return Piece(
        table=table,
        columns=columns,
        batch=[*fixed, *found],
        origin=origin,
        places=len(places),
        numeric=columns[-1].holds in (Holds.INTEGER, Holds.DOUBLE),
    )
