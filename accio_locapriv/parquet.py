"""Parquet files with equal bytes for equal tables.

Neither the time nor anything of the process enters a file; besides the data it holds only the name and version of the
library that wrote it, which belongs to the operator's digest anyway.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from accio_locapriv.arrays import Ints
from accio_locapriv.arrow import ints_in
from accio_locapriv.errors import DataError

_TEXTS = ("trace", "user")


def write(path: Path, columns: Mapping[str, pa.Array]) -> None:
    """Write a table."""
    pq.write_table(
        pa.table(dict(columns)),
        path,
        compression="lz4",
        use_dictionary=[name for name in columns if name in _TEXTS],
        store_schema=False,  # plain texts for every reader, whatever they were in memory
    )


def read(path: Path, columns: Mapping[str, str]) -> pa.Table:
    """Read these columns of a file, of these types (texts as dictionaries) and without nulls, or raise DataError."""
    try:
        file = pq.ParquetFile(path, read_dictionary=[name for name in columns if name in _TEXTS])
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"{path.parent}: expected a dataset with a file {path.name}, found none") from None
    except pa.ArrowException as error:
        raise DataError(f"{path}: expected a Parquet file, found something else ({error})") from None
    with file:
        present = file.schema_arrow.names
        for name, kind in columns.items():
            if name not in present:
                raise DataError(f"{path}: expected a column {name!r} of type {kind}, found {', '.join(present)}")
        table = file.read(columns=list(columns), use_threads=False)
    return pa.table({name: _column(path, name, table[name], kind) for name, kind in columns.items()})


def _column(path: Path, name: str, column: pa.ChunkedArray, kind: str) -> pa.ChunkedArray:
    if column.null_count:
        raise DataError(f"{path}: expected no nulls in column {name!r}, found {column.null_count}")
    try:
        if name not in _TEXTS:
            return column.cast(pa.type_for_alias(kind))
        if not pa.types.is_dictionary(column.type):
            column = column.cast(pa.string()).dictionary_encode()
        return column.unify_dictionaries()
    except pa.ArrowException as error:
        raise DataError(f"{path}: expected column {name!r} to be {kind}, found {column.type} ({error})") from None


def positions(column: pa.ChunkedArray, values: Sequence[str], path: Path) -> Ints:
    """Return where in *values* each text of a dictionary column is; DataError names one that isn't there."""
    known = column.chunk(0).dictionary.to_pylist() if column.num_chunks else []
    indices = ints_in(column)
    places = {value: place for place, value in enumerate(values)}
    for index in np.unique(indices):
        if known[index] not in places:
            raise DataError(f"{path}: expected only traces that traces.parquet lists, found {known[index]!r}")
    lookup = np.asarray([places.get(value, -1) for value in known], dtype=np.int64)
    return lookup[indices]
