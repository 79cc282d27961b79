"""Where code lies that is the operators' own, besides the packages that declare them: runs in templates.

That is what no index has delivered: folders on the module path that nobody has installed, editable installs,
distributions that were installed from a folder, a repository or a file, and all of the distributions that declare
operators.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

INSTALLED = ("site-packages", "dist-packages")
_ACCIO = Path(__file__).resolve().parents[3]
_NOTES = ".dist-info"


def own_places(sources: Iterable[Path]) -> list[str]:
    """Return folders, which end in a slash, and files whose modules are own ones, as *sources* are."""
    found = [f"{folder}{os.sep}" for folder in _plain_folders()]
    for site in _sites():
        declaring = [str(each.absolute().relative_to(site)) for each in sources if each.absolute().is_relative_to(site)]
        for notes in _notes(site):
            found.extend(_places_of(notes, declaring))
    return [place for place in found if not f"{_ACCIO}{os.sep}".startswith(place)]


def _plain_folders() -> Iterator[Path]:
    """Yield the folders on the module path that are neither Python's own nor one into which packages are installed."""
    for entry in sys.path:
        folder = Path(entry or ".").absolute()
        standard = any(folder.is_relative_to(Path(each).absolute() / "lib") for each in {sys.base_prefix, sys.prefix})
        if folder.is_dir() and not standard and not set(INSTALLED) & set(folder.parts):
            yield folder


def _sites() -> Iterator[Path]:
    yield from dict.fromkeys(folder for entry in sys.path if (folder := Path(entry).absolute()).name in INSTALLED)


def _notes(site: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from (site / name for name in os.listdir(site) if name.endswith(_NOTES))  # noqa: PTH208 - only names


def _places_of(notes: Path, declaring: list[str]) -> Iterator[str]:
    """Yield where a distribution's modules lie, if it is an own one."""
    origin = _origin(notes)
    if origin is None and not declaring:
        return
    if origin is not None and origin.get("dir_info", {}).get("editable"):
        yield f"{unquote(urlsplit(str(origin.get('url'))).path)}{os.sep}"
        return
    listed = {line.partition(",")[0].strip('"') for line in _text(notes / "RECORD").splitlines()}
    if origin is not None or not listed.isdisjoint(declaring):
        yield from dict.fromkeys(
            f"{notes.parent}{os.sep}{_outermost(name, listed)}" for name in listed if _is_code(name)
        )


def _origin(notes: Path) -> dict[str, Any] | None:
    """Return where a distribution was installed from, if not from an index; conda's say where they were built."""
    try:
        found = json.loads((notes / "direct_url.json").read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and _text(notes / "INSTALLER").strip() != "conda" else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _is_code(name: str) -> bool:
    return name.endswith(".py") and not name.startswith("..")


def _outermost(name: str, listed: set[str]) -> str:
    """Return the outermost package of a file, with a slash, or the file itself if it is in none."""
    parts = name.split("/")
    for count in range(1, len(parts)):
        folder = "/".join(parts[:count])
        if f"{folder}/__init__.py" in listed:
            return f"{folder}/"
    return name
