"""The long table of what operators measured at steps: a row per point that is kept."""

from collections.abc import Iterable

from accio_client.export.columns import RUN, Cell, Column, Holds
from accio_client.export.frames import Table
from accio_client.views import SeriesView

COLUMNS = (
    RUN,
    Column("node", Holds.TEXT),
    Column("attempt", Holds.INTEGER),
    Column("metric", Holds.TEXT),
    Column("step", Holds.INTEGER),
    Column("value", Holds.DOUBLE),
    Column("seconds", Holds.DOUBLE),
)


SERIES = "series"
"""The name of the file."""


def cells_of(found: Iterable[SeriesView]) -> list[list[Cell]]:
    """Return the points of series as rows, column by column, in their order."""
    cells: list[list[Cell]] = [[] for _ in COLUMNS]
    for each in found:
        for column, value in zip(cells[:4], (each.run, each.node, each.attempt, each.name), strict=True):
            column.extend([value] * len(each.points))
        for column, values in zip(cells[4:], zip(*each.points, strict=True), strict=False):
            column.extend(values)
    return cells


def series_table(found: Iterable[SeriesView]) -> Table:
    """Return the points of series as a table, in their order."""
    return Table(columns=COLUMNS, cells=cells_of(found))
