"""Several columns of a sweep, grouped by the same parameters: what tables and data frames of statistics hold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accio_client.analysis.aggregate import Aggregate, aggregate
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

    def places(self, axis: int) -> Ints:
        """Return for each row the place of its value on one of the axes."""
        stride = int(np.prod([each.size for each in self.by[axis + 1 :]], dtype=np.int64))
        return np.asarray(self.rows // stride % self.by[axis].size)


def group(table: SweepTable, names: Sequence[str], *, by: Sequence[str] | None, where: Mask | None) -> Grouped:
    """Compute the statistics of columns for each combination of *by* (None: each point)."""
    axes = [axis.name for axis in table.axes] if by is None else list(by)
    columns = tuple(aggregate(table, name, by=axes, where=where) for name in names)
    looked_at = np.ones(table.size, dtype=np.bool_) if where is None else where
    there = _some(table, axes, looked_at)
    ranks = [_ranks(table.axis(name))[_places(table, axes, at)] for at, name in enumerate(axes)]
    order = np.lexsort(ranks[::-1]) if ranks else np.zeros(1, dtype=np.int64)
    rows = order[there.reshape(-1)[order]]
    everything = [*(axis.name for axis in table.axes), "repeat"]
    over = tuple(name for name, size in zip(everything, table.shape, strict=True) if name not in axes and size > 1)
    return Grouped(by=tuple(table.axis(name) for name in axes), over=over, columns=columns, rows=rows)


def _some(table: SweepTable, axes: Sequence[str], where: Mask) -> Mask:
    """Return which combinations have children at all."""
    first = [table.place(name) for name in axes]
    rest = tuple(at for at in range(len(table.shape)) if at not in first)
    kept = sorted(first)
    found: npt.NDArray[np.bool_] = np.asarray(where.reshape(table.shape).any(axis=rest))
    return found.transpose([kept.index(at) for at in first])


def _places(table: SweepTable, axes: Sequence[str], at: int) -> Ints:
    shape = [table.axis(name).size for name in axes]
    return np.asarray(np.broadcast_to(np.indices(shape, sparse=True)[at], shape).reshape(-1))


def _ranks(axis: AxisColumn) -> Ints:
    ranks = np.empty(axis.size, dtype=np.int64)
    ranks[growing(axis)] = np.arange(axis.size)
    return ranks
