"""Points of a sweep that stand in a file: a CSV or Parquet file named by `"points"` is read here, by the client.

The file has a column per parameter, and a row per point. Texts of a CSV file are read by the parameters' types, as
those of a command line; an empty cell, or a null, is no value. What JSON has no form of (moments, durations, numbers
that aren't finite) becomes a text, so that whoever checks the definition can say in which row it stands.
"""

import csv
import json
import math
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from accio.domain.documents import parse_document
from accio.errors import BadRequest, InvalidDefinition, NotFound
from accio_client.export.frames import require_backend
from accio_client.file_names import readable

_KEY = b'"points"'
_UNITS = {"s": "seconds", "ms": "millis", "us": "micros", "ns": "nanos"}


def with_points(text: bytes, folder: str) -> bytes:
    """Return a run definition with the points of the files that it names, which are sought from *folder*.

    What is no definition stays as it is: whoever checks it says why.
    """
    if _KEY not in text:
        return text
    try:
        document = parse_document(text)
    except InvalidDefinition:
        return text
    changed = _resolved(document, folder)
    return text if changed == document else json.dumps(changed, ensure_ascii=False, default=number).encode()


def _resolved(document: Mapping[str, Any], folder: str) -> dict[str, Any]:
    changed = dict(document)
    if isinstance(changed.get("points"), str):
        changed["points"] = read_points(Path(folder, changed["points"]))
    if isinstance(changed.get("union"), list):
        changed["union"] = [_resolved(part, folder) if isinstance(part, Mapping) else part for part in changed["union"]]
    return changed


def read_points(path: Path) -> dict[str, list[Any]]:
    """Return the columns of a CSV or Parquet file, by their names."""
    name = readable(str(path))
    try:
        match path.suffix.lower():
            case ".csv":
                columns = _of_csv(path, name)
            case ".parquet":
                columns = _of_parquet(path, name)
            case _:
                raise BadRequest(f"{name}: expected points in a file that ends in .csv or .parquet")
    except FileNotFoundError:
        raise NotFound(f"{name}: no such file, which 'points' names") from None
    except UnicodeDecodeError as error:
        found = f"0x{error.object[error.start]:02x}"
        raise BadRequest(
            f"{name}: the points can't be read: expected text in UTF-8, found the byte {found}, which isn't: "
            "save it as UTF-8 (of Latin-1: iconv -f latin1 -t utf-8)"
        ) from None
    except (OSError, ValueError) as error:
        raise BadRequest(f"{name}: the points can't be read: {error}") from None
    for column, values in columns.items():
        for at, value in enumerate(values):
            if isinstance(value, str) and "\0" in value:
                raise BadRequest(
                    f"{name}: row {at + 1} of column {column!r} holds the character NUL, which no text may"
                )
    return columns


def _of_csv(path: Path, name: str) -> dict[str, list[Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, strict=True)
        try:
            header = [each.strip() for each in next(rows, [])]
            if not header or len(set(header)) < len(header):
                raise BadRequest(f"{name}: expected different names of parameters in the first line, found {header}")
            columns: dict[str, list[Any]] = {each: [] for each in header}
            for row in rows:
                if not row:  # an empty line
                    continue
                if len(row) != len(header):
                    raise BadRequest(f"{name}: line {rows.line_num}: expected {len(header)} values, found {len(row)}")
                for each, value in zip(header, row, strict=True):
                    columns[each].append(value)
        except csv.Error as error:
            raise BadRequest(f"{name}: line {rows.line_num}: {error}") from None
    return columns


def _of_parquet(path: Path, name: str) -> dict[str, list[Any]]:
    require_backend("arrow")
    import pyarrow as pa
    import pyarrow.parquet as parquet

    names = parquet.read_schema(path).names
    if twice := next((each for each in names if names.count(each) > 1), None):
        raise BadRequest(f"{name}: expected different names of parameters, found the column {twice!r} twice")
    columns: dict[str, list[Any]] = {}
    for column, values in zip(names, parquet.read_table(path).columns, strict=True):
        kind = values.type
        if pa.types.is_duration(kind):
            unit = _UNITS[kind.unit]
            counts = values.cast(pa.int64()).to_pylist()
            columns[column] = [None if count is None else f"{count}.{unit}" for count in counts]
        else:
            columns[column] = [_plain(value, name, column) for value in values.to_pylist()]
    return columns


def _plain(value: Any, name: str, column: str) -> Any:
    """Return a value of a table as JSON has it."""
    match value:
        case None | bool() | int() | str() | Decimal():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case list() | tuple():
            return [_plain(each, name, column) for each in value]
        case dict():
            return {str(key): _plain(each, name, column) for key, each in value.items()}
        case _:
            return _moment(value, name, column)


def _moment(value: Any, name: str, column: str) -> Any:
    moment = getattr(value, "isoformat", None)
    if callable(moment):
        return moment()
    kind = type(value).__name__
    raise BadRequest(f"{name}: expected numbers, texts, times or lists in column {column!r}, found {kind}")


def number(value: Decimal) -> float | str:
    """Return a number of a document for JSON; as text, which any type reads, if a double would change it."""
    double = float(value)
    return double if Decimal(repr(double)) == value else str(value)
