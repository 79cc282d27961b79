"""A generator per trace: what happens to one depends neither on the others nor on their order."""

from collections.abc import Callable

import numpy as np

from accio.domain.seeds import node_seed

Generators = Callable[[str], np.random.Generator]
"""Returns the generator of a trace by its id; a new one, at its beginning, at each call."""

_UNSIGNED_64 = 0xFFFF_FFFF_FFFF_FFFF


def generators(seed: int) -> Generators:
    """Return generators seeded with H(node seed, trace id), H being the hash of Accio's own seeds."""

    def of_trace(trace: str) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(node_seed(seed, trace) & _UNSIGNED_64))

    return of_trace
