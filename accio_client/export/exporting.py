"""From the chunks of an export to files, or to one table in memory. Blocks: run it in a thread where an event loop
runs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from hashlib import blake2b
from itertools import chain, groupby
from pathlib import Path

from accio.domain.names import suggest
from accio.errors import BadRequest, NotFound
from accio.late import dataclass
from accio_client.export.aggregate import Aggregated, Aggregator
from accio_client.export.columns import Batch, Cell, Column
from accio_client.export.files import ExportedFile, Files, Format
from accio_client.export.frames import Table
from accio_client.export.rows import Parameter, ReadBlob, Rows, parameters
from accio_client.export.selection import Selection, Share, names_of
from accio_client.export.spool import Spool
from accio_client.export.tables import Table as TableName
from accio_client.export.tables import pieces
from accio_client.export.wide import WideTable
from accio_client.file_names import file_name

WIDE = "runs"
"""The name of the wide table's file."""

Check = Callable[[], None]
"""Called for each chunk; what it raises ends the export and leaves no file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `accio export` was asked for."""

    folder: Path = Path()
    format: Format = "csv"
    artifacts: Selection = field(default_factory=lambda: Selection(Share.NUMERIC))
    metrics: Selection = field(default_factory=lambda: Selection(Share.NONE))
    separator: str = ","
    wide: bool = False
    split: bool = False
    aggregate: bool = False
    append: bool = False
    force: bool = False
    raw: bool = False

    def __post_init__(self) -> None:
        if self.append and self.force:
            raise BadRequest("-append and -force exclude each other: one extends what is there, the other replaces it")
        if self.wide and self.aggregate:
            raise BadRequest("-wide and -aggregate exclude each other: a row per run, or a row per point")


def files_of(options: Options) -> Files:
    """Return where tables are written to."""
    return Files(
        options.folder,
        kind=options.format,
        force=options.force,
        append=options.append,
        separator=options.separator,
        raw=options.raw,
    )


def write_files(
    spool: Spool, options: Options, read_blob: ReadBlob, check: Check = lambda: None
) -> tuple[ExportedFile, ...]:
    """Write the tables of the chunks that *spool* holds; all files appear at the end, or none."""
    params = parameters(spool.runs, constant=options.wide)
    files = files_of(options)
    require_known(spool, options.artifacts)
    with files:
        export = _Export(options, params, files)
        if options.wide:
            export.wide(spool, read_blob, check)
        else:
            for rows in _rows(spool, params, read_blob, check):
                export.tables(rows)
            export.rest()
    return files.finished


def wide_table(
    spool: Spool, artifacts: Selection, metrics: Selection, read_blob: ReadBlob, check: Check = lambda: None
) -> Table:
    """Return the table of `-wide` in memory."""
    require_known(spool, artifacts)
    params = parameters(spool.runs, constant=True)
    wide = WideTable(params, artifacts, metrics)
    wide.look(_rows(spool, params, read_blob, check))
    cells: list[list[Cell]] = [[] for _ in wide.columns]
    for rows in _rows(spool, params, read_blob, check):
        for column, more in zip(cells, wide.batch(rows), strict=True):
            column.extend(more)
    return Table(columns=wide.columns, cells=cells)


def _rows(spool: Spool, params: Sequence[Parameter], read_blob: ReadBlob, check: Check) -> Iterator[Rows]:
    for chunk in spool:
        check()
        yield Rows(chunk, params, read_blob)


def require_known(spool: Spool, artifacts: Selection) -> None:
    """Refuse a name that no run has. The daemon does so where names are all that it is asked for."""
    unknown = set(artifacts.names) if not artifacts.asked() else set()
    known: set[str] = set()
    for chunk in spool if unknown else ():
        known.update(name for node in chunk.nodes for port in node.outputs for name in names_of(node.node, port.name))
    for name in sorted(unknown - known):
        meant = suggest(name, known)
        hint = f"; did you mean {meant}?" if meant else "; see accio describe run"
        raise NotFound(f"no run that is exported has a node or an output {name[:100]!r}{hint}")


class _Export:
    """Writes tables to files, each under a name of its own."""

    def __init__(self, options: Options, params: Sequence[Parameter], files: Files) -> None:
        self._options = options
        self._params = params
        self._varying = tuple(param.name for param in params)
        self._files = files
        self._stems = Stems()
        self._aggregator = Aggregator(len(params))

    def wide(self, spool: Spool, read_blob: ReadBlob, check: Check) -> None:
        wide = WideTable(self._params, self._options.artifacts, self._options.metrics)
        wide.look(_rows(spool, self._params, read_blob, check))
        varying = {param.name for param in parameters(spool.runs, constant=False)}
        self._varying = tuple(name for name in self._varying if name in varying)
        wanted = [at for at, param in enumerate(self._params) if param.name in varying]
        for rows in _rows(spool, self._params, read_blob, check):
            self._write_split(WIDE, wide.columns, wide.batch(rows), [rows.params[at] for at in wanted])

    def tables(self, rows: Rows) -> None:
        """Write, or aggregate, what a chunk holds."""
        for piece in pieces(rows, self._params, self._options.artifacts, self._options.metrics):
            if not self._options.aggregate:
                self._write_split(
                    self._stems.of(piece.table), piece.columns, piece.batch, piece.batch[1 : 1 + len(self._params)]
                )
            elif piece.numeric and piece.origin:
                self._write_points(self._aggregator.add(rows, piece))

    def rest(self) -> None:
        """Write the points that only the end of everything has ended."""
        self._write_points(self._aggregator.rest())

    def _write_points(self, found: Iterable[Aggregated]) -> None:
        """Write points, with a split each to its own folder, otherwise as many at once as there are of a table."""
        for (table, columns), points in groupby(found, key=lambda each: (each.table, each.columns)):
            if self._options.split:
                for point in points:
                    self._files.write(self._folder(point.params), self._stems.of(table), columns, point.batch)
            else:
                joined = [
                    list(chain.from_iterable(parts)) for parts in zip(*(each.batch for each in points), strict=True)
                ]
                self._files.write("", self._stems.of(table), columns, joined)

    def _write_split(
        self, stem: str, columns: Sequence[Column], batch: Batch, params: Sequence[Sequence[Cell]]
    ) -> None:
        """Write the rows, with a split each point's to its own folder; equal points stand side by side."""
        if not self._options.split or not params:
            self._files.write("", stem, columns, batch)
            return
        points = list(zip(*params, strict=True))
        begin = 0
        for end in range(1, len(points) + 1):
            if end == len(points) or points[end] != points[begin]:
                part = [cells[begin:end] for cells in batch]
                self._files.write(self._folder(points[begin]), stem, columns, part)
                begin = end

    def _folder(self, params: Sequence[Cell]) -> str:
        """Return the name of a combination's folder: `epsilon=0.1,level=15`."""
        named = [f"{name}={_shown(cell)}" for name, cell in zip(self._varying, params, strict=True)]
        return distinct_name(",".join(named)) if named else ""


class Stems:
    """How the files of tables are called."""

    def __init__(self) -> None:
        self._tables: dict[str, list[TableName]] = {}

    def of(self, table: TableName) -> str:
        """Return the table's file name; a number is added where another table has it already."""
        tables = self._tables.setdefault(table.stem, [])
        if table not in tables:
            tables.append(table)
        number = tables.index(table)
        return file_name(table.stem) + (f"-{number + 1}" if number else "")


def _shown(cell: Cell) -> str:
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


def distinct_name(text: str) -> str:
    """Return *text* as the name of a folder; what can't be one gets a digest, so that two texts never share a name."""
    name = file_name(text)
    return name if name == text else f"{name[:100]}-{blake2b(text.encode(), digest_size=4).hexdigest()}"
