"""What the file system tells of the files behind a description of operators, without reading any of them.

Two glances that are equal show that nothing was written in between; where they differ, `Fingerprint.is_current` reads
and decides. A glance at the source that is followed is cheap; one at the packages that are used looks at thousands of
files, and is worth taking less often. Accio's own analysis is left out: nobody edits it but its developers.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import TypeAlias

from accio.sdk.fingerprint import Fingerprint
from accio.sdk.installed import CODE_SUFFIXES, files_of

Seen: TypeAlias = tuple[str, int, int, int, int]

_FACTS = attrgetter("st_mtime_ns", "st_ctime_ns", "st_size", "st_ino")
"""Who writes a file may set the first as it was, but not the second."""

_SETTLED_MS = 2_000
"""So long ago a folder must have changed last for its time to tell of the next change: file systems' are coarse."""


class Glances:
    """Looks anew, cheaply, at what one fingerprint was taken of."""

    def __init__(self, fingerprint: Fingerprint, wall_ms: Callable[[], int]) -> None:
        """*wall_ms* tells the time as files do."""
        own = str(Path(__file__).parent)
        # Folders with all code below them, such whose own code and packages count, and declared files and folders.
        self.trees = tuple(tree for tree in fingerprint.trees if tree != own)
        self.folders = fingerprint.folders
        self.files = fingerprint.files
        self._fingerprint = fingerprint
        self._wall_ms = wall_ms
        self._top_names = {name for name in fingerprint.resolution.places if "." not in name}
        self._in_packages: list[str] = []
        self._last = 0
        self._in_sites: set[str] = set()
        self._sites: dict[
            str, Seen
        ] = {}  # the folders that packages are installed into, before they were looked at last
        # What is in folders, as they looked then: what may come before a name in those of the search path, ...
        self._listed: dict[str, tuple[Seen, list[str]]] = {}
        # ... and the code, or every file, and the folders in those that are followed.
        self._followed: dict[tuple[str, bool], tuple[Seen, list[str], list[str]]] = {}

    def at_source(self) -> int:
        """Look at the source that is followed, at declared files, and for what would be found before them."""
        seen = [found for tree in self.trees for found in self._below(tree)]
        seen += [found for folder in self.folders for found in _within(folder)]
        seen += [found for path in self.files for found in self._below(path, every=True)]
        return hash((tuple(seen), self.before_source()))

    def before_source(self) -> int:
        """Look only for what would be found before the source."""
        folders = (*sys.path, *self._fingerprint.resolution.folders)
        return hash(tuple(name for folder in folders for name in self._leading(folder)))

    def at_packages(self) -> int:
        """Look at what is installed of the distributions that are used."""
        sites = {folder: look(folder) for folder in sys.path if folder}
        seen = hash(tuple(look(path) for path in self._in_packages))
        if seen != self._last or not self._in_packages:  # others may belong to them now
            installed = self._fingerprint.installed.items()
            files = {path for name, (_, *places) in installed for path in files_of(name, places)}
            self._in_packages = sorted(files | {path.rpartition("/")[0] for path in files})
            self._last = hash(tuple(look(path) for path in self._in_packages))
            self._in_sites = {site for site in sites if any(path.startswith(f"{site}/") for path in self._in_packages)}
        self._sites = {site: sites[site] for site in self._in_sites if site in sites}
        return self._last

    def is_installed_anew(self) -> bool:
        """Return whether something was installed, or taken away, beside the packages since they were looked at last:
        installers make and remove a folder there for each, whatever its version.
        """
        return any(look(site) != seen for site, seen in self._sites.items())

    def _leading(self, folder: str) -> list[str]:
        """Name what lies in a folder of the search path and may be what one of the names leads to."""
        looks = look(folder or ".")
        known = self._listed.get(folder)
        if known is not None and known[0] == looks:
            return known[1]
        found = [entry.path for entry in entries(folder) if entry.name.partition(".")[0] in self._top_names]
        self._listed.pop(folder, None)
        if self._is_settled(looks):
            self._listed[folder] = (looks, found)
        return found

    def _below(self, path: str, *, every: bool = False) -> list[Seen]:
        """Look at a file, or at the code (or *every* file) below a folder."""
        seen: list[Seen] = []
        waiting = [path]
        while waiting:
            folder = waiting.pop()
            looks = look(folder)
            known = self._followed.get((folder, every))
            if known is None or known[0] != looks:
                listed = entries(folder)
                if not listed:
                    seen.append(looks)
                    continue
                folders = [entry.path for entry in listed if entry.is_dir(follow_symlinks=False)]
                within = {*folders}
                files = [entry.path for entry in listed if entry.path not in within and (every or is_code(entry.name))]
                known = (looks, files, folders)
                self._followed.pop((folder, every), None)
                if self._is_settled(looks):
                    self._followed[folder, every] = known
            seen += _looks(known[1])
            waiting += known[2]
        return seen

    def _is_settled(self, looks: Seen) -> bool:
        """Return whether a folder has another time as soon as something in it is made, renamed or removed."""
        return looks[1] // 1_000_000 < self._wall_ms() - _SETTLED_MS


def look(path: str) -> Seen:
    """Return a path with what shows that it leads to the same, unwritten: zeros if it leads nowhere."""
    try:
        found = os.stat(path)  # noqa: PTH116 - there may be thousands
    except OSError:
        return path, 0, 0, 0, 0
    return path, *_FACTS(found)


def _looks(paths: Sequence[str]) -> Iterable[Seen]:
    """Look at files, mostly hundreds that are all there."""
    try:
        return [(path, *facts) for path, facts in zip(paths, map(_FACTS, map(os.stat, paths)), strict=True)]
    except OSError:
        return map(look, paths)


def _within(folder: str) -> Iterator[Seen]:
    """Look at the code directly in a folder, and at the names of packages in it."""
    for entry in entries(folder):
        if is_code(entry.name):
            yield look(entry.path)
        elif entry.is_dir() and os.path.isfile(f"{entry.path}/__init__.py"):  # noqa: PTH113 - as above
            yield entry.path, 0, 0, 0, 0


def entries(folder: str) -> "list[os.DirEntry[str]]":
    """Return what is in a folder but for bytecode, by name; nothing if it can't be listed."""
    try:
        with os.scandir(folder or ".") as listed:
            return sorted(_but_bytecode(listed), key=lambda entry: entry.name)
    except OSError:
        return []


def _but_bytecode(listed: "Iterable[os.DirEntry[str]]") -> "Iterator[os.DirEntry[str]]":
    return (entry for entry in listed if entry.name != "__pycache__")


def is_code(name: str) -> bool:
    """Return whether a file of this name counts as code."""
    return os.path.splitext(name)[1] in CODE_SUFFIXES  # noqa: PTH122 - as above
