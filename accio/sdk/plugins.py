"""What installed distributions announce to packages by entry points, and so change what these do, unnamed by any code:
xarray's backends, fsspec's protocols, extensions of Numba and JAX.

A group belongs to the package whose name it begins with (`xarray.backends`, `jax_plugins`). Read from the files
themselves, as agents look at it at each start.
"""

import os
import sys
from collections.abc import Iterable, Mapping

import blake3

from accio.late import dataclass

_SUFFIXES = (".dist-info", ".egg-info")
_SHOWING = frozenset(
    {"accio", "babel", "console_scripts", "distutils", "gui_scripts", "hypothesis", "keyring", "pip", "pygments",
     "pytest", "setuptools", "sphinx"}
)  # fmt: skip
"""Packages whose plugins are chosen by name, and show or build things: they don't decide results."""
_CHOSEN = frozenset({"matplotlib.backend"})


@dataclass(frozen=True, slots=True)
class Plugins:
    """The entry points of all distributions on the search path: by group, lines of `name = value`."""

    groups: Mapping[str, tuple[str, ...]]

    @classmethod
    def find(cls) -> "Plugins":
        """Look through the search path."""
        groups: dict[str, set[str]] = {}
        for folder in sys.path:
            for text in _texts(folder):
                for group, lines in _read(text).items():
                    groups.setdefault(group, set()).update(lines)
        return cls({group: tuple(sorted(lines)) for group, lines in sorted(groups.items())})

    def of(self, package: str) -> dict[str, str]:
        """Return what is announced to a top-level package: values by group and name."""
        if package.lower() in _SHOWING:
            return {}
        lines = (
            (f"{group} {name.strip()}", value.strip())
            for group in self.groups
            if _is_group_of(group, package) and group not in _CHOSEN
            for name, _, value in (line.partition("=") for line in self.groups[group])
        )
        return dict(sorted(lines))

    def hash_of(self, packages: Iterable[str]) -> str:
        """Return a hash of what is announced to several packages."""
        told = [f"{name} {found}" for name in sorted(packages) if (found := self.of(name))]
        return blake3.blake3("\n".join(told).encode("utf-8", "surrogatepass")).hexdigest()


def _is_group_of(group: str, package: str) -> bool:
    rest = group[len(package) :]
    return group.lower().startswith(package.lower()) and not rest[:1].isalnum()


def _texts(folder: str) -> list[str]:
    texts = []
    try:
        with os.scandir(folder or ".") as entries:
            names = [entry.path for entry in entries if entry.name.endswith(_SUFFIXES)]
    except OSError:
        return []
    for name in names:
        try:
            with open(f"{name}/entry_points.txt", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123 - there may be thousands
                texts.append(file.read())
        except OSError:
            continue
    return texts


def _read(text: str) -> dict[str, list[str]]:
    """Return the lines of each group."""
    groups: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            lines = groups.setdefault(line[1:-1].strip(), [])
        elif line and line[0] not in "#;":
            lines.append(line)
    return groups
