"""Gathers what the children of a sweep gave for the nodes of the sweep itself: as a list, or as a folder of files.

Values are read by pages and written on as they come, so that memory doesn't grow with the sweep; a list that becomes
long goes into the store while it is made. Equal values give equal bytes, which is what keys are made of.
"""

import asyncio
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType

import orjson
import structlog

from accio.content.blobs import BlobStore, BlobWriter
from accio.content.datasets import read_manifest
from accio.content.digest import parse_digest
from accio.content.errors import StoreAway
from accio.content.manifest import FileEntry, Shape, of_folder
from accio.domain.datatypes import DataType, Kind
from accio.domain.jsontext import json_string
from accio.domain.keys import FRAGMENT_LIMIT
from accio.domain.named_content import content_of, name_in
from accio.domain.sweeps import Sweep
from accio.domain.values import cast, display
from accio.errors import AccioError, NotFound
from accio.late import dataclass
from accio_daemon.core.commands import ValuesGathered
from accio_daemon.core.effects import GatherRequest
from accio_daemon.core.terms import Gather, Gathered
from accio_daemon.engine.ports import EnginePort
from accio_daemon.services.calls.artifacts import in_thread
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.rows.gathered import Value, read_values
from accio_daemon.storage.runs import runs_query
from accio_daemon.storage.runs.plans import Plans

log = structlog.get_logger(__name__)

INDEX = "manifest.csv"
"""The file of a gathered folder that says which child each of the others is of."""

_PAGE = 1_000
_PAUSE_S = 5.0
_UNNAMED = "data"
_FIXED = ("index", "repeat", "path")


class Gatherer:
    """Receives requests of the engine, and carries them out one after the other."""

    def __init__(
        self,
        *,
        readers: Readers,
        store: BlobStore,
        plans: Plans,
        crash_point: Callable[[str], None] = lambda name: None,
        pause_s: float = _PAUSE_S,
    ) -> None:
        """Read values with *readers*; blobs and files are in *store*, which is tried again after *pause_s* while it is
        away.
        """
        self._readers = readers
        self._store = store
        self._plans = plans
        self._crash_point = crash_point
        self._pause_s = pause_s
        self._requests: asyncio.Queue[GatherRequest] = asyncio.Queue()

    def ask(self, request: GatherRequest) -> None:
        """Note a request; its answer is posted to the engine."""
        self._requests.put_nowait(request)

    async def run(self, engine: EnginePort) -> None:
        """Carry requests out until cancelled."""
        while True:
            request = await self._requests.get()
            value, problem = await self._outcome(request)
            self._crash_point("after_gathering")
            engine.post(ValuesGathered(request=request.number, value=value, problem=problem))

    async def _outcome(self, request: GatherRequest) -> tuple[Gathered | None, str]:
        """Return what was gathered, or why that can't be."""
        while True:
            try:
                return await self._gathered(request), ""
            except StoreAway as error:
                log.warning("what children gave waits for the store", run=request.run, error=error.message)
                await asyncio.sleep(self._pause_s)
            except AccioError as error:
                log.warning("not gathered", run=request.run, error=error.message)
                return None, f"what the children gave can't be gathered: {error.message}"

    async def _gathered(self, request: GatherRequest) -> Gathered:
        sweep, source = await self._readers.read(lambda snapshot: self._sweep(snapshot, request))
        folder = request.gather.type.kind is Kind.DATASET
        made = GatheredFolder(self._store, sweep) if folder else GatheredList(self._store, source, request.gather)
        with made:
            after = -1
            while True:
                last = after
                page = await self._readers.read_long(
                    lambda snapshot: read_values(snapshot, request.run, request.gather, last, _PAGE)  # noqa: B023  # it is awaited in this turn
                )
                await in_thread(lambda: made.add(page))  # noqa: B023  # as above
                self._crash_point("while_gathering")
                if len(page) < _PAGE:
                    return await in_thread(made.end)
                after = page[-1].child

    def _sweep(self, snapshot: Snapshot, request: GatherRequest) -> tuple[Sweep, DataType]:
        """Return the run's sweep, and the type of the output that is gathered."""
        run = runs_query.get_run(snapshot, request.run)
        if run is None:
            raise NotFound("the run was deleted meanwhile")
        output = self._plans.operators(snapshot, run)[request.gather.node].spec.output(request.gather.port)
        assert output is not None, "validation found it"
        return run.sweep, output.type


class GatheredList:
    """The list of the values, in canonical form; once it is long, in a blob that is being written."""

    def __init__(self, store: BlobStore, source: DataType, gather: Gather) -> None:
        """Begin a list of values of type *source*."""
        self._store = store
        self._types = (source, gather.type.args[0])
        self._text = bytearray(b"[")
        self._writer: BlobWriter | None = None
        self._count = 0

    def __enter__(self) -> "GatheredList":
        """Enter; the list itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Discard what wasn't ended."""
        if self._writer is not None:
            self._writer.discard()

    def add(self, values: Sequence[Value]) -> None:
        """Append what the next children gave; BlobMissing if the store lacks a long value."""
        source, target = self._types
        for value in values:
            text = self._store.read(parse_digest(value.blob)).decode() if value.blob else value.text
            if self._count:
                self._text += b","
            self._text += (text if source is target else cast(source, target, text)).encode()
            self._count += 1
            if len(self._text) > FRAGMENT_LIMIT:
                self._write_out()

    def _write_out(self) -> None:
        if self._writer is None:
            self._writer = self._store.writer()
        self._writer.write(bytes(self._text))
        self._text.clear()

    def end(self) -> Gathered:
        """Return the whole."""
        self._text += b"]"
        if self._writer is None and len(self._text) <= FRAGMENT_LIMIT:
            return Gathered(text=self._text.decode(), count=self._count)
        self._write_out()
        assert self._writer is not None, "it was begun by now"
        stored = self._writer.commit()
        return Gathered(blob=(stored.digest, stored.size), count=self._count)


@dataclass(slots=True)
class _Member:
    """One child's dataset inside the folder."""

    path: str
    child: int


class GatheredFolder:
    """A folder with one of its own for each child, and a table that says which is which."""

    def __init__(self, store: BlobStore, sweep: Sweep) -> None:
        """Begin with an empty folder."""
        self._store = store
        self._sweep = sweep
        self._width = len(str(sweep.size - 1))
        self._files: list[FileEntry] = []
        self._empty: list[str] = []
        self._members: list[_Member] = []

    def __enter__(self) -> "GatheredFolder":
        """Enter; the folder itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Leave nothing behind: what was stored and isn't named goes with the next collection."""

    def add(self, values: Sequence[Value]) -> None:
        """Add the datasets of the next children; BlobMissing, NotFound if the store lacks one."""
        for value in values:
            name: str = orjson.loads(value.text)
            content = content_of(name)
            if content is None:
                raise NotFound(f"child {value.child} gave {name!r}, which isn't kept in the store")
            place = f"{value.child:0{self._width}d}"
            manifest = read_manifest(self._store, parse_digest(content))
            if manifest.shape is Shape.FILE:
                place = f"{place}/{name_in(name) or _UNNAMED}"
                files = [(place, manifest.files[0])]
            else:
                files = [(f"{place}/{file.path}", file) for file in manifest.files]
                self._empty += [f"{place}/{folder}" for folder in manifest.empty_folders]
                if not files and not manifest.empty_folders:
                    self._empty.append(place)
            self._files += [FileEntry(path=path, size=file.size, digest=file.digest) for path, file in files]
            self._members.append(_Member(path=place, child=value.child))

    def end(self) -> Gathered:
        """Store the folder, and return its text."""
        table = io.StringIO(newline="")
        csv.writer(table, lineterminator="\r\n").writerows(self._rows())
        index = self._store.put(table.getvalue().encode())
        self._files.append(FileEntry(path=INDEX, size=index.size, digest=index.digest))
        manifest = of_folder(self._files, self._empty)
        digest = self._store.put(manifest.encoded, manifest.digest).digest
        return Gathered(text=json_string(digest), count=len(self._members))

    def _rows(self) -> Iterator[list[str]]:
        axes = self._sweep.varying
        columns = [f"param.{axis.name}" if axis.name in _FIXED else axis.name for axis in axes]
        yield ["index", *columns, "repeat", "path"]
        for member in self._members:
            values = self._sweep.child(member.child)
            shown = [display(axis.type, values[axis.name]) for axis in axes]
            texts = [
                "" if each is None else each if isinstance(each, str) else orjson.dumps(each).decode() for each in shown
            ]
            yield [str(member.child), *texts, str(self._sweep.coordinates(member.child)[1]), member.path]
