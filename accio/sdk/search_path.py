"""Where modules beside operators' files are looked for: last of all, and the package of a file itself first of all.

Kept apart from `sys.path`, so that another process can ask where a name leads that it hasn't to import.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


class _Pins(MetaPathFinder):
    """Finds the packages that have been pinned; anything else is somebody else's matter."""

    def __init__(self) -> None:
        self.folders: dict[str, str] = {}

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find a pinned package in its folder."""
        folder = self.folders.get(name)
        return None if folder is None or path is not None else PathFinder.find_spec(name, [folder])


_pins = _Pins()
_added: list[str] = []


def extend(folder: str) -> None:
    """Look for modules in *folder*, too, but only for those that are nowhere else."""
    if folder not in sys.path:
        sys.path.append(folder)
    if folder not in _added:
        _added.append(folder)


def pin(package: str, folder: str) -> None:
    """Import a top-level package from *folder*, wherever else there is one of its name."""
    _pins.folders[package] = folder
    if _pins not in sys.meta_path:
        sys.meta_path.insert(0, _pins)


def added() -> tuple[str, ...]:
    """Return the folders that were added."""
    return tuple(_added)


def pinned() -> dict[str, str]:
    """Return the packages that were pinned, with their folders."""
    return dict(_pins.folders)
