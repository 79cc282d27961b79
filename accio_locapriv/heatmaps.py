"""Compares where traces spend their events: heat maps and distances between them."""

import numpy as np
from scipy.special import rel_entr

from accio_locapriv.arrays import Floats
from accio_locapriv.errors import DataError
from accio_locapriv.geometry import Plane
from accio_locapriv.pairing import Figures, paired
from accio_locapriv.traces import Trace, Traces

DISTANCES = (
    "topsoe", "jensendiv", "kl", "kdiv", "jeffreys", "cosine", "cityblock", "euclidean", "chebyshev", "hellinger",
)  # fmt: skip


def heat_map_distortion(train: Traces, test: Traces, kind: str, cell_size: float) -> Figures:
    """Return the distance between the heat maps of each pair of traces; undefined if either trace is empty.

    Cells are squares of *cell_size* metres in the plane of the train trace's first event, which lies in the middle of
    one of them. A heat map is the share of the events in each cell.
    """
    if kind not in DISTANCES:
        raise DataError(f"distanceType: expected one of {', '.join(DISTANCES)}, found {kind!r}")
    if not (np.isfinite(cell_size) and cell_size > 0):
        raise DataError(f"cellSize: expected a distance above 0 m, found {cell_size} m")
    values, undefined = dict[str, float](), list[str]()
    for trace, train_index, test_index in paired(train.ids, test.ids):
        reference = None if train_index is None else train.at(train_index)
        result = None if test_index is None else test.at(test_index)
        if reference and result:
            values[trace] = distance(*_heat_maps(reference, result, cell_size), kind)
        else:
            undefined.append(trace)
    return Figures(values=values, undefined=undefined)


def _heat_maps(train: Trace, test: Trace, cell_size: float) -> tuple[Floats, Floats]:
    plane = Plane.at(train.lat[0], train.lng[0])
    meters = plane.project(np.concatenate((train.vectors(), test.vectors())))
    cells = np.floor(meters / cell_size + 0.5).astype(np.int64)
    _, cell = np.unique(cells, axis=0, return_inverse=True)
    cell = cell.reshape(-1)
    size = int(cell.max()) + 1
    before, after = (np.bincount(part, minlength=size) for part in (cell[: len(train)], cell[len(train) :]))
    return before / len(train), after / len(test)


def distance(p: Floats, q: Floats, kind: str) -> float:
    """Return the distance between two distributions over the same cells; the names are those of Cha's survey (2007).

    Logarithms are natural. `kl` is infinite where q has no share in a cell of p, and `jeffreys` also the other way.
    """
    middle = (p + q) / 2.0
    match kind:
        case "topsoe":
            value = rel_entr(p, middle).sum() + rel_entr(q, middle).sum()
        case "jensendiv":
            value = (rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2.0
        case "kl":
            value = rel_entr(p, q).sum()
        case "kdiv":
            value = rel_entr(p, middle).sum()
        case "jeffreys":
            value = rel_entr(p, q).sum() + rel_entr(q, p).sum()
        case "cosine":
            value = max(0.0, 1.0 - float(p @ q) / float(np.sqrt((p @ p) * (q @ q))))
        case "cityblock":
            value = np.abs(p - q).sum()
        case "euclidean":
            value = np.sqrt(((p - q) ** 2).sum())
        case "chebyshev":
            value = np.abs(p - q).max()
        case _:
            value = np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2.0)
    return float(value)
