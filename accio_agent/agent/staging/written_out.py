"""Datasets of the store as files that operators read: written once, looked after, and removed when room is needed.

Operators are given copies, never the store's own files: one that writes to its input harms its copy, which is then
written anew. A dataset is in use from `take` until `free`; beyond the limit, those that haven't been in use for longest
go.
"""

import asyncio
import shutil
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Container
from dataclasses import field
from hashlib import blake2b
from pathlib import Path

from accio.content.datasets import materialise
from accio.content.digest import Digest, hex_of, parse_digest
from accio.content.errors import BlobMissing
from accio.content.store import FolderStore
from accio.content.tree import Snapshot, changed_since, scan
from accio.domain.named_content import content_of, name_in
from accio.late import dataclass

LIMIT = 4 << 30


@dataclass(slots=True)
class _Entry:
    around: Path  # what is removed and looked after: a named file is alone in a folder
    path: Path
    size: int = 0
    uses: int = 0
    snapshot: Snapshot | None = None  # None until it is written
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class WrittenOut:
    """The folder of written datasets. What an earlier agent left there goes at once."""

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self._folder = folder
        self._limit = limit
        self._entries: OrderedDict[str, _Entry] = OrderedDict()  # by text, with the name; used longest ago first
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)

    def __repr__(self) -> str:
        return f"<WrittenOut {len(self._entries)} datasets, {self.size} of {self._limit} bytes>"

    @property
    def size(self) -> int:
        """The bytes of all that is written."""
        return sum(entry.size for entry in self._entries.values())

    async def take(self, text: str, store: FolderStore, complete: Callable[[Digest], Awaitable[None]]) -> Path:
        """Write a dataset, under the name that its text gives it, unless it is there as it should be.

        *complete* brings into the store what it lacks. The dataset stays until `free` is called as often as this.
        Errors are those of *complete* and of the store.
        """
        digest = parse_digest(content_of(text) or text)
        entry = self._entries.setdefault(text, self._entry(digest, name_in(text)))
        self._entries.move_to_end(text)
        entry.uses += 1
        try:
            async with entry.lock:
                if entry.snapshot is None or await asyncio.to_thread(changed_since, entry.snapshot) is not None:
                    await self._write(digest, entry, store, complete)
        except BaseException:
            await self.free(text)
            raise
        await self._make_room()
        return entry.path

    def _entry(self, digest: Digest, name: str) -> _Entry:
        if not name:
            path = self._folder / hex_of(digest)
            return _Entry(around=path, path=path)
        around = self._folder / f"{hex_of(digest)}-{blake2b(name.encode(), digest_size=8).hexdigest()}"
        return _Entry(around=around, path=around / name)

    @property
    def digests(self) -> list[Digest]:
        """Name the datasets that are written."""
        return [parse_digest(content_of(text) or text) for text in self._entries]

    async def drop(self, digests: Container[Digest]) -> None:
        """Remove those of some datasets that aren't in use."""
        for text, entry in list(self._entries.items()):
            if entry.uses == 0 and parse_digest(content_of(text) or text) in digests:
                del self._entries[text]
                await asyncio.to_thread(_remove, entry.around)

    async def free(self, text: str) -> None:
        """Count one user less."""
        self._entries[text].uses -= 1
        await self._make_room()

    async def _write(
        self, digest: Digest, entry: _Entry, store: FolderStore, complete: Callable[[Digest], Awaitable[None]]
    ) -> None:
        entry.snapshot = None
        await asyncio.to_thread(_clear, entry)
        await complete(digest)
        while entry.snapshot is None:
            try:
                manifest = await asyncio.to_thread(materialise, store, digest, entry.path)
            except BlobMissing as error:
                if not error.quarantined:
                    raise
                await complete(digest)  # a damaged blob was taken out just now; there may be more of them
            else:
                entry.size = manifest.size
                entry.snapshot = await asyncio.to_thread(scan, entry.around)

    async def _make_room(self) -> None:
        excess = self.size - self._limit
        for text, entry in list(self._entries.items()):
            if excess <= 0:
                return
            if entry.uses == 0:
                del self._entries[text]
                excess -= entry.size
                await asyncio.to_thread(_remove, entry.around)


def _clear(entry: _Entry) -> None:
    """Remove what stands where a dataset is to be written, and what an operator may have left beside it."""
    _remove(entry.around)
    entry.path.parent.mkdir(parents=True, exist_ok=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
