"""Tables for Arrow and Parquet.

Arrays are made from buffers: given a list, pyarrow imports pandas wherever that is installed, to see whether the list
is one of its own, and that takes longer than most exports.
"""

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accio.errors import FailedPrecondition
from accio_client.export.columns import Batch, Cell, Column, Holds

if TYPE_CHECKING:
    import pyarrow

_PACKED = {Holds.INTEGER: "q", Holds.TIME: "q", Holds.DOUBLE: "d"}
"""The machine type of numbers, as `array` names it."""


def arrow_schema(columns: Sequence[Column]) -> "pyarrow.Schema":
    """Return the Arrow types of a table's columns."""
    pyarrow = _pyarrow()
    types = {
        Holds.TEXT: pyarrow.string(),
        Holds.INTEGER: pyarrow.int64(),
        Holds.DOUBLE: pyarrow.float64(),
        Holds.BOOLEAN: pyarrow.bool_(),
        Holds.TIME: pyarrow.timestamp("ms", tz="UTC"),
    }
    return pyarrow.schema([(column.name, types[column.holds]) for column in columns])


def arrow_table(columns: Sequence[Column], batch: Batch) -> "pyarrow.Table":
    """Return the rows of a batch as an Arrow table."""
    schema = arrow_schema(columns)
    arrays = [
        _pyarrow().chunked_array(_arrays(field.type, column.holds, cells), type=field.type)
        for field, column, cells in zip(schema, columns, batch, strict=True)
    ]
    return _pyarrow().Table.from_arrays(arrays, schema=schema)


def _arrays(kind: Any, holds: Holds, cells: Sequence[Cell]) -> list[Any]:
    """Return one array, or several where texts are longer than 2 GiB together."""
    gaps = None in cells
    valid = _bits(cell is not None for cell in cells) if gaps else None
    if holds is Holds.TEXT:
        texts = [b"" if cell is None else cell.encode() for cell in cells]
        try:
            ends = array("i", accumulate(map(len, texts), initial=0))
        except OverflowError:
            half = len(cells) // 2
            return _arrays(kind, holds, cells[:half]) + _arrays(kind, holds, cells[half:])
        buffers = [ends, b"".join(texts)]
    elif holds is Holds.BOOLEAN:
        buffers = [_bits(map(bool, cells))]
    else:
        buffers = [array(_PACKED[holds], [0 if cell is None else cell for cell in cells] if gaps else cells)]
    pyarrow = _pyarrow()
    return [
        pyarrow.Array.from_buffers(
            kind, len(cells), [None if each is None else pyarrow.py_buffer(each) for each in (valid, *buffers)]
        )
    ]


def _bits(flags: Iterable[bool]) -> bytes:
    """Return a bit for each flag, the first one lowest in the first byte."""
    digits = "".join(["1" if flag else "0" for flag in flags])
    return int(digits[::-1] or "0", 2).to_bytes((len(digits) + 7) // 8, "little")


def parquet_columns(path: Path) -> "pyarrow.Schema":
    """Return the schema of a Parquet file."""
    schema: pyarrow.Schema = pyarrow_parquet().read_schema(path)
    return schema


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ModuleNotFoundError:
        raise FailedPrecondition(
            "Parquet and Arrow need the package pyarrow: pip install 'accio-experiments[parquet]'"
        ) from None
    return pyarrow


def pyarrow_parquet() -> Any:
    """Return the part of pyarrow that reads and writes Parquet; FailedPrecondition if it isn't installed."""
    _pyarrow()
    import pyarrow.parquet

    return pyarrow.parquet


def concatenated(tables: Sequence["pyarrow.Table"]) -> "pyarrow.Table":
    """Return tables of one schema as one."""
    table: pyarrow.Table = _pyarrow().concat_tables(tables)
    return table
