"""Runs a module of Accio with the interpreter of another environment, to which Accio is lent.

    ENVIRONMENT/bin/python -P lent.py PATH MODULE ARGUMENT…

The environment needn't have Accio installed. Its own packages are found as ever. Accio's packages, and those few of
their dependencies that the environment lacks, are found on PATH, the search path of the process that started this one;
nothing else of PATH is visible. Until that is set up, this file imports nothing of Accio.
"""

import importlib
import importlib.metadata
import os
import runpy
import sys
from collections.abc import Iterable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder

OWN = frozenset({"accio", "accio_agent"})
NEEDED = frozenset({"blake3", "google", "orjson", "platformdirs"})
DISTRIBUTION = "accio-experiments"


class Lender(MetaPathFinder):
    """Finds some top-level modules, and nothing else, on a search path that isn't this interpreter's."""

    def __init__(self, names: frozenset[str], path: Sequence[str]) -> None:
        self._names = names
        self._path = list(path)

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return where a top-level module is; what lies in it is found by itself."""
        return PathFinder.find_spec(fullname, self._path) if fullname in self._names else None

    def find_distributions(
        self, context: importlib.metadata.DistributionFinder.Context
    ) -> Iterable[importlib.metadata.Distribution]:
        """Return the distribution of Accio, which tells its version, to whoever asks for it by name."""
        if DISTRIBUTION not in (context.name or "").lower().replace("_", "-"):
            return ()
        there = importlib.metadata.DistributionFinder.Context(name=context.name, path=self._path)
        return importlib.metadata.MetadataPathFinder.find_distributions(there)


def lend(path: Sequence[str]) -> None:
    """Make Accio importable: its own packages before all others of the name, what it needs after those."""
    sys.meta_path.insert(0, Lender(OWN, path))
    sys.meta_path.append(Lender(NEEDED, path))
    google = importlib.import_module("google")  # a namespace, of which the environment may have another part
    try:
        importlib.import_module("google.protobuf")
    except ImportError:
        found = PathFinder.find_spec("google", list(path))
        for place in (found.submodule_search_locations or ()) if found is not None else ():
            google.__path__.append(place)


def main(arguments: Sequence[str]) -> None:
    """See the module."""
    path, module, *rest = arguments
    lend(path.split(os.pathsep))
    from accio import interpreter

    interpreter.LENT[:] = [sys.executable, "-P", os.path.abspath(__file__), path]  # noqa: PTH100 - as it was given
    sys.argv[:] = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
