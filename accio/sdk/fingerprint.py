"""What a description of operators was made from, so that it can be told whether it would come out the same today."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import blake3

from accio.late import dataclass
from accio.sdk import outer_settings
from accio.sdk.installed import Installed, files_of, version_of
from accio.sdk.resolution import Resolution

_SOURCE_SUFFIXES = frozenset({".py", ".so", ".pyd"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Files by content, distributions by version and content, and where the names of modules led.

    `trees` are folders with all below them; of `folders` only the files that lie directly in them count, and the names
    of packages. `installed` has the content of distributions, followed by places known to be theirs (see `Installed`).
    `extended` are packages that others may announce plugins to, and `plugins` tells which they do; `python` is the
    interpreter with its settings.
    """

    trees: tuple[str, ...]
    folders: tuple[str, ...]
    files: tuple[str, ...]
    contents: str
    distributions: Mapping[str, str]
    installed: Mapping[str, tuple[str, ...]]
    resolution: Resolution
    extended: tuple[str, ...] = ()
    plugins: str = ""
    python: str

    @classmethod
    def take(
        cls,
        *,
        trees: Iterable[Path],
        folders: Iterable[Path],
        files: Iterable[Path],
        distributions: Mapping[str, str],
        installed: Mapping[str, tuple[str, ...]],
        resolution: Resolution,
        extended: Iterable[str] = (),
        plugins: str = "",
    ) -> "Fingerprint":
        """Look at everything now."""
        tree_names, folder_names, file_names = (tuple(sorted(map(str, paths))) for paths in (trees, folders, files))
        return cls(
            trees=tree_names,
            folders=folder_names,
            files=file_names,
            contents=_hash(tree_names, folder_names, file_names),
            distributions=dict(distributions),
            installed=dict(installed),
            resolution=resolution,
            extended=tuple(sorted(extended)),
            plugins=plugins,
            python=outer_settings.seen(),
        )

    def elsewhere(
        self, files: Iterable[Path], trees: Iterable[Path], outside: Callable[[str], str | None] = str
    ) -> "Fingerprint":
        """Return this as a process of another environment judges it, which doesn't see what is installed here: by what
        the environment is made of, *files* and *trees*.

        *outside* says where a path is for that process, and None of one that it doesn't see.
        """

        def known(paths: Iterable[str]) -> set[str]:
            return {found for path in paths if (found := outside(path)) is not None}

        tree_names = tuple(sorted({*known(self.trees), *map(str, trees)}))
        file_names = tuple(sorted({*known(self.files), *map(str, files)}))
        folder_names = tuple(sorted(known(self.folders)))
        return replace(
            self,
            trees=tree_names,
            folders=folder_names,
            files=file_names,
            contents=_hash(tree_names, folder_names, file_names),
            distributions={},
            installed={},
            resolution=Resolution(places={}, folders=(), pins={}),
            extended=(),
            plugins="",
            python=outer_settings.seen(),
        )

    def is_current(self, installed: Installed | None = None) -> bool:
        """Return whether everything is still as it was. *installed* knows what has been looked at just now."""
        now = installed or Installed()
        return (
            self.python == outer_settings.seen()
            and all(version_of(name) == was for name, was in self.distributions.items())
            and not self.resolution.moved()
            and (not self.extended or now.plugins.hash_of(self.extended) == self.plugins)
            and all(now.content(name, places) == was for name, (was, *places) in self.installed.items())
            and _hash(self.trees, self.folders, self.files) == self.contents
        )

    def source_is_current(self) -> bool:
        """Return whether the source that is followed is as it was, without a look at what is installed."""
        return not self.resolution.moved() and _hash(self.trees, self.folders, self.files) == self.contents

    def has_as_was(self, path: str, installed: Installed | None = None) -> bool | None:
        """Return whether a file of the source that is followed, or of what is installed, holds what it held: it and all
        that counts together with it. None of a file that doesn't count.
        """
        now = installed or Installed()
        parts = {name: was for name, was in self.installed.items() if _is_among(path, files_of(name, was[1:]))}
        followed = _is_among(path, map(str, _followed(self.trees, self.folders, self.files)))
        if not followed and not parts:
            return None
        return (
            not self.resolution.moved()
            and all(now.content(name, places) == was for name, (was, *places) in parts.items())
            and (not followed or _hash(self.trees, self.folders, self.files) == self.contents)
        )

    def to_json(self) -> dict[str, Any]:
        """Return a form that `from_json` reads."""
        return {
            "trees": list(self.trees),
            "folders": list(self.folders),
            "files": list(self.files),
            "contents": self.contents,
            "distributions": dict(self.distributions),
            "installed": {name: list(found) for name, found in self.installed.items()},
            "resolution": self.resolution.to_json(),
            "extended": list(self.extended),
            "plugins": self.plugins,
            "python": self.python,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Fingerprint":
        """Read what `to_json` gave; KeyError, AttributeError or TypeError if it is something else."""
        return cls(
            trees=tuple(document["trees"]),
            folders=tuple(document["folders"]),
            files=tuple(document["files"]),
            contents=document["contents"],
            distributions=dict(document["distributions"]),
            installed={name: tuple(found) for name, found in document["installed"].items()},
            resolution=Resolution.from_json(document["resolution"]),
            extended=tuple(document["extended"]),
            plugins=document["plugins"],
            python=document["python"],
        )


def _is_among(path: str, files: Iterable[str]) -> bool:
    """Return whether a path is one of these, or leads to the same file as one of the same name."""
    found = set(files)
    name = f"/{Path(path).name}"
    return path in found or any(
        each.endswith(name) and os.path.realpath(each) == os.path.realpath(path) for each in found
    )


def _entries(folder: str) -> list[Path]:
    return sorted(Path(folder).iterdir()) if Path(folder).is_dir() else []


def _followed(trees: Iterable[str], folders: Iterable[str], files: Iterable[str]) -> set[Path]:
    found: set[Path] = set()
    for tree in trees:
        found.update(path for path in Path(tree).rglob("*") if path.suffix in _SOURCE_SUFFIXES)
    for folder in folders:
        found.update(path for path in _entries(folder) if path.suffix in _SOURCE_SUFFIXES)
    found.update(map(Path, files))
    return found


def _hash(trees: Iterable[str], folders: Iterable[str], files: Iterable[str]) -> str:
    names = [str(path) for folder in folders for path in _entries(folder) if (path / "__init__.py").is_file()]
    hasher = blake3.blake3()
    for name in names:
        hasher.update(f"{name}\0".encode())
    for path in sorted(_followed(trees, folders, files)):
        hasher.update(f"{path}\0{_content(path)}\0".encode())
    return hasher.hexdigest()


def _content(path: Path) -> str:
    if path.is_dir():
        return "\0".join(f"{part}\0{_content(part)}" for part in sorted(path.rglob("*")) if part.is_file())
    try:
        return blake3.blake3().update_mmap(path).hexdigest()
    except OSError as error:
        return f"unreadable: {error.errno}"
