"""The files of an export: written as drafts beside their places, and renamed once everything has been written.

So an export that fails, or is interrupted, leaves what was there before and nothing half-written. Only that many files
are open at a time: a split over thousands of combinations closes the oldest, and goes on with it if it must.
"""

import contextlib
import csv
import os
import secrets
import shutil
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeAlias

import orjson

from accio.errors import AlreadyExists, BadRequest
from accio.late import dataclass
from accio_client.export.arrow import arrow_schema, parquet_columns
from accio_client.export.columns import Batch, Column
from accio_client.export.formats import (
    CsvWriter,
    JsonLinesWriter,
    ParquetWriter,
    Writer,
)

Format = Literal["csv", "parquet", "jsonl"]
MOST_OPEN = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """A finished file, and how many rows this export wrote to it."""

    path: Path
    rows: int


Exported: TypeAlias = tuple[ExportedFile, ...]


@dataclass(slots=True)
class _Draft:
    path: Path
    columns: Sequence[Column]
    appended: bool
    rows: int = 0


class Files:
    """Where tables are written to. Leaving the `with` block without an error finishes all files."""

    def __init__(
        self, folder: Path, *, kind: Format, force: bool, append: bool, separator: str = ",", raw: bool = False
    ) -> None:
        self._folder = folder
        self._format: Format = kind
        self._force = force
        self._append = append
        self._separator = separator
        self._raw = raw
        self._mark = secrets.token_hex(4)
        self._drafts: dict[Path, _Draft] = {}
        self._open: OrderedDict[Path, Writer] = OrderedDict()
        self._finished: tuple[ExportedFile, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            while self._open:
                self._open.popitem()[1].close()
            if error is None:
                self._finish()
        finally:
            for draft in self._drafts.values():
                draft.path.unlink(missing_ok=True)
                draft.path.with_name(f"{draft.path.name}.old").unlink(missing_ok=True)

    @property
    def finished(self) -> tuple[ExportedFile, ...]:
        """The files, in the order in which they were begun; known once the block has been left."""
        return self._finished

    def write(self, subfolder: str, stem: str, columns: Sequence[Column], batch: Batch) -> None:
        """Write rows to the file *stem* of a subfolder ("" for the folder itself), and begin it if need be."""
        place = self._folder / subfolder / f"{stem}.{self._format}"
        self._writer(place, columns).write(batch)
        self._drafts[place].rows += len(batch[0])

    def _writer(self, place: Path, columns: Sequence[Column]) -> Writer:
        if place in self._open:
            self._open.move_to_end(place)
            return self._open[place]
        if len(self._open) >= MOST_OPEN:
            self._open.popitem(last=False)[1].close()
        begin = place not in self._drafts
        draft = self._begin(place, columns) if begin else self._drafts[place]
        self._open[place] = writer = self._make(draft, begin=begin and not draft.appended)
        return writer

    def _make(self, draft: _Draft, *, begin: bool) -> Writer:
        match self._format:
            case "csv":
                return CsvWriter(draft.path, draft.columns, begin=begin, separator=self._separator, raw=self._raw)
            case "jsonl":
                return JsonLinesWriter(draft.path, draft.columns)
            case "parquet":
                return ParquetWriter(draft.path, draft.columns, begin=begin)

    def _begin(self, place: Path, columns: Sequence[Column]) -> _Draft:
        """Return a draft for *place*: empty, or with what is there if this export appends."""
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = _Draft(place.with_name(f".{place.name}.{self._mark}"), columns, appended=False)
        self._drafts[place] = draft
        if os.path.lexists(place):
            if place.is_dir():
                raise AlreadyExists(f"{place} is a folder: choose another place with -out")
            if self._append:
                self._require_same(place, columns)
                shutil.copyfile(place, draft.path)
                draft.appended = True
            elif not self._force:
                raise AlreadyExists(f"{place} is there already: -force replaces it, -append extends it")
        return draft

    def _require_same(self, place: Path, columns: Sequence[Column]) -> None:
        """Refuse to append to a file with other columns, or one whose last line isn't whole."""
        names = [column.name for column in columns]
        if not self._has_columns(place, columns, names):
            raise BadRequest(
                f"{place} has other columns than {', '.join(names)}: nothing was appended; choose another -out"
            )
        if self._format != "parquet" and place.stat().st_size:
            with place.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                if file.read() != b"\n":
                    raise BadRequest(f"the last line of {place} isn't whole: nothing was appended")

    def _has_columns(self, place: Path, columns: Sequence[Column], names: list[str]) -> bool:
        match self._format:
            case "parquet":
                return bool(parquet_columns(place).equals(arrow_schema(columns)))
            case "csv":
                with place.open(encoding="utf-8", newline="") as file:
                    return next(csv.reader(file, delimiter=self._separator), None) == names
            case "jsonl":
                with place.open("rb") as file:
                    first = file.readline()
                return not first or list(orjson.loads(first)) == names

    def _finish(self) -> None:
        """Rename every draft to its final name."""
        finished: list[ExportedFile] = []
        for place, draft in self._drafts.items():
            if self._force or draft.appended:
                draft.path.replace(place)
            else:
                self._name(draft.path, place)
            finished.append(ExportedFile(path=place, rows=draft.rows))
        self._finished = tuple(finished)

    def _name(self, draft: Path, place: Path) -> None:
        """Rename, but never over what somebody has put there meanwhile."""
        try:
            place.hardlink_to(draft)
        except FileExistsError:
            raise AlreadyExists(f"{place} has come to be there meanwhile: it was left alone") from None
        except OSError:  # a file system without hard links
            draft.replace(place)
        else:
            with contextlib.suppress(FileNotFoundError):
                draft.unlink()
