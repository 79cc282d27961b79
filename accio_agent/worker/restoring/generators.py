"""The global random generators of a worker: seeded before each execution, or when an execution imports them.

Runs in worker processes.
"""

import _random
import random
import sys
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType

# The generator behind the functions of `random`. Its C method is a third cheaper than random.seed(), which asks what
# kind of thing the seed is before it calls this one.
_GLOBAL: random.Random = random._inst  # noqa: SLF001 - as above
_32_BITS = (1 << 32) - 1
_64_BITS = (1 << 64) - 1


def _seed_tensorflow(module: ModuleType, seed: int) -> None:
    module.random.set_seed(seed & _32_BITS)


# How the global generator of a module is seeded, by the name of the module that brings it.
_SEEDERS: dict[str, Callable[[ModuleType, int], object]] = {
    "random": lambda module, seed: module.seed(seed),  # a second copy: the first is seeded at once
    "numpy.random": lambda module, seed: module.seed(seed & _32_BITS),
    "cupy.random": lambda module, seed: module.seed(seed & _32_BITS),
    "torch": lambda module, seed: module.manual_seed(seed & _64_BITS),
    "polars": lambda module, seed: module.set_random_seed(seed & _64_BITS),
    "mxnet.random": lambda module, seed: module.seed(seed & (_32_BITS >> 1)),
    "tensorflow": _seed_tensorflow,
}


def _is_numpy(module: ModuleType) -> bool:
    return module.__name__ == "numpy.random"


class Generators:
    """Global generators; nobody finds one that isn't seeded, whenever its module is imported."""

    def __init__(self) -> None:
        self._seed = 0
        self._seeders: list[tuple[ModuleType, Callable[[ModuleType, int], object]]] = []
        for name in _SEEDERS:
            if name != "random" and name in sys.modules:
                self._know(name)

    def __repr__(self) -> str:
        return f"<Generators of random, {', '.join(module.__name__ for module, _ in self._seeders)}>"

    def seed(self, seed: int) -> None:
        """Seed those of all modules that are loaded; those of others will be when they are imported."""
        self._seed = seed
        _random.Random.seed(_GLOBAL, seed)
        _GLOBAL.gauss_next = None  # type: ignore[attr-defined]  # as random.seed() does
        for module, seeder in self._seeders:
            seeder(module, seed)

    def were_drawn_from(self) -> bool:
        """Return whether anybody has drawn from `random` or NumPy since they were seeded; they are seeded again."""
        found = self._states()
        self.seed(self._seed)
        return found != self._states()

    def _states(self) -> list[object]:
        return [_GLOBAL.getstate(), *(str(module.get_state()) for module, _ in self._seeders if _is_numpy(module))]

    def imported(self, name: str) -> None:
        """Note that a module has been imported just now, and nobody has used it yet."""
        if name in _SEEDERS and name in sys.modules:
            self._know(name)

    def _know(self, name: str) -> None:
        module, seeder = sys.modules[name], _SEEDERS[name]
        self._seeders = [each for each in self._seeders if each[0].__name__ != name]
        with suppress(AttributeError):  # another package of that name
            seeder(module, self._seed)
            self._seeders.append((module, seeder))
