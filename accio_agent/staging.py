"""Brings the inputs of attempts to this machine, and their outputs to the daemon's store.

Where agent and daemon share the store's folder nothing travels: outputs are put straight into it. Otherwise the agent
keeps a store of its own as a cache, and fetches or sends what one of the two lacks, every blob verified on both sides.
A dataset that is named by its digest is written out once into the agent's folder and looked after: if an operator
changes it, it is written anew. A dataset at a path is used where it is, if its content is what the run pinned, before
and after.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from accio.content.datasets import materialise, missing_blobs, read_manifest
from accio.content.digest import Digest, hex_of, is_digest, parse_digest
from accio.content.errors import BlobMissing
from accio.content.reading import DigestedDataset, digest_dataset
from accio.content.sharing import shares_folder
from accio.content.signatures import SqliteSignatureCache
from accio.content.store import FolderStore
from accio.content.tree import Snapshot, changed_since, scan
from accio.domain.canonical import decode
from accio.domain.datatypes import DataType, Kind
from accio.domain.operators import OperatorSpec
from accio.errors import AccioError, NotFound
from accio.v1 import agents_pb2
from accio_agent import clock
from accio_agent.remote_files import is_remote, local_copy
from accio_agent.transfer import Transfer

T = TypeVar("T")

THREADS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """Where the inputs of an attempt are."""

    datasets: dict[str, str]  # text to path
    large: dict[str, str]  # port to file
    watched: tuple[tuple[str, Snapshot], ...] = ()  # texts and what stood at their paths: must not change meanwhile


@dataclass(frozen=True, slots=True, kw_only=True)
class NotStaged:
    """Why the inputs of an attempt can't be had."""

    reason: str
    missing: tuple[str, ...] = ()  # digests of inputs that the store doesn't have (any more)


@dataclass(slots=True)
class _Written:
    """A dataset that was written out into the agent's folder."""

    path: Path
    snapshot: Snapshot | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Staging:
    """Inputs in, outputs out."""

    def __init__(self, folder: Path, transfer: Transfer) -> None:
        self._folder = folder
        self._transfer = transfer
        self._cache = FolderStore(folder / "store")
        self._store = self._cache
        self._shared = False
        self._signatures = SqliteSignatureCache(folder / "signatures.db")
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="staging")
        self._attempts: dict[int, Staged] = {}
        self._written: dict[Digest, _Written] = {}
        (folder / "datasets").mkdir(exist_ok=True)

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._signatures.close()
        if self._store is not self._cache:
            self._store.close()
        self._cache.close()

    def use_store(self, folder: str, nonce: str) -> None:
        """A session opened: share the daemon's store if its folder is visible here."""
        path = Path(folder)
        shared = bool(folder) and shares_folder(path, nonce)
        if shared and not (self._shared and self._store.folder == path):
            try:
                self._store = FolderStore(path)
            except AccioError:
                shared = False  # visible, but not writable
        if not shared:
            self._store = self._cache
        self._shared = shared

    @property
    def shared(self) -> bool:
        """Whether the agent uses the daemon's own folder."""
        return self._shared

    @property
    def store_for_outputs(self) -> str:
        """The folder of the store that workers put outputs into."""
        return str(self._store.folder)

    def told(self, attempt: int) -> dict[str, dict[str, str]] | None:
        """What a worker must be told about the inputs of an attempt."""
        staged = self._attempts.get(attempt)
        return None if staged is None else {"datasets": staged.datasets, "large": staged.large}

    def holds(self, attempt: int) -> bool:
        """Whether `release` must be called when the attempt has been executed."""
        return attempt in self._attempts

    # --- inputs ------------------------------------------------------------------------------------------------------

    async def fetch(self, attempt: int, spec: OperatorSpec, task: agents_pb2.Assignment) -> Staged | NotStaged:
        """Bring the inputs of an attempt here; why it can't be done."""
        missing: list[str] = []
        problem = ""
        try:
            pinned = {each.text: each.digest for each in task.contents}
            datasets: dict[str, str] = {}
            watched: list[tuple[str, Snapshot]] = []
            for text in _dataset_texts(spec, task.inputs_json):
                try:
                    path, snapshot = await self._locate(text, pinned.get(text))
                except NotFound as error:
                    problem = error.message
                    missing.append(text)
                    continue
                datasets[text] = str(path)
                if snapshot is not None:
                    watched.append((text, snapshot))
            large: dict[str, str] = {}
            for each in task.large_inputs:
                try:
                    large[each.port] = str(await self._large(parse_digest(each.digest)))
                except NotFound as error:
                    problem = error.message
                    missing.append(each.digest)
        except AccioError as error:
            return NotStaged(reason=error.message)
        except OSError as error:
            return NotStaged(reason=f"the inputs can't be fetched: {error.strerror or error}")
        if missing:
            return NotStaged(reason=problem, missing=tuple(missing))
        staged = self._attempts[attempt] = Staged(datasets=datasets, large=large, watched=tuple(watched))
        return staged

    def forget(self, attempt: int) -> None:
        """The attempt has ended, however."""
        self._attempts.pop(attempt, None)

    async def release(self, attempt: int) -> str:
        """The attempt has been executed: what changed under it meanwhile, or an empty text."""
        staged = self._attempts.pop(attempt, None)
        for text, snapshot in staged.watched if staged else ():
            what = await self._in_thread(changed_since, snapshot)
            if what is not None:
                return f"the dataset {text} changed while it was used: {what}; run again when nothing writes to it"
        return ""

    async def _locate(self, text: str, pinned: str | None) -> tuple[Path, Snapshot | None]:
        """The path of a dataset, and what must not change there."""
        if is_digest(text):
            return await self._write_out(Digest(text)), None
        if pinned is None:
            return Path(text), None
        path = await self._in_thread(local_copy, text, self._folder) if is_remote(text) else Path(text)
        wanted = parse_digest(pinned)
        try:
            found = await self._digested(path)
            if found.digest == wanted:
                return path, found.snapshot
            problem = f"the dataset {text} changed since the run began"
        except AccioError as error:
            problem = error.message.removeprefix("staging: ")
        try:
            return await self._write_out(wanted), None  # the store may have what the run pinned
        except NotFound:
            raise _NotStagedError(f"{problem}; it isn't in the store either") from None

    async def _write_out(self, digest: Digest) -> Path:
        """The path of a dataset of the store, complete and as it should be."""
        written = self._written.setdefault(digest, _Written(self._folder / "datasets" / hex_of(digest)))
        async with written.lock:
            if written.snapshot is not None and await self._in_thread(changed_since, written.snapshot) is None:
                return written.path
            await self._in_thread(_remove, written.path)
            await self._complete(digest)
            try:
                await self._in_thread(materialise, self._store, digest, written.path)
            except BlobMissing:  # damaged: taken out of the store just now
                if self._shared:
                    raise
                await self._complete(digest)
                await self._in_thread(materialise, self._store, digest, written.path)
            written.snapshot = await self._in_thread(scan, written.path)
            return written.path

    async def _complete(self, digest: Digest) -> None:
        """Make sure that the store has a dataset; raises BlobMissing if the daemon hasn't either."""
        missing = await self._in_thread(missing_blobs, self._store, digest)
        while missing:
            if self._shared:
                raise BlobMissing(digest, f"the store lacks {missing[0]}, which is a part of the dataset {digest}")
            await self._transfer.fetch(missing, self._store)
            if list(missing) != [digest]:
                return
            missing = await self._in_thread(missing_blobs, self._store, digest)  # the manifest came, now its files

    async def _large(self, digest: Digest) -> Path:
        """The file that holds a large value."""
        if not self._store.has([digest], use=True):
            if self._shared:
                raise BlobMissing(digest, f"the store lacks the value {digest}")
            await self._transfer.fetch([digest], self._store)
        try:
            return await self._in_thread(_blob_file, self._store, digest, self._folder / "datasets")
        except BlobMissing:  # damaged: taken out of the store just now
            if self._shared:
                raise
            await self._transfer.fetch([digest], self._store)
            return await self._in_thread(_blob_file, self._store, digest, self._folder / "datasets")

    async def digest_paths(self, paths: Iterable[str]) -> list[agents_pb2.PathDigest]:
        """The content digests of paths, and why some can't be known."""
        answers = []
        for text in paths:
            try:
                path = await self._in_thread(local_copy, text, self._folder) if is_remote(text) else Path(text)
                found = await self._digested(path)
                answers.append(agents_pb2.PathDigest(path=text, digest=found.digest, bytes=found.manifest.size))
            except AccioError as error:
                answers.append(agents_pb2.PathDigest(path=text, error=error.message.removeprefix("staging: ")))
            except OSError as error:
                answers.append(agents_pb2.PathDigest(path=text, error=f"can't read {text}: {error.strerror or error}"))
        return answers

    async def _digested(self, path: Path) -> DigestedDataset:
        if not path.is_absolute():
            raise _NotStagedError(f"expected an absolute path of a dataset, found {path}")
        return await self._in_thread(lambda: digest_dataset(path, now_ns=clock.wall_ns(), cache=self._signatures))

    # --- outputs -----------------------------------------------------------------------------------------------------

    async def deliver(self, datasets: Sequence[str], blobs: Sequence[str]) -> str:
        """Make sure that the daemon's store has new content; why it can't be done, or an empty text."""
        if self._shared:
            return ""
        try:
            wanted: dict[Digest, None] = dict.fromkeys(map(parse_digest, blobs))
            for dataset in map(parse_digest, datasets):
                manifest = await self._in_thread(read_manifest, self._cache, dataset)
                wanted |= dict.fromkeys(manifest.blobs)
                wanted[dataset] = None  # last: whoever finds a manifest finds all that it names
            await self._transfer.send(list(wanted), self._cache)
        except AccioError as error:
            return error.message
        return ""

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


class _NotStagedError(AccioError):
    """An input can't be had."""


def _dataset_texts(spec: OperatorSpec, inputs_json: str) -> list[str]:
    """The texts of the datasets in an inputs document."""
    import orjson

    document = orjson.loads(inputs_json)
    found: dict[str, None] = {}
    for port in spec.inputs:
        if port.type.contains(Kind.DATASET) and port.name in document:
            value = decode(port.type, orjson.dumps(document[port.name]).decode())
            found |= dict.fromkeys(_datasets_in(port.type, value))
    return list(found)


def _datasets_in(datatype: DataType, value: Any) -> Iterable[str]:
    match datatype.kind:
        case Kind.DATASET:
            yield str(value)
        case Kind.LIST | Kind.SET:
            for each in value:
                yield from _datasets_in(datatype.args[0], each)
        case Kind.MAP:
            for key, each in value.items():
                yield from _datasets_in(datatype.args[0], key)
                yield from _datasets_in(datatype.args[1], each)
        case _:
            return


def _blob_file(store: FolderStore, digest: Digest, folder: Path) -> Path:
    """A file with the content of a blob, verified."""
    path = folder / f"{hex_of(digest)}.json"
    content = store.read(digest)
    if not path.exists() or path.stat().st_size != len(content):
        draft = path.with_suffix(f".{id(content):x}")
        draft.write_bytes(content)
        draft.replace(path)
    return path


def _remove(path: Path) -> None:
    import shutil

    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
