"""The tables of `-aggregate` from packed columns: what the nodes of a sweep gave as single numbers, a row per point.

The numbers are those of `aggregate`, which takes the children row by row, to the last digit: it does so for what has no
columns, such as lists and metrics, and for several runs at once.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import orjson

from accio.domain.absence import NO_VALUE
from accio.late import dataclass
from accio_client.analysis.aggregate import Aggregate, aggregate
from accio_client.analysis.columns import REPEAT, Floats, Ints, Mask, SweepTable
from accio_client.collected import Collected, Head
from accio_client.export.aggregate import RESULT
from accio_client.export.columns import RUN, Batch, Cell, cell_of, is_numeric
from accio_client.export.exporting import Check, Options, Stems, files_of
from accio_client.export.files import ExportedFile
from accio_client.export.rows import Parameter
from accio_client.export.selection import names_of
from accio_client.export.tables import Table

ReadColumns = Callable[[Sequence[str]], Collected]
"""Returns columns by their names."""

_MOST_CHILDREN = 10_000_000
"""Of larger sweeps, columns would take more memory than the rows of those children that have begun."""
_CELLS_AT_ONCE = 8_000_000
_MOST_AT_ONCE = 1000
_POINTS_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Wanted:
    """The outputs of a sweep whose statistics are wanted, all of which are columns."""

    head: Head
    outputs: tuple[Table, ...]


def wanted(head: Head, options: Options) -> Wanted | None:
    """Return what columns can tell of the tables that *options* ask for; None if it isn't all of them."""
    if head.run.kind != "parent" or options.split or not options.metrics.empty or head.sweep.size > _MOST_CHILDREN:
        return None
    if REPEAT in head.run.params:  # a parameter that is called as the repetitions are
        return None
    known = {name for node, port, _ in head.declared for name in names_of(node, port)}
    if not known.issuperset(options.artifacts.names) or not head.declared:
        return None
    numeric = [
        Table(node, port, str(datatype))
        for node, port, datatype in head.declared
        if is_numeric(datatype) and options.artifacts.has(node, port, datatype)
    ]
    if any(f"{each.node}/{each.name}" not in head.types for each in numeric):
        return None
    return Wanted(head=head, outputs=tuple(numeric))


def write_points(
    found: Wanted, options: Options, read: ReadColumns, check: Check = lambda: None
) -> tuple[ExportedFile, ...]:
    """Write the statistics of each point of a sweep; all files appear at the end, or none."""
    size = found.head.sweep.size
    at_once = min(_MOST_AT_ONCE, max(1, _CELLS_AT_ONCE // max(1, size)))
    params = [
        Parameter(each.name, axis.type)
        for each in found.head.run.params.values()
        if each.values > 1 and (axis := found.head.sweep.axis(each.name)) is not None
    ]
    head = (RUN, *(param.column for param in params))
    files, stems = files_of(options), Stems()
    with files:
        for begin in range(0, len(found.outputs), at_once):
            some = found.outputs[begin : begin + at_once]
            collected = read([f"{each.node}/{each.name}" for each in some])
            for output, batch in _batches(collected, some, params, check):
                files.write("", stems.of(output), (*head, *RESULT), batch)
    return files.finished


def _batches(
    found: Collected, outputs: Sequence[Table], params: Sequence[Parameter], check: Check
) -> Iterator[tuple[Table, Batch]]:
    """Yield the rows of some points of each output, in the order of the sweep; points without a value have none."""
    table = found.table
    named = [(each, name) for each in outputs if (name := f"{each.node}/{each.name}") in table.numbers]
    there = [(output, _Points(table, name, found.there)) for output, name in named]
    values = [_Values(table, param) for param in params]
    for begin in range(0, table.points, _POINTS_AT_ONCE):
        check()
        points = np.arange(begin, min(table.points, begin + _POINTS_AT_ONCE))
        cells: Batch = [[table.run] * len(points), *(each.at(points) for each in values)]
        for output, of in there:
            kept = np.flatnonzero(of.n[points])
            if not len(kept):
                continue
            whole = len(kept) == len(points)
            fixed = cells if whole else [[column[at] for at in kept.tolist()] for column in cells]
            yield output, [*fixed, *of.cells(points[kept])]


class _Values:
    """The cells of a parameter that varies."""

    def __init__(self, table: SweepTable, parameter: Parameter) -> None:
        self._table = table
        self._name = parameter.name
        self._cell = cell_of(parameter.datatype)
        self._axis = next((axis for axis in table.axes if axis.name == parameter.name), None)

    def at(self, points: Ints) -> list[Cell]:
        """Return the cell of each point."""
        first = points * self._table.sweep.repeat
        if self._axis is None:  # of its values, the points of this sweep have one only
            return [self._decoded(self._table.sweep.child(0)[self._name])] * len(points)
        places, at = np.unique(self._table.coordinate(self._name, first), return_inverse=True)
        cells = [self._decoded(self._axis.canonical(place)) for place in places.tolist()]
        return [cells[place] for place in at.tolist()]

    def _decoded(self, canonical: str) -> Cell:
        return None if canonical == NO_VALUE else self._cell(orjson.loads(canonical))


class _Points:
    """The statistics of an output at each point."""

    def __init__(self, table: SweepTable, name: str, there: Mask | None) -> None:
        self._found: Aggregate = aggregate(table, name, where=there)
        self.n: Ints = self._found.n.reshape(-1)

    def cells(self, points: Ints) -> list[list[Any]]:
        """Return the columns of RESULT for some points: one number has no deviation, and what isn't finite no
        interval.
        """
        of, n = self._found, self.n[points]
        sd, low, high = (each.reshape(-1)[points] for each in (of.sd, of.low, of.high))
        return [
            n.tolist(),
            of.mean.reshape(-1)[points].tolist(),
            _where(n > 1, sd),
            _where(~np.isnan(low), low),
            _where(~np.isnan(high), high),
        ]


def _where(there: Mask, values: Floats) -> list[Any]:
    """Return the values, and None where there is none."""
    cells: list[Any] = values.tolist()
    if there.all():
        return cells
    return [cell if known else None for cell, known in zip(cells, there.tolist(), strict=True)]
