"""S2 cells: the six faces of a cube around the sphere, each halved again and again in both directions.

A cell is known here by its face and its two coordinates on it, packed into one integer. That is another number than the
Hilbert-curve id of the S2 library, but names the same cells (a test compares them).
"""

import numpy as np

from accio_locapriv.arrays import Floats, Ints
from accio_locapriv.errors import DataError

MAX_LEVEL = 30


def cells(vectors: Floats, level: int) -> Ints:
    """Return the cell of each point at this level: 0 for a face of the cube, 30 for about a square centimetre."""
    if not 0 <= level <= MAX_LEVEL:
        raise DataError(f"level: expected a cell level from 0 to {MAX_LEVEL}, found {level}")
    face, u, v = _on_cube(vectors)
    shift = MAX_LEVEL - level
    packed: Ints = (face << (2 * MAX_LEVEL)) | (_leaf(u) >> shift << MAX_LEVEL) | (_leaf(v) >> shift)
    return packed


def _on_cube(vectors: Floats) -> tuple[Ints, Floats, Floats]:
    """Return the face that each point is projected onto, and where on it, from -1 to 1."""
    size = np.abs(vectors)
    x_wins = (size[:, 0] > size[:, 1]) & (size[:, 0] > size[:, 2])
    axis = np.where(x_wins, 0, np.where((size[:, 1] > size[:, 2]) & ~(size[:, 0] > size[:, 1]), 1, 2))
    x, y, z = vectors[:, 0], vectors[:, 1], vectors[:, 2]
    along_axis = np.choose(axis, (x, y, z))
    positive = along_axis > 0
    face = np.where(positive, axis, axis + 3).astype(np.int64)
    u = np.where(positive, np.choose(axis, (y, -x, -x)), np.choose(axis, (z, z, -y))) / along_axis
    v = np.where(positive, np.choose(axis, (z, z, -y)), np.choose(axis, (y, -x, -x))) / along_axis
    return face, u, v


def _leaf(u: Floats) -> Ints:
    """Return the coordinate of the leaf cell; S2's quadratic transform makes cells of more equal area."""
    root = 0.5 * np.sqrt(1.0 + 3.0 * np.abs(u))
    s = np.where(u >= 0.0, root, 1.0 - root)
    leaf: Ints = np.floor(s * (1 << MAX_LEVEL)).astype(np.int64)
    return np.clip(leaf, 0, (1 << MAX_LEVEL) - 1)
