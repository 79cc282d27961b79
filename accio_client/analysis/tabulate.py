"""Several columns of a sweep, grouped by the same parameters: what tables and data frames of statistics hold."""

from collections.abc import Sequence

import numpy as np

from accio.late import dataclass
from accio_client.analysis.aggregate import Aggregate, aggregate, counted
from accio_client.analysis.columns import AxisColumn, Ints, Mask, SweepTable
from accio_client.analysis.pictures.specification import growing


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Grouped:
    """Statistics of columns per combination of parameters: `rows` are those that have children, in growing order."""

    by: tuple[AxisColumn, ...]
    over: tuple[str, ...]
    columns: tuple[Aggregate, ...]
    rows: Ints
    """Places in the flattened arrays of each column."""
    coordinates: tuple[Ints, ...]

    def places(self, axis: int) -> Ints:
        """Return for each row the place of its value on one of the axes."""
        return self.coordinates[axis][self.rows]


def group(table: SweepTable, names: Sequence[str], *, by: Sequence[str] | None, where: Mask | None) -> Grouped:
    """Compute the statistics of columns for each combination of *by* (None: each point)."""
    axes = [axis.name for axis in table.axes] if by is None else list(by)
    columns = tuple(aggregate(table, name, by=by, where=where) for name in names)
    there = counted(table, where, by) > 0
    if by is None and not table.is_grid:
        first = np.arange(table.points) * table.sweep.repeat
        places = tuple(table.coordinate(name, first) for name in axes)
    else:
        places = tuple(_places(table, axes, at) for at in range(len(axes)))
    ranks = [_ranks(table.axis(name))[at] for name, at in zip(axes, places, strict=True)]
    order = np.lexsort(ranks[::-1]) if ranks else np.zeros(1, dtype=np.int64)
    return Grouped(
        by=tuple(table.axis(name) for name in axes),
        over=tuple(name for name, size in table.factors if name not in axes and size > 1),
        columns=columns,
        rows=order[there[order]],
        coordinates=places,
    )


def _places(table: SweepTable, axes: Sequence[str], at: int) -> Ints:
    shape = [table.axis(name).size for name in axes]
    return np.asarray(np.broadcast_to(np.indices(shape, sparse=True)[at], shape).reshape(-1))


def _ranks(axis: AxisColumn) -> Ints:
    ranks = np.empty(axis.size, dtype=np.int64)
    ranks[growing(axis)] = np.arange(axis.size)
    return ranks
