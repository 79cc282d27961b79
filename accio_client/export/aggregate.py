"""Statistics over the repetitions of each point: rows come in the order of the sweep, so that one point is held at a
time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import NamedTuple

from accio.late import dataclass
from accio_client.export.columns import RUN, Batch, Cell, Column, Holds
from accio_client.export.rows import Rows
from accio_client.export.statistics import summarise
from accio_client.export.tables import Piece, Table

RESULT = (
    Column("n", Holds.INTEGER),
    Column("mean", Holds.DOUBLE),
    Column("sd", Holds.DOUBLE),
    Column("ci95_low", Holds.DOUBLE),
    Column("ci95_high", Holds.DOUBLE),
)


class Aggregated(NamedTuple):
    """The rows of one point in one table, and the point's parameters (for the folder of a split)."""

    table: Table
    columns: tuple[Column, ...]
    params: tuple[Cell, ...]
    batch: Batch


@dataclass(slots=True)
class _Point:
    key: tuple[str, int]
    columns: tuple[Column, ...]
    params: tuple[Cell, ...]
    values: dict[tuple[Cell, ...], list[float]] = field(default_factory=dict)


class Aggregator:
    """Collects the values of a point in every table, and summarises them once the next point begins."""

    def __init__(self, params: int) -> None:
        """*params*: how many columns of parameters there are, after the run's id."""
        self._params = params
        self._open: dict[Table, _Point] = {}

    def add(self, rows: Rows, piece: Piece) -> Iterator[Aggregated]:
        """Add a piece of a numeric table, and yield the points that it ends."""
        first = 1 + self._params
        places = piece.columns[first + 2 : first + 2 + piece.places]
        columns = (RUN, *piece.columns[1:first], *places, *RESULT)
        param_cells = list(zip(*piece.batch[1:first], strict=True)) or [()] * len(piece.origin)
        place_cells = list(zip(*piece.batch[first + 2 : -1], strict=True)) or [()] * len(piece.origin)
        for at, (origin, value) in enumerate(zip(piece.origin, piece.batch[-1], strict=True)):
            key = (rows.top, rows.points[origin])
            point = self._open.get(piece.table)
            if point is None or point.key != key:
                if point is not None:
                    yield _summary(piece.table, point)
                point = self._open[piece.table] = _Point(key, columns, param_cells[at])
            point.values.setdefault(place_cells[at], []).append(value)

    def rest(self) -> Iterator[Aggregated]:
        """Yield the points that nothing has ended yet."""
        for table, point in self._open.items():
            yield _summary(table, point)
        self._open.clear()


def _summary(table: Table, point: _Point) -> Aggregated:
    rows: list[Sequence[Cell]] = []
    for places, values in point.values.items():
        found = summarise(values)
        statistics = (found.n, found.mean, found.sd, found.ci95_low, found.ci95_high)
        rows.append((point.key[0], *point.params, *places, *statistics))
    return Aggregated(table, point.columns, point.params, list(zip(*rows, strict=True)))
