"""What is installed under the name of a distribution: the content of its files, whatever its version says.

Hashes are those of its RECORD for files that nobody has touched since the installer wrote it. Others are read: files
that were edited or added afterwards, those without a hash, the source of an editable install. What was found is
remembered with the signatures of all files, so that nothing is read twice.

Scripts and notes of the installer, which differ from machine to machine, don't count.
"""

import base64
import csv
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from functools import cached_property
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

import blake3
import orjson

from accio.late import dataclass
from accio.sdk.plugins import Plugins
from accio.version import DISTRIBUTION, accio_version

SDK = "accio"
"""The package of operators' authors, and the name under which digests know the distribution that it is in."""
UNKNOWN = "unknown"
CODE_SUFFIXES = frozenset({".py", ".so", ".pyd"})
SETTLED_NS = 60 * 1_000_000_000
"""What was changed less than this before it was read may have been written to since, unseen by its signature."""

_SCRIPTS = frozenset({"bin", "Scripts"})
_BYTECODE = "__pycache__"
_REQUIREMENT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")

_Seen: TypeAlias = dict[str, tuple[int, int, int, int]]


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A line of a RECORD."""

    algorithm: str = ""
    hash: str = ""
    size: int = -1


@dataclass(slots=True)
class _Files:
    """The files of a distribution by the names under which they count."""

    paths: dict[str, str] = field(default_factory=dict)
    recorded: dict[str, _Recorded] = field(default_factory=dict)
    record_ns: int = 0


class Installed:
    """The contents of installed distributions. *cache* is a folder in which they are remembered between processes."""

    def __init__(self, cache: Path | None = None) -> None:
        self._cache = cache
        self._contents: dict[tuple[str, tuple[str, ...]], str] = {}

    @cached_property
    def plugins(self) -> Plugins:
        """What distributions announce to packages, looked at once."""
        return Plugins.find()

    def content(self, name: str, places: Iterable[str] = ()) -> str:
        """Return a hash of a distribution's files, in hexadecimal digits.

        *places* are files and folders of modules known to be its own, for one that doesn't tell its files.
        """
        key = (normal_name(name), tuple(sorted(set(places))))
        if key not in self._contents:
            self._contents[key] = self._find(*key)
        return self._contents[key]

    def _find(self, name: str, places: tuple[str, ...]) -> str:
        try:
            found = distribution(name)
        except PackageNotFoundError:
            return UNKNOWN
        files = _files(found, places)
        seen = _look(files.paths)
        signature = _signature(files, seen)
        entry = None if self._cache is None else self._cache / f"{name}-{_hash(chr(0).join(places))[:8]}.json"
        known = None if entry is None else _remembered(entry, signature, seen)
        if known is not None:
            return known
        content = _content(files, seen)
        if entry is not None:
            _remember(entry, signature, content)
        return content


def files_of(name: str, places: Iterable[str] = ()) -> list[str]:
    """Name the files by which a distribution counts (see `Installed.content`); none if it isn't installed."""
    try:
        return list(_files(distribution(name), places).paths.values())
    except PackageNotFoundError:
        return []


def is_as_listed(found: Distribution, name: str, path: str) -> bool | None:
    """Return whether the file at *path* holds what a distribution's RECORD says of *name*; None if it says nothing."""
    record = found.read_text("RECORD") or ""
    listed = _listed(record).get(name) if name in record else None
    if listed is None or not listed.hash:
        return None
    return _read(path, listed.algorithm) == f"{listed.algorithm}={listed.hash}"


def contents_below(sites: Iterable[Path]) -> dict[str, str]:
    """Return a hash of the files of each distribution in folders of packages, by its name and version."""
    found = {}
    for each in distributions(path=[str(site) for site in sites]):
        files = _files(each, ())
        found[f"{normal_name(each.name)} {each.version}"] = _content(files, _look(files.paths))
    return found


def version_of(name: str) -> str:
    """Return the version of a distribution, or "unknown"; Accio's own however it was installed."""
    if name in (SDK, DISTRIBUTION):
        return accio_version()
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return UNKNOWN


def requirements_of(name: str) -> list[str]:
    """Name the installed distributions that one needs, those left out that belong to an extra."""
    try:
        stated = distribution(name).requires or []
    except PackageNotFoundError:
        return []
    found = []
    for text in stated:
        needed, _, marker = text.partition(";")
        match = _REQUIREMENT.match(needed.strip())
        if match is not None and "extra" not in marker and version_of(match.group()) != UNKNOWN:
            found.append(normal_name(match.group()))
    return found


def site_of(name: str) -> Path | None:
    """Return the folder into which a distribution is installed, or None if it is unknown."""
    try:
        return Path(str(distribution(name).locate_file(""))).resolve()
    except PackageNotFoundError:
        return None


def normal_name(name: str) -> str:
    """Return the form of a distribution's name in which equal names are equal."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _files(found: Distribution, places: Iterable[str]) -> _Files:
    files = _Files()
    site = str(found.locate_file(""))
    record = found.read_text("RECORD")
    listed = _listed(record) if record is not None else {str(path): _Recorded() for path in found.files or ()}
    own = {name for name in listed if name.startswith("..") or not _is_note(name)}
    for name in sorted(own):
        parts = name.split("/")
        if _BYTECODE in parts or (parts[0] == ".." and parts[-2] in _SCRIPTS):
            continue
        label = "entry_points.txt" if _is_points(name) else name
        files.paths[label] = os.path.join(site, name)  # noqa: PTH118 - as above
        files.recorded[label] = listed[name]
    for name, path in _unlisted(site, own, places):
        files.paths.setdefault(name, path)
    source = _source_of(found)
    if source is not None:
        files.paths.update((f"source/{os.path.relpath(path, source)}", path) for path in _code_below(source))
    own_record = next((name for name in listed if name.endswith(".dist-info/RECORD")), "")
    files.record_ns = _look({"": f"{site}/{own_record}"} if own_record else {}).get("", (0, 0, 0, 0))[2]
    return files


def _listed(record: str) -> dict[str, _Recorded]:
    listed = {}
    for row in csv.reader(record.splitlines()):
        if not row:
            continue
        algorithm, _, value = (row[1] if len(row) > 1 else "").partition("=")
        size = int(row[2]) if len(row) > 2 and row[2].isdigit() else -1
        listed[row[0]] = _Recorded(algorithm, value, size)
    return listed


def _is_note(name: str) -> bool:
    """Return whether a file is the installer's, but for the entry points, by which others find code."""
    return name.partition("/")[0].endswith((".dist-info", ".egg-info")) and not _is_points(name)


def _is_points(name: str) -> bool:
    return name.partition("/")[0].endswith((".dist-info", ".egg-info")) and name.endswith("/entry_points.txt")


def _unlisted(site: str, listed: set[str], places: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Return files that lie among those of the distribution, and aren't listed: somebody has added them."""
    folders = {name.rpartition("/")[0] for name in listed if not name.startswith("..") and not _is_points(name)} - {""}
    above = {folder[: match.start()] for folder in folders for match in re.finditer("/", folder)}
    for folder in folders:
        for entry in _entries(f"{site}/{folder}"):
            name = f"{folder}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if name not in folders and name not in above:
                    yield from ((os.path.relpath(path, site), path) for path in _all_below(entry.path))
            elif name not in listed:
                yield name, entry.path
    for place in places:
        name = os.path.relpath(place, site)
        if not name.startswith("..") and name not in listed | folders | above:
            found = list(_all_below(place)) or [place]
            yield from ((os.path.relpath(path, site), path) for path in found)


def _entries(folder: str) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if entry.name != _BYTECODE]
    except OSError:
        return []


def _all_below(folder: str) -> Iterator[str]:
    for at, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != _BYTECODE]
        yield from (f"{at}/{name}" for name in names)


def _code_below(folder: str) -> Iterator[str]:
    """Return the Python files and compiled modules of a source tree, environments and hidden folders left out."""
    for at, folders, names in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if name != _BYTECODE and not name.startswith(".") and not Path(at, name, "pyvenv.cfg").exists()
        ]
        yield from (f"{at}/{name}" for name in names if Path(name).suffix in CODE_SUFFIXES)


def _source_of(found: Distribution) -> str | None:
    """Return the folder of an editable install."""
    try:
        stated = orjson.loads(found.read_text("direct_url.json") or "{}")
        url = urlsplit(stated["url"]) if stated["dir_info"]["editable"] else None
    except (ValueError, KeyError, TypeError):
        return None
    return None if url is None or url.scheme != "file" else unquote(url.path)


def _look(paths: Mapping[str, str]) -> _Seen:
    seen: _Seen = {}
    for name, path in paths.items():
        try:
            found = os.stat(path)  # noqa: PTH116 - there may be thousands
        except OSError:
            continue
        seen[name] = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    return seen


def _signature(files: _Files, seen: _Seen) -> str:
    lines = [f"{name}\0{files.recorded.get(name)}\0{seen.get(name)}" for name in sorted(files.paths)]
    return _hash("\n".join(lines))


def _content(files: _Files, seen: _Seen) -> str:
    lines = []
    for name in sorted(files.paths):
        recorded = files.recorded.get(name, _Recorded())
        if name not in seen:
            value = "gone"
        elif _is_as_recorded(recorded, seen[name], files.record_ns):
            value = f"{recorded.algorithm}={recorded.hash}"
        else:
            value = _read(files.paths[name], recorded.algorithm or "sha256")
        lines.append(f"{name}\0{value}")
    return _hash("\n".join(lines))


def _is_as_recorded(recorded: _Recorded, seen: tuple[int, int, int, int], record_ns: int) -> bool:
    size, modified_ns, changed_ns, _ = seen
    return bool(recorded.hash) and recorded.size == size and max(modified_ns, changed_ns) < record_ns


def _read(path: str, algorithm: str) -> str:
    try:
        with Path(path).open("rb") as file:
            found = hashlib.file_digest(file, algorithm).digest()
    except (OSError, ValueError) as error:
        return f"unreadable: {error}"
    return f"{algorithm}={base64.urlsafe_b64encode(found).rstrip(b'=').decode()}"


def _remembered(entry: Path, signature: str, seen: _Seen) -> str | None:
    """Return what was found when the files had the same signatures, unless they were too young for that to prove it."""
    try:
        document = orjson.loads(entry.read_bytes())
        written_ns = entry.stat().st_mtime_ns
        known = document["content"] if document["signature"] == signature else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    newest_ns = max((max(modified, changed) for _, modified, changed, _ in seen.values()), default=0)
    return known if isinstance(known, str) and newest_ns < written_ns - SETTLED_NS else None


def _remember(entry: Path, signature: str, content: str) -> None:
    """Keep what was found; a cache that can't be written is only slower."""
    with suppress(OSError):
        entry.parent.mkdir(parents=True, exist_ok=True)
        temporary = entry.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(orjson.dumps({"signature": signature, "content": content}))
        temporary.replace(entry)


def _hash(text: str) -> str:
    return blake3.blake3(text.encode("utf-8", "surrogatepass")).hexdigest()
