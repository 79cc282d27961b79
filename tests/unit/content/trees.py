"""Makes trees of files for the tests of content. A tree is a dictionary: path → content, None for an empty folder."""

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from accio.content.digest import Digest
from accio.content.reading import digest_dataset

Tree = Mapping[str, bytes | None]
NOW_NS = 1_800_000_000 * 1_000_000_000
"""A moment after any that these tests' files can have: their signatures count as old."""


def make_tree(root: Path, tree: Tree) -> Path:
    """Make a folder with these files and empty folders."""
    root.mkdir(parents=True, exist_ok=True)
    for path, content in tree.items():
        place = root / path
        if content is None:
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
    return root


def read_tree(root: Path) -> dict[str, bytes | None]:
    """What a folder holds, in the same form."""
    return dict(_read(root, root))


def digest_of(path: Path) -> Digest:
    """The identity of the dataset at a path."""
    return digest_dataset(path, now_ns=NOW_NS).digest


def open_files() -> int:
    """How many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def wait_until_exists(path: Path, seconds: float = 90.0) -> None:
    """Return when another process has made *path*; it is looked for until then."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        os.sched_yield()


def _read(root: Path, folder: Path) -> Iterator[tuple[str, bytes | None]]:
    entries = sorted(folder.iterdir())
    if not entries and folder != root:
        yield str(folder.relative_to(root)), None
    for entry in entries:
        if entry.is_dir():
            yield from _read(root, entry)
        else:
            yield str(entry.relative_to(root)), entry.read_bytes()
