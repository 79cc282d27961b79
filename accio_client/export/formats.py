"""Writing batches of rows as CSV, JSON lines or Parquet. A writer writes one draft file; `files` gives it its final
name.
"""

import csv
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from accio.errors import BadRequest, FailedPrecondition
from accio_client.export.columns import Batch, Cell, Column, Holds

if TYPE_CHECKING:
    import pyarrow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a text begins that a spreadsheet may evaluate; the last four are the full-width forms of the first four."""


class Writer(Protocol):
    """Writes rows to one file, which it begins or goes on with."""

    def write(self, batch: Batch) -> None:
        """Write some rows."""
        ...

    def close(self) -> None:
        """Write what is held back, and close the file."""
        ...


class CsvWriter:
    """RFC 4180 with line feeds. Numbers in their shortest form that reads back the same.

    A text that a spreadsheet would take for a formula gets an apostrophe in front, unless it is a number or a location,
    or *raw* asks for none.
    """

    def __init__(self, path: Path, columns: Sequence[Column], *, begin: bool, separator: str, raw: bool) -> None:
        self._file = path.open("a", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, delimiter=separator, lineterminator="\n")
        # The csv module quotes a carriage return only where it ends lines; readers take it for an end everywhere.
        self._cautious = csv.writer(self._file, delimiter=separator, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        self._texts = [_CSV_TEXT.get(column.holds) for column in columns]
        self._texts = [
            (_as_it_is if raw else _harmless) if column.holds is Holds.TEXT else text
            for column, text in zip(columns, self._texts, strict=True)
        ]
        if begin:
            self._writer.writerow([column.name for column in columns])

    def write(self, batch: Batch) -> None:
        columns = [
            cells if text is None else [None if cell is None else text(cell) for cell in cells]
            for cells, text in zip(batch, self._texts, strict=True)
        ]
        returns = any(
            text is not None and any("\r" in cell for cell in cells if cell is not None)
            for cells, text in zip(columns, self._texts, strict=True)
        )
        (self._cautious if returns else self._writer).writerows(zip(*columns, strict=True))

    def close(self) -> None:
        self._file.close()


def _as_it_is(text: str) -> str:
    return text


def _harmless(text: str) -> str:
    """*text* so that no spreadsheet evaluates it; numbers, and the pairs that locations are, can't do anything."""
    if not text.startswith(_FORMULA):
        return text
    try:
        for number in text.split(","):
            float(number)
    except ValueError:
        return f"'{text}"
    return text


def iso(epoch_ms: int) -> str:
    """ISO 8601 in UTC, with milliseconds where there are any."""
    at = _EPOCH + timedelta(milliseconds=epoch_ms)
    return at.strftime("%Y-%m-%dT%H:%M:%S") + (f".{epoch_ms % 1000:03d}Z" if epoch_ms % 1000 else "Z")


_CSV_TEXT: dict[Holds, Callable[[Any], str]] = {
    Holds.BOOLEAN: lambda cell: "true" if cell else "false",
    Holds.TIME: iso,
}


class JsonLinesWriter:
    """An object per row; an empty cell is null, and what JSON can't write as a number ("NaN") is a text."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._file = path.open("ab")
        self._names = [column.name for column in columns]
        self._forms = [_JSON_FORM.get(column.holds) for column in columns]

    def write(self, batch: Batch) -> None:
        columns = [
            cells if form is None else [None if cell is None else form(cell) for cell in cells]
            for cells, form in zip(batch, self._forms, strict=True)
        ]
        rows = zip(*columns, strict=True)
        lines = (
            orjson.dumps(dict(zip(self._names, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE) for row in rows
        )
        self._file.writelines(lines)

    def close(self) -> None:
        self._file.close()


def _json_double(cell: float) -> float | str:
    if cell - cell == 0:
        return cell
    return "NaN" if cell != cell else "Infinity" if cell > 0 else "-Infinity"


_JSON_FORM: dict[Holds, Callable[[Any], Any]] = {Holds.TIME: iso, Holds.DOUBLE: _json_double}

GROUP = 100_000
"""Rows of a Parquet row group."""


class ParquetWriter:
    """Typed columns, compressed with Zstandard. To go on with a file is to copy it, group by group."""

    def __init__(self, path: Path, columns: Sequence[Column], *, begin: bool) -> None:
        self._schema = arrow_schema(columns)
        parquet = _parquet()
        old = None if begin else path.with_name(f"{path.name}.old")
        if old is not None:
            path.rename(old)
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._held: list[list[Cell]] = [[] for _ in columns]
        if old is not None:
            with parquet.ParquetFile(old) as before:
                for group in range(before.num_row_groups):
                    self._writer.write_table(before.read_row_group(group))
            old.unlink()

    def write(self, batch: Batch) -> None:
        for held, cells in zip(self._held, batch, strict=True):
            held.extend(cells)
        if len(self._held[0]) >= GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._held[0]:
            self._writer.write_table(arrow_table(self._schema, self._held))
            self._held = [[] for _ in self._held]


def parquet_columns(path: Path) -> "pyarrow.Schema":
    """The schema of a Parquet file."""
    schema: pyarrow.Schema = _parquet().read_schema(path)
    return schema


def arrow_schema(columns: Sequence[Column]) -> "pyarrow.Schema":
    """The Arrow types of a table's columns."""
    pyarrow = _pyarrow()
    types = {
        Holds.TEXT: pyarrow.string(),
        Holds.INTEGER: pyarrow.int64(),
        Holds.DOUBLE: pyarrow.float64(),
        Holds.BOOLEAN: pyarrow.bool_(),
        Holds.TIME: pyarrow.timestamp("ms", tz="UTC"),
    }
    return pyarrow.schema([(column.name, types[column.holds]) for column in columns])


def arrow_table(schema: "pyarrow.Schema", batch: Batch) -> "pyarrow.Table":
    """The rows of a batch as an Arrow table."""
    pyarrow = _pyarrow()
    arrays = [pyarrow.array(cells, type=field.type) for cells, field in zip(batch, schema, strict=True)]
    return pyarrow.Table.from_arrays(arrays, schema=schema)


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ModuleNotFoundError:
        raise FailedPrecondition("Parquet and Arrow need the package pyarrow: pip install 'accio[parquet]'") from None
    return pyarrow


def _parquet() -> Any:
    _pyarrow()
    import pyarrow.parquet

    return pyarrow.parquet


def separator(text: str) -> str:
    r"""The character that separates cells: one character, or `\t` or `tab`; BadRequest for anything else."""
    character = {"\\t": "\t", "tab": "\t"}.get(text.lower(), text)
    if len(character) != 1 or character in '"\r\n' or character.isalnum():
        raise BadRequest(f"expected one character (or `tab`) between cells, no letter, digit or quote, found {text!r}")
    return character
