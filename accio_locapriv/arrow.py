"""Columns from NumPy to Arrow and back, by their buffers.

Arrow's own conversions look whether they were given something of pandas, and import it for that if it is installed: a
third of a second in each new process, for nothing.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from accio_locapriv.arrays import Floats, Ints, offsets_of


def array_of(values: Floats | Ints) -> pa.Array:
    """Return an Arrow array over the same memory."""
    kind = pa.float64() if values.dtype == np.float64 else pa.int64()
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def texts_of(values: Sequence[str]) -> pa.Array:
    """Return an Arrow array of texts."""
    encoded = [value.encode() for value in values]
    offsets = offsets_of(np.asarray([len(value) for value in encoded], dtype=np.int64)).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


def repeated(values: Sequence[str], indices: Ints) -> pa.Array:
    """Return a column of texts that repeat, stored once each."""
    narrow = pa.py_buffer(indices.astype(np.int32))
    return pa.DictionaryArray.from_arrays(
        pa.Array.from_buffers(pa.int32(), len(indices), [None, narrow]), texts_of(values)
    )


def floats_in(column: pa.Array | pa.ChunkedArray) -> Floats:
    """Return the numbers of a column of doubles without nulls; over the same memory, so not writable."""
    values: Floats = _values_in(column, np.dtype(np.float64))
    return values


def ints_in(column: pa.Array | pa.ChunkedArray) -> Ints:
    """Return the numbers of a column of integers, dates or times of day without nulls, as 64-bit integers."""
    width = (column.type.index_type if pa.types.is_dictionary(column.type) else column.type).bit_width
    values: Ints = _values_in(column, np.dtype(f"i{width // 8}")).astype(np.int64, copy=False)
    return values


def _values_in(column: pa.Array | pa.ChunkedArray, dtype: np.dtype[np.generic]) -> Any:
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    parts = []
    for chunk in chunks:
        stored = chunk.indices if isinstance(chunk, pa.DictionaryArray) else chunk
        buffer = stored.buffers()[1]
        if len(stored):
            parts.append(np.frombuffer(buffer, dtype)[stored.offset : stored.offset + len(stored)])
    return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, dtype), *parts])
