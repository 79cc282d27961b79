"""A crate as a file: a ZIP that is the same bytes for the same content, with the digest of each part.

`manifest-sha256.txt` is what `sha256sum -c` reads; it names every other part.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

from accio.errors import AlreadyExists, BadRequest, NotFound

MANIFEST = "manifest-sha256.txt"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a ZIP can tell: when a part was written doesn't count
_MODE = 0o644 << 16
_FOLDER_MODE = 0o040755 << 16 | 0x10  # the last is how DOS marks a folder
_PIECE = 1 << 20
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError)
"""What reading a part says that isn't the bytes that were written."""


def write(target: Path, parts: Mapping[str, Path], *, folders: Iterable[str] = (), force: bool) -> None:
    """Write the *parts*, by their names, and their digests; the file appears whole or not at all.

    *folders* are folders besides, such as empty ones; their names end with a slash.
    """
    if target.exists() and not force:
        raise AlreadyExists(f"{target} is there already: name another file, or replace it with -force")
    unfinished = target.with_name(f".{target.name}.part")
    try:
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            digests = [f"{_add(archive, name, parts[name])}  {name}\n" for name in sorted(parts)]
            for name in sorted(folders):
                archive.writestr(_entry(name), "")
            archive.writestr(_entry(MANIFEST), "".join(digests))
        unfinished.replace(target)
    except OSError as error:
        raise BadRequest(f"{target} can't be written: {error.strerror or error}") from None
    finally:
        unfinished.unlink(missing_ok=True)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix, wherever it is written
    entry.external_attr = _FOLDER_MODE if name.endswith("/") else _MODE
    return entry


def _add(archive: zipfile.ZipFile, name: str, source: Path) -> str:
    hasher = hashlib.sha256()
    with source.open("rb") as content, archive.open(_entry(name), "w", force_zip64=True) as part:
        for piece in _pieces(content):
            hasher.update(piece)
            part.write(piece)
    return hasher.hexdigest()


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    while piece := content.read(_PIECE):
        yield piece


class Crate:
    """A crate that was written before; a context manager."""

    def __init__(self, path: Path) -> None:
        """Open it; NotFound or BadRequest if there is none."""
        self.path = path
        try:
            self._archive = zipfile.ZipFile(path)
        except FileNotFoundError:
            raise NotFound(f"there is no file {path}") from None
        except (OSError, zipfile.BadZipFile) as error:
            raise BadRequest(f"expected a crate that `accio publish` wrote, found in {path}: {error}") from None

    def __enter__(self) -> "Crate":
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def open(self, name: str) -> IO[bytes]:
        """Open a part; BadRequest if it isn't there."""
        try:
            return self._archive.open(name)
        except KeyError:
            raise BadRequest(f"expected a crate that `accio publish` wrote, found no {name} in {self.path}") from None

    def damage(self) -> tuple[str, ...]:
        """Return what isn't as it was written: parts that are missing, changed, or were added since."""
        try:
            with self.open(MANIFEST) as manifest:
                lines = [line.split("  ", 1) for line in manifest.read().decode(errors="replace").splitlines()]
        except _BROKEN:
            return (f"{MANIFEST} has changed",)
        digests = {name: digest for digest, name in (line for line in lines if len(line) == 2)}
        names = [name for name in self._archive.namelist() if name != MANIFEST and not name.endswith("/")]
        missing = [f"{name} is missing" for name in digests if name not in names]
        added = [f"{name} was added" for name in names if name not in digests]
        changed = [f"{name} has changed" for name in names if name in digests and self._digest(name) != digests[name]]
        return (*missing, *added, *changed)

    def _digest(self, name: str) -> str:
        hasher = hashlib.sha256()
        try:
            with self._archive.open(name) as part:
                for piece in _pieces(part):
                    hasher.update(piece)
        except _BROKEN:
            return "broken"
        return hasher.hexdigest()
