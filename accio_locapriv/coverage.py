"""How much of the area of a trace another one covers."""

import numpy as np

from accio_locapriv.arrays import Ints
from accio_locapriv.cells import cells
from accio_locapriv.errors import DataError
from accio_locapriv.pairing import Accuracy, paired
from accio_locapriv.traces import Traces


def area_coverage(train: Traces, test: Traces, level: int, width: int | None = None) -> Accuracy:
    """Compare the sets of S2 cells of each pair of traces; with a *width* in ms, of cells in time buckets that wide."""
    if width is not None and width <= 0:
        raise DataError(f"width: expected more than 0 ms, found {width} ms")
    visited = [_visited(traces, level, width) for traces in (train, test)]
    _number_alike(visited)
    nowhere = np.zeros(0, dtype=np.int64)
    found = Accuracy()
    for trace, train_index, test_index in paired(train.ids, test.ids):
        reference, result = (
            nowhere if index is None else np.unique(codes[traces.offsets[index] : traces.offsets[index + 1]])
            for traces, codes, index in ((train, visited[0], train_index), (test, visited[1], test_index))
        )
        matched = len(np.intersect1d(reference, result, assume_unique=True))
        found.add(trace, matched=matched, result=len(result), reference=len(reference))
    return found


def _visited(traces: Traces, level: int, width: int | None) -> Ints:
    """Return cell and time bucket of each event, as two columns."""
    places = cells(traces.vectors(), level)
    buckets = np.zeros_like(places) if width is None else traces.time // width
    return np.stack((places, buckets), axis=1)


def _number_alike(visited: list[Ints]) -> None:
    """Replace each pair of cell and bucket by one number, equal pairs by equal ones, across all the arrays."""
    both = np.concatenate(visited)
    _, place = np.unique(both[:, 0], return_inverse=True)
    known, bucket = np.unique(both[:, 1], return_inverse=True)
    codes = place.reshape(-1).astype(np.int64) * max(1, len(known)) + bucket.reshape(-1)
    start = 0
    for index, columns in enumerate(visited):
        visited[index] = codes[start : start + len(columns)]
        start += len(columns)
