"""One table per artifact or metric: `Node-port` with a row per run, or per value inside a collection."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from accio.domain.datatypes import DataType, parse_type
from accio_client.export.columns import Batch, Cell, Column, Holds, leaf, named, place_columns, values_within
from accio_client.export.rows import METRICS, NodeRows, Parameter, Rows
from accio_client.export.selection import Selection

RUN = Column("run", Holds.TEXT)
REPEAT = Column("repeat", Holds.INTEGER)
SEED = Column("seed", Holds.INTEGER)


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
    """The tables' rows of a chunk. A node without a result in a row has no row in its tables."""
    for node in rows.nodes:
        for port, datatype in node.types.items():
            if artifacts.has(node.node, port, datatype):
                yield from _artifact(rows, params, node, port, datatype)
        for metric in node.metric_names():
            if metrics.has(node.node, metric):
                datatype = parse_type("long" if metric in METRICS else "double")
                found = [(row, (value,)) for row, value in node.metric(metric)]
                yield from _piece(rows, params, Table(node.node, metric, METRIC), datatype, found)


def _artifact(
    rows: Rows, params: Sequence[Parameter], node: NodeRows, port: str, datatype: DataType
) -> Iterator[Piece]:
    found = [(row, cells) for row, value in node.values(port) for cells in values_within(datatype, value)]
    yield from _piece(rows, params, Table(node.node, port, str(datatype)), datatype, found)


def _piece(
    rows: Rows,
    params: Sequence[Parameter],
    table: Table,
    datatype: DataType,
    found: Sequence[tuple[int, tuple[Cell, ...]]],
) -> Iterator[Piece]:
    """The piece for *found*, pairs of a chunk's row and the cells that belong to it; none without any."""
    if not found:
        return
    places = place_columns(datatype)
    origin = [row for row, _ in found]
    sources = [rows.ids, *rows.params, rows.repetitions, rows.seeds]
    same = len(origin) == rows.count and origin == list(range(rows.count))
    fixed = sources if same else [[source[row] for row in origin] for source in sources]
    columns = (RUN, *(param.column for param in params), REPEAT, SEED, *places, named("value", leaf(datatype)))
    yield Piece(
        table=table,
        columns=columns,
        batch=[*fixed, *zip(*(cells for _, cells in found), strict=True)],
        origin=origin,
        places=len(places),
        numeric=columns[-1].holds in (Holds.INTEGER, Holds.DOUBLE),
    )
