"""Writing batches of rows as CSV, JSON lines or Parquet. A writer writes one draft file; `files` gives it its final
name.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from accio.errors import BadRequest
from accio_client.export.arrow import arrow_schema, arrow_table, concatenated, pyarrow_parquet
from accio_client.export.columns import Batch, Cell, Column, Holds, Numbers

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
    or *raw* asks for none. Columns are turned into texts one after the other, and joined to lines: the csv module,
    which takes cell by cell, needs several times as long.
    """

    def __init__(self, path: Path, columns: Sequence[Column], *, begin: bool, separator: str, raw: bool) -> None:
        self._file = path.open("a", encoding="utf-8", newline="")
        self._holds = [column.holds for column in columns]
        self._separator = separator
        # A carriage return ends no line here, but readers take it for an end everywhere.
        self._special = (separator, '"', "\n", "\r")
        self._plain = not raw
        if begin:
            self._lines([self._quoted([column.name]) for column in columns])

    def write(self, batch: Batch) -> None:
        self._lines([self._texts(holds, cells) for holds, cells in zip(self._holds, batch, strict=True)])

    def _texts(self, holds: Holds, cells: Sequence[Cell]) -> Sequence[str]:
        if isinstance(cells, Numbers):
            texts = cells.texts
        elif holds in (Holds.INTEGER, Holds.DOUBLE):
            texts = ["" if cell is None else repr(cell) for cell in cells]
        elif holds is Holds.TEXT:
            texts = ["" if cell is None else cell for cell in cells]
            if self._plain:
                texts = _harmless(texts)
        else:
            form = _CSV_TEXT[holds]
            texts = ["" if cell is None else form(cell) for cell in cells]
        return self._quoted(texts)

    def _quoted(self, texts: list[str]) -> list[str]:
        """Return the texts, quoted where CSV needs it."""
        together = "".join(texts)
        found = [mark for mark in self._special if mark in together]
        if not found:
            return texts
        return ['"' + text.replace('"', '""') + '"' if any(mark in text for mark in found) else text for text in texts]

    def _lines(self, columns: Sequence[Sequence[str]]) -> None:
        if len(columns) == 1:  # an empty line would be no row
            columns = [[text or '""' for text in columns[0]]]
        lines = list(map(self._separator.join, zip(*columns, strict=True)))
        self._file.write("\n".join([*lines, ""]))

    def close(self) -> None:
        self._file.close()


def _harmless(texts: list[str]) -> list[str]:
    """Return the texts so that no spreadsheet evaluates one."""
    together = "\0" + "\0".join(texts)
    if not any("\0" + sign in together for sign in _FORMULA):
        return texts
    return [f"'{text}" if text.startswith(_FORMULA) and not _is_number(text) else text for text in texts]


def _is_number(text: str) -> bool:
    """Return whether it is a number, or the pair that a location is: neither can do anything."""
    try:
        for number in text.split(","):
            float(number)
    except ValueError:
        return False
    return True


def iso(epoch_ms: int) -> str:
    """Return a time in ISO 8601 and UTC, with milliseconds where there are any."""
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
        self._columns = columns
        parquet = pyarrow_parquet()
        old = None if begin else path.with_name(f"{path.name}.old")
        if old is not None:
            path.rename(old)
        self._writer = parquet.ParquetWriter(path, arrow_schema(columns), compression="zstd")
        self._held: list[pyarrow.Table] = []
        if old is not None:
            with parquet.ParquetFile(old) as before:
                for group in range(before.num_row_groups):
                    self._writer.write_table(before.read_row_group(group))
            old.unlink()

    def write(self, batch: Batch) -> None:
        self._held.append(arrow_table(self._columns, batch))
        if sum(table.num_rows for table in self._held) >= GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(concatenated(self._held))
            self._held = []


def separator(text: str) -> str:
    r"""Return the character that separates cells: one character, or `\t` or `tab`; BadRequest for anything else."""
    character = {"\\t": "\t", "tab": "\t"}.get(text.lower(), text)
    if len(character) != 1 or character in '"\r\n' or character.isalnum():
        raise BadRequest(f"expected one character (or `tab`) between cells, no letter, digit or quote, found {text!r}")
    return character
