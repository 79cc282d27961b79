r"""The manifest of a dataset: the canonical bytes whose BLAKE3 digest is the dataset's identity.

A dataset is a file or a folder. What counts: the content of its files, and in a folder their relative paths and the
folders that are empty. What doesn't: the dataset's own name and place, times, owners, permissions, the order in which
things were made. Its form, in bytes (docs/artifacts.md has test vectors):

    "accio/dataset/1 " ("file" | "folder") "\n" entry*
    entry = "f " SIZE " " HEX " " PATH "\0"      a file: bytes as a decimal number, BLAKE3 of its content
          | "d " PATH "\0"                       a folder with nothing in it
    PATH  = names joined by "/", UTF-8            (empty for the one entry of a dataset that is a file)

Entries are sorted by the bytes of PATH. Exactly one sequence of bytes is the manifest of a given content: `decode`
refuses any other, so a digest can't be ambiguous. This module is pure.
"""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import cached_property

from accio.content.digest import PREFIX, Digest, digest_bytes, hex_of
from accio.content.errors import InvalidManifest
from accio.late import dataclass

MAGIC = b"accio/dataset/1 "
MAX_NAME_BYTES = 255
MAX_PATH_BYTES = 4096
MAX_ENTRIES = 2_000_000
MAX_MANIFEST_BYTES = 512 << 20
"""Enough for as many entries with paths of 190 bytes."""
_LONGEST_ENTRY = 2 + 20 + 65 + MAX_PATH_BYTES
_FILE = re.compile(rb"f (0|[1-9][0-9]{0,18}) ([0-9a-f]{64}) (.*)", re.DOTALL)


class Shape(StrEnum):
    """What a dataset is at its top."""

    FILE = "file"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """A file of a dataset; `path` is relative, empty if the dataset is this file."""

    path: str
    size: int
    digest: Digest


@dataclass(frozen=True, kw_only=True)  # no slots: cached_property needs a dictionary
class Manifest:
    """What a dataset consists of. Make one with `of_file`, `of_folder` or `decode`: they keep it canonical."""

    shape: Shape
    files: tuple[FileEntry, ...]
    empty_folders: tuple[str, ...] = ()

    @cached_property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        entries = [
            (path := file.path.encode(), b"f %d %b %b\0" % (file.size, hex_of(file.digest).encode(), path))
            for file in self.files
        ]
        entries += [(path := folder.encode(), b"d %b\0" % path) for folder in self.empty_folders]
        entries.sort()
        return MAGIC + self.shape.encode() + b"\n" + b"".join(line for _, line in entries)

    @cached_property
    def digest(self) -> Digest:
        """The identity of the dataset."""
        return digest_bytes(self.encoded)

    @property
    def size(self) -> int:
        """The bytes of all files together."""
        return sum(file.size for file in self.files)

    @property
    def blobs(self) -> dict[Digest, int]:
        """The distinct contents of the files, with their sizes."""
        return {file.digest: file.size for file in self.files}


def of_file(*, size: int, digest: Digest) -> Manifest:
    """Return the manifest of a dataset that is one file."""
    return Manifest(shape=Shape.FILE, files=(FileEntry(path="", size=size, digest=digest),))


def of_folder(files: Iterable[FileEntry], empty_folders: Iterable[str] = ()) -> Manifest:
    """Return the manifest of a dataset that is a folder; raises InvalidManifest for paths that can't stand side by
    side.
    """
    files, empty_folders = tuple(files), tuple(empty_folders)
    _check_folder(files, empty_folders)
    return Manifest(
        shape=Shape.FOLDER,
        files=tuple(sorted(files, key=lambda file: file.path.encode())),
        empty_folders=tuple(sorted(empty_folders, key=str.encode)),
    )


def decode(data: bytes) -> Manifest:
    """Read a manifest; raises InvalidManifest for anything but the canonical bytes of one."""
    head, newline, rest = data.partition(b"\n")
    shape = {MAGIC + shape.encode(): shape for shape in Shape}.get(head) if newline else None
    if shape is None:
        raise InvalidManifest(f"expected a manifest that begins with {MAGIC.decode()!r}, found {data[:40]!r}")
    if rest and not rest.endswith(b"\0"):
        raise InvalidManifest("the manifest is cut off: its last entry doesn't end with a NUL byte")
    files: list[FileEntry] = []
    folders: list[str] = []
    for number, line in enumerate(rest.split(b"\0")[:-1]):
        if match := _FILE.fullmatch(line):
            size, digest, path = match.groups()
            entry = FileEntry(path=_text(path, number), size=int(size), digest=Digest(PREFIX + digest.decode()))
            files.append(entry)
        elif line.startswith(b"d "):
            folders.append(_text(line[2:], number))
        else:
            raise InvalidManifest(f"entry {number} of the manifest is neither a file nor a folder: {line[:80]!r}")
    manifest = Manifest(shape=shape, files=tuple(files), empty_folders=tuple(folders))
    match shape:
        case Shape.FOLDER:
            _check_folder(manifest.files, manifest.empty_folders)
        case Shape.FILE:
            if folders or len(files) != 1 or files[0].path:
                raise InvalidManifest("the manifest of a file must have one entry, and that without a path")
    if manifest.encoded != data:
        raise InvalidManifest("the manifest isn't canonical: its entries must be sorted by the bytes of their paths")
    return manifest


def glance(pieces: Iterable[bytes]) -> Iterator[Digest]:
    """Yield the content of each file that a manifest names, holding no more than a piece and an entry at a time.

    Of the canonical form only what matters for that is checked; InvalidManifest for the rest.
    """
    heads = {MAGIC + shape.encode() + b"\n" for shape in Shape}
    left, began = b"", False
    for piece in pieces:
        left += piece
        if not began:
            head = next((each for each in heads if left.startswith(each)), None)
            if head is None:
                if len(left) > _LONGEST_ENTRY:
                    break
                continue
            left, began = left[len(head) :], True
        *lines, left = left.split(b"\0")
        for line in lines:
            if match := _FILE.fullmatch(line):
                yield Digest(PREFIX + match[2].decode())
            elif not line.startswith(b"d "):
                raise InvalidManifest(f"an entry of the manifest is neither a file nor a folder: {line[:80]!r}")
        if len(left) > _LONGEST_ENTRY:
            break
    if left or not began:
        raise InvalidManifest("the manifest is cut off, or its last entry doesn't end with a NUL byte")


def check_path(path: str) -> None:
    """Raise InvalidManifest unless this is a relative path that stays below the folder it is joined to."""
    try:
        raw = path.encode()
    except UnicodeEncodeError as error:
        raise InvalidManifest(f"the path {path!r} can't be written in UTF-8") from error
    if len(raw) > MAX_PATH_BYTES:
        raise InvalidManifest(f"a path of {len(raw)} bytes is too long, the limit is {MAX_PATH_BYTES}: {path[:80]!r}…")
    for name in raw.split(b"/"):
        if name in {b"", b".", b".."} or b"\0" in name:
            raise InvalidManifest(
                f"the path {path!r} isn't relative and plain: no leading, doubled or last '/', no '.', '..' or NUL"
            )
        if len(name) > MAX_NAME_BYTES:
            raise InvalidManifest(
                f"a name of {len(name)} bytes is too long, the limit is {MAX_NAME_BYTES}: {path[:80]!r}…"
            )


def _check_folder(files: Iterable[FileEntry], empty_folders: Iterable[str]) -> None:
    paths = [file.path for file in files]
    paths.extend(empty_folders)
    for path in paths:
        check_path(path)
    taken = set(paths)
    if len(taken) != len(paths):
        raise InvalidManifest("a path occurs twice in the manifest")
    parents: set[str] = set()
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent and parent not in parents:
            parents.add(parent)
            parent = parent.rpartition("/")[0]
    if both := min(taken & parents, default=None):
        raise InvalidManifest(f"the path {both!r} is both an entry of the manifest and a folder around another one")


def _text(path: bytes, number: int) -> str:
    try:
        return path.decode()
    except UnicodeDecodeError as error:
        raise InvalidManifest(f"the path of entry {number} of the manifest isn't UTF-8: {path[:80]!r}") from error
