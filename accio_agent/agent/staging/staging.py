"""Brings the inputs of attempts to this machine, and their outputs to the daemon's store.

Where agent and daemon share the store's folder nothing travels: outputs are put straight into it. Otherwise the agent
keeps a store of its own as a cache, and fetches or sends what one of the two lacks, every blob verified on both sides.
A dataset that is named by its digest is written out once into the agent's folder and looked after: if an operator
changes it, it is written anew. A dataset at a path is used where it is, if its content is what the run pinned, before
and after. That tells of operators that write beside their input (an index, the side files of a database): from then on
they get folders written out.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import structlog

from accio.content.datasets import missing_blobs, put_snapshot, read_manifest
from accio.content.digest import Digest, parse_digest
from accio.content.errors import BlobMissing, StoreFull, StoreUnusable
from accio.content.manifest import Shape
from accio.content.reading import DigestedDataset, changed_since_read, holding_still
from accio.content.sharing import shares_folder
from accio.content.signatures import SqliteSignatureCache
from accio.content.store import FolderStore
from accio.content.tree import Snapshot, only_grew
from accio.disk_space import FULL
from accio.domain.datatypes import Kind
from accio.domain.keys import datasets_of
from accio.domain.named_content import content_of, named
from accio.domain.operators import OperatorSpec
from accio.errors import AccioError, FailedPrecondition, NotFound, ResourceExhausted
from accio.late import dataclass
from accio.v1 import agents_pb2
from accio_agent import clock
from accio_agent.agent.link.transfer import Transfer
from accio_agent.agent.staging import cache
from accio_agent.agent.staging.brought import Inputs, dataset_texts
from accio_agent.agent.staging.path_digests import NotStagedError, PathDigests
from accio_agent.agent.staging.remote_files import name_of
from accio_agent.agent.staging.written_out import WrittenOut

log = structlog.get_logger("accio.agent")

T = TypeVar("T")

THREADS = 4
TOUCHES = 3
"""How often an operator is executed again as a file that is its input was touched while it was read."""
_WHO_WRITES = (
    "run again when nothing writes to it. If the operator changes it, have it ask for a copy of its own: "
    'Annotated[Dataset, WritableCopy()], for a program "writable_copy": true'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """Where the inputs of an attempt are."""

    operator: str
    datasets: dict[str, str]  # text to path
    large: dict[str, str]  # port to digest; the store has it
    taken: tuple[str, ...] = ()  # texts of datasets that were written out
    watched: tuple[tuple[str, DigestedDataset], ...] = ()  # texts and what stood at their paths: must not change


@dataclass(frozen=True, slots=True, kw_only=True)
class NotStaged:
    """Why the inputs of an attempt can't be had."""

    reason: str
    missing: tuple[str, ...] = ()  # digests of inputs that the store doesn't have (any more)
    absent: tuple[str, ...] = ()  # texts of external inputs that can be had neither here as pinned, nor from the store
    disk_full: bool = False  # whether space was wanting here


class Staging:
    """Inputs in, outputs out."""

    def __init__(self, folder: Path, transfer: Transfer, store: Path | None = None) -> None:
        """Stage in *folder*; *store* is where the daemon's store is seen here, if elsewhere than the daemon sees it."""
        self._folder = folder
        self._seen_at = store
        self._transfer = transfer
        self._cache = FolderStore(folder / "store")
        self._store = self._cache
        self._shared = False
        self._signatures = SqliteSignatureCache(folder / "signatures.db")
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="staging")
        self._attempts: dict[int, Staged] = {}
        self._written = WrittenOut(folder / "datasets")
        self._writers: set[str] = set()  # operators that write beside what they read
        self._touched = Counter[tuple[str, str]]()  # how often inputs were that hold the same, by operator and text
        self._trim_at = 0.0
        self._sending: list[dict[Digest, None]] = []
        self._dropping = asyncio.Lock()
        self.paths = PathDigests(folder, self._signatures, self._in_thread)

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._signatures.close()
        if self._store is not self._cache:
            self._store.close()
        self._cache.close()

    def use_store(self, folder: str, nonce: str) -> None:
        """Share the daemon's store if its folder is visible here: a session opened."""
        path = self._seen_at or Path(folder)
        shared = bool(folder) and shares_folder(path, nonce)
        if shared and not (self._shared and self._store.folder == path and self._store.is_in_place()):
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
        """Return what a worker must be told about the inputs of an attempt."""
        staged = self._attempts.get(attempt)
        return None if staged is None else {"datasets": staged.datasets, "large": staged.large}

    def holds(self, attempt: int) -> bool:
        """Return whether inputs were brought here for the attempt: then `changed` must be asked once it has been
        executed.
        """
        return attempt in self._attempts

    @property
    def holds_any(self) -> bool:
        """Whether `holds` is true of some attempt: of most agents it never is."""
        return bool(self._attempts)

    # --- inputs ------------------------------------------------------------------------------------------------------

    async def fetch(self, attempt: int, spec: OperatorSpec, task: agents_pb2.Assignment) -> Staged | NotStaged:
        """Bring the inputs of an attempt here; why it can't be done."""
        inputs = Inputs(copied=spec.name in self._writers)
        try:
            await self._fetch(inputs, spec, task)
        except AccioError as error:
            inputs.problem = inputs.problem or error.message
            inputs.disk_full = isinstance(error, StoreFull)
        except OSError as error:
            inputs.problem = f"the inputs can't be fetched: {error.strerror or error}"
            inputs.disk_full = error.errno in FULL
        if inputs.problem:
            for text in inputs.taken:
                await self._written.free(text)
            return NotStaged(
                reason=inputs.problem,
                missing=tuple(inputs.missing),
                absent=tuple(inputs.absent),
                disk_full=inputs.disk_full,
            )
        staged = self._attempts[attempt] = Staged(
            operator=spec.name,
            datasets=inputs.datasets,
            large=inputs.large,
            taken=tuple(inputs.taken),
            watched=tuple(inputs.watched),
        )
        return staged

    async def _fetch(self, inputs: Inputs, spec: OperatorSpec, task: agents_pb2.Assignment) -> None:
        """Bring everything that can be had; what the store lacks is noted, other problems are raised."""
        pinned = {each.text: named(each.digest, each.name or name_of(each.text)) for each in task.contents}
        texts = dict.fromkeys(dataset_texts(spec, task.inputs_json))
        for each in task.large_inputs:
            digest = parse_digest(each.digest)
            try:
                await self._bring_blob(digest)
                inputs.large[each.port] = each.digest
            except NotFound as error:
                inputs.lacks(each.digest, error)
                continue
            port = spec.input(each.port)
            if port is not None and port.type.contains(Kind.DATASET):
                text = (await self._in_thread(self._store.read, digest)).decode()
                texts |= dict.fromkeys(datasets_of(port.type, text))
        for text in texts:
            try:
                inputs.datasets[text] = str(await self._locate(text, pinned.get(text), inputs))
            except NotFound as error:
                inputs.lacks(content_of(text) or text, error)
        if task.HasField("checkpoint"):
            await self._bring_checkpoint(parse_digest(task.checkpoint.digest))

    async def forget(self, attempt: int) -> None:
        """Release what was brought here for an attempt that has ended, however."""
        staged = self._attempts.pop(attempt, None)
        for text in staged.taken if staged else ():
            await self._written.free(text)

    async def changed(self, attempt: int) -> str:
        """Return what changed under an attempt while it was executed, or an empty text."""
        for text, found in self._attempts[attempt].watched if attempt in self._attempts else ():
            what = await self._in_thread(changed_since_read, found)
            if what is not None:
                return f"the dataset {text} changed while it was used: {what}; {_WHO_WRITES}"
        return ""

    async def can_repeat(self, attempt: int) -> bool:
        """Return whether an attempt under which inputs changed can be made again: if they hold what they held.

        If it may be the operator that adds something or touches files, it gets folders written out of the store from
        now on, which has their content as it was; of files that are touched each time it isn't believed.
        """
        operator = self._attempts[attempt].operator
        for text, found in self._attempts[attempt].watched:
            if await self._in_thread(changed_since_read, found) is None:
                continue
            now = await self._in_thread(holding_still, found)
            if now is None:
                return False
            if not await self._in_thread(only_grew, found.snapshot):
                self._touched[operator, text] += 1
                if self._touched[operator, text] <= (1 if now.shape is Shape.FOLDER else TOUCHES):
                    log.info("an input was touched, and is read again", operator=operator, input=text)
                    continue
            if now.shape is Shape.FILE or not await self._stored(now):
                return False
            if operator not in self._writers:
                self._writers.add(operator)
                log.info("operator writes to its input, and gets copies of folders", operator=operator, input=text)
        return True

    async def _stored(self, snapshot: Snapshot) -> bool:
        """Store what stood at a path; return whether that worked."""
        try:
            await self._in_thread(
                lambda: put_snapshot(self._store, snapshot, now_ns=clock.wall_ns(), cache=self._signatures)
            )
        except AccioError:  # no space, or a file has changed just now
            return False
        return True

    async def _locate(self, text: str, pinned: str | None, inputs: Inputs) -> Path:
        """Return the path of a dataset; *inputs* learns what was written out, or must not change."""
        if content_of(text) is not None:
            return await self._write_out(text, inputs)
        if pinned is None:
            return Path(text)
        try:
            path, found = await self.paths.at(text)
            if found.digest == content_of(pinned):
                if inputs.copied and found.snapshot.shape is Shape.FOLDER and await self._stored(found.snapshot):
                    return await self._write_out(pinned, inputs)
                inputs.watched.append((text, found))
                return path
            problem = f"the dataset {text} changed since the run began"
        except AccioError as error:
            problem = error.message.removeprefix("staging: ")
        except OSError as error:
            problem = f"can't read {text}: {error.strerror or error}"
        try:
            return await self._write_out(pinned, inputs)  # the store may have what the run pinned
        except NotFound:
            inputs.absent.append(text)
            raise NotStagedError(f"{problem}; it isn't in the store either") from None

    async def _write_out(self, text: str, inputs: Inputs) -> Path:
        path = await self._written.take(text, self._store, self._complete)
        inputs.taken.append(text)
        return path

    async def _bring_checkpoint(self, digest: Digest) -> None:
        """Bring what an earlier attempt saved; if it is lost, the worker says so and the node begins anew."""
        try:
            await self._complete(digest)
        except (NotFound, FailedPrecondition) as error:
            log.warning("what an earlier attempt saved can't be had", digest=digest, reason=error.message)

    async def _complete(self, digest: Digest) -> None:
        """Make sure that the store has a dataset; raises BlobMissing if the daemon hasn't either."""
        missing = await self._in_thread(missing_blobs, self._store, digest)
        if missing and self._shared:
            await self._find_again()
            missing = await self._in_thread(missing_blobs, self._store, digest)
            if missing:
                raise BlobMissing(digest, f"the store lacks {missing[0]}, which is a part of the dataset {digest}")
        while missing:
            await self._transfer.fetch(missing, self._store)
            await self._trim()
            if list(missing) != [digest]:
                return
            missing = await self._in_thread(missing_blobs, self._store, digest)  # the manifest came, now its files

    async def _bring_blob(self, digest: Digest) -> None:
        """Make sure that the store has a blob, and that it is whole."""
        if self._shared and not self._store.has([digest]):
            await self._find_again()
        if self._store.has([digest], use=True):
            try:
                await self._in_thread(self._store.verify, digest)
                return
            except BlobMissing:  # damaged: it was taken out of the store just now
                if self._shared:
                    raise
        if self._shared:
            raise BlobMissing(digest, f"the store lacks the value {digest}")
        await self._transfer.fetch([digest], self._store)

    async def _find_again(self) -> None:
        """Go on in the daemon's store as it stands at its place now, if it was mounted anew or put back from a copy."""
        with suppress(StoreUnusable):  # then what is missing is missing
            await self._in_thread(self._store.require_in_place)

    # --- outputs -----------------------------------------------------------------------------------------------------

    async def deliver(self, datasets: Sequence[str], blobs: Sequence[str]) -> NotStaged | None:
        """Make sure that the daemon's store has new content; why it can't be done, or None."""
        if self._shared:
            return None
        try:
            wanted: dict[Digest, None] = dict.fromkeys(map(parse_digest, blobs))
            for dataset in map(parse_digest, datasets):
                manifest = await self._in_thread(read_manifest, self._cache, dataset)
                wanted |= dict.fromkeys(manifest.blobs)
                wanted[dataset] = None  # last: whoever finds a manifest finds all that it names
            self._sending.append(wanted)
            try:
                await self._transfer.send(list(wanted), self._cache)
            finally:
                self._sending.remove(wanted)
            await self._trim()
        except AccioError as error:
            return NotStaged(reason=error.message, disk_full=isinstance(error, ResourceExhausted))
        return None

    # --- the cache ---------------------------------------------------------------------------------------------------

    async def drop_freed(self, *, idle: bool) -> None:
        """Free what this agent keeps of content that the daemon hasn't any more: blobs, and datasets written out.

        What is being sent stays, and unless the agent is *idle* what was used so recently that it may be the output of
        an attempt that goes on.
        """
        if self._dropping.locked():
            return  # it waits for the daemon, and will ask of everything
        async with self._dropping:
            await self._drop_freed(used_before_ns=clock.wall_ns() - (0 if idle else cache.SPARED_S * 1_000_000_000))

    async def _drop_freed(self, *, used_before_ns: int) -> None:
        try:
            blobs = await self._in_thread(lambda: list(self._cache.list()))
            lacking = await self._transfer.lacking([*(blob.digest for blob in blobs), *self._written.digests])
        except AccioError:  # refused, as by a daemon that is ending; it is asked again in the next session
            return
        await self._written.drop(lacking)
        sending = {digest for wanted in self._sending for digest in wanted}
        freed = [blob for blob in blobs if blob.digest in lacking]
        size = await self._in_thread(lambda: cache.drop(self._cache, freed, but=sending, used_before_ns=used_before_ns))
        if size:
            log.info("freed what the daemon has freed", bytes=size)

    async def _trim(self) -> None:
        """Delete from the cache, now and then, what it has too much of."""
        now = asyncio.get_running_loop().time()
        if now >= self._trim_at:
            self._trim_at = now + cache.TRIM_EVERY_S
            await self._in_thread(lambda: cache.trim(self._cache, now_ns=clock.wall_ns()))

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
