"""Where the names of modules led when operators were described, so that it can be told whether they still lead there.

Another PYTHONPATH, checkout or editable install, a file that is found first, a new portion of a namespace package: each
makes a name lead elsewhere, and what was described isn't what would be run.
"""

import importlib
import threading
from collections.abc import Mapping
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

from accio.late import dataclass
from accio.sdk.modules import find_spec, place_of

# Python forgets finders one by one, and fails (a KeyError) if two threads are about to forget the same one.
_INVALIDATING = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """`places` are those of modules by name (see `place_of`), packages before their modules; empty where none was.

    `folders` and `pins` are what loading adds to the search path (see `search_path`), `ahead` what operators' modules
    themselves have put before everything else, which a process that imports none of them doesn't have.
    """

    places: Mapping[str, tuple[str, ...]]
    folders: tuple[str, ...] = ()
    pins: Mapping[str, str]
    ahead: tuple[str, ...] = ()

    def moved(self) -> str:
        """Name a module that would be found elsewhere now, by a process like this one; nothing if there is none."""
        with _INVALIDATING:
            importlib.invalidate_caches()
        now: dict[str, tuple[str, ...]] = {}
        for name, place in self.places.items():
            parent = name.rpartition(".")[0]
            now[name] = place_of(self._find(name, now.get(parent) if parent else None))
            if now[name] != place:
                return name
        return ""

    def to_json(self) -> dict[str, Any]:
        """Return a form that `from_json` reads."""
        return {
            "places": {name: list(place) for name, place in self.places.items()},
            "folders": list(self.folders),
            "pins": dict(self.pins),
            "ahead": list(self.ahead),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Resolution":
        """Read what `to_json` gave; KeyError, AttributeError or TypeError if it is something else."""
        return cls(
            places={name: tuple(place) for name, place in document["places"].items()},
            folders=tuple(document["folders"]),
            pins=dict(document["pins"]),
            ahead=tuple(document["ahead"]),
        )

    def _find(self, name: str, parent: tuple[str, ...] | None) -> ModuleSpec | None:
        if parent is not None:
            return find_spec(name, parent[1:])
        if name in self.pins:
            return PathFinder.find_spec(name, [self.pins[name]])
        if self.ahead and (found := PathFinder.find_spec(name, list(self.ahead))) is not None:
            return found
        return find_spec(name, None) or PathFinder.find_spec(name, list(self.folders))
