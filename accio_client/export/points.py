"""The tables of `-aggregate` from packed columns: what the nodes of a sweep gave as single numbers, a row per point,
or as maps of such, a row per point and key.

The numbers are those of `aggregate`, which takes the children row by row, to the last digit: it does so for what has no
columns, such as lists and metrics, and for several runs at once.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from accio.domain.absence import NO_VALUE
from accio.domain.datatypes import Kind, parse_type
from accio.late import dataclass
from accio_client.analysis.aggregate import Aggregate, aggregate
from accio_client.analysis.columns import REPEAT, Floats, Ints, Mask, Numbers, SweepTable
from accio_client.collected import Collected, Head
from accio_client.export.aggregate import RESULT
from accio_client.export.columns import RUN, Batch, Cell, cell_of, is_numeric, place_columns
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
_MOST_CELLS_OF_MAPS = 32_000_000
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
    if not all(_has_columns(head, each) for each in numeric):
        return None
    return Wanted(head=head, outputs=tuple(numeric))


def _has_columns(head: Head, output: Table) -> bool:
    """Return whether an output is one number, or a map from texts to numbers with few members in the first children."""
    name, datatype = f"{output.node}/{output.name}", parse_type(output.type)
    if not datatype.args:
        return name in head.types
    members = sum(each.startswith(f"{name}.") for each in head.types)
    return (
        name in head.maps and datatype.args[0].kind is Kind.STRING and members * head.sweep.size <= _MOST_CELLS_OF_MAPS
    )


class Crowded(Exception):
    """A map has too many members for a column each."""


def write_points(
    found: Wanted, options: Options, read: ReadColumns, check: Check = lambda: None
) -> tuple[ExportedFile, ...]:
    """Write the statistics of each point of a sweep; all files appear at the end, or none. Crowded if rows must do."""
    size = found.head.sweep.size
    at_once = min(_MOST_AT_ONCE, max(1, _CELLS_AT_ONCE // max(1, size)))
    if any(parse_type(each.type).args for each in found.outputs):
        at_once = 1  # a map may have as many members as all other outputs together
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
            if collected.crowded:
                raise Crowded
            for output, batch in _batches(collected, some, params, check):
                places = place_columns(parse_type(output.type))
                files.write("", stems.of(output), (*head, *places, *RESULT), batch)
    return files.finished


def _batches(
    found: Collected, outputs: Sequence[Table], params: Sequence[Parameter], check: Check
) -> Iterator[tuple[Table, Batch]]:
    """Yield the rows of some points of each output, in the order of the sweep; points without a value have none."""
    table = found.table
    there = [(each, made) for each in outputs if (made := _statistics(found, each)) is not None]
    values = [_Values(table, param) for param in params]
    for begin in range(0, table.points, _POINTS_AT_ONCE):
        check()
        points = np.arange(begin, min(table.points, begin + _POINTS_AT_ONCE))
        cells: Batch = [[table.run] * len(points), *(each.at(points) for each in values)]
        for output, of in there:
            kept, numbers = of.rows(points)
            if not len(kept):
                continue
            whole = np.array_equal(kept, np.arange(len(points)))
            fixed = cells if whole else [[column[at] for at in kept.tolist()] for column in cells]
            yield output, [*fixed, *numbers]


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


def _statistics(found: Collected, output: Table) -> "_Points | _Keyed | None":
    """Return the statistics of an output; None if no child has a value."""
    name, numbers = f"{output.node}/{output.name}", found.table.numbers
    if not parse_type(output.type).args:
        return _Points(found.table, name, found.there) if name in numbers else None
    keys = sorted(each.removeprefix(f"{name}.") for each in numbers if found.head.map_of(each) == name)
    return _Keyed(found, name, keys) if keys else None


class _Points:
    """The statistics of an output at each point."""

    def __init__(self, table: SweepTable, name: str, there: Mask | None) -> None:
        self._found: Aggregate = aggregate(table, name, where=there)
        self.n: Ints = self._found.n.reshape(-1)

    def rows(self, points: Ints) -> tuple[Ints, list[list[Any]]]:
        """Return the places of those points that have a value, and their columns of RESULT."""
        kept = np.flatnonzero(self.n[points])
        return kept, self.cells(points[kept])

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


class _Keyed:
    """The statistics of a map's members at each point, in the order in which its repetitions have them first."""

    def __init__(self, found: Collected, name: str, keys: Sequence[str]) -> None:
        """*keys* are sorted as in canonical JSON."""
        self._keys = keys
        self._of = [_Points(found.table, f"{name}.{key}", found.there) for key in keys]
        self._first = [self._begins(found, found.table.numbers[f"{name}.{key}"]) for key in keys]

    @staticmethod
    def _begins(found: Collected, column: Numbers) -> npt.NDArray[np.int32]:
        """Return the first repetition of each point that has the member."""
        there = column.valid if found.there is None else column.valid & found.there
        first: npt.NDArray[np.int32] = there.reshape(-1, found.table.sweep.repeat).argmax(axis=1).astype(np.int32)
        return first

    def rows(self, points: Ints) -> tuple[Ints, list[list[Any]]]:
        """Return the place of each row's point, and the columns `key` and RESULT."""
        own = [each.rows(points) for each in self._of]
        at: Ints = np.concatenate([kept for kept, _ in own])
        key = np.repeat(np.arange(len(own)), [len(kept) for kept, _ in own])
        first = np.concatenate([begins[points[kept]] for begins, (kept, _) in zip(self._first, own, strict=True)])
        order = np.lexsort((key, first, at))
        columns = [[cell for _, cells in own for cell in cells[no]] for no in range(len(RESULT))]
        ordered = order.tolist()
        names = [self._keys[no] for no in key[order].tolist()]
        return at[order], [names, *([column[row] for row in ordered] for column in columns)]


def _where(there: Mask, values: Floats) -> list[Any]:
    """Return the values, and None where there is none."""
    cells: list[Any] = values.tolist()
    if there.all():
        return cells
    return [cell if known else None for cell, known in zip(cells, there.tolist(), strict=True)]
