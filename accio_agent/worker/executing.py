"""Executes one attempt in a worker process: the operator through the SDK, its datasets and large values into the
store.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from accio.content.datasets import StoredDataset, put_own_tree, put_tree
from accio.content.digest import hex_of, parse_digest
from accio.content.errors import StagingError, StoreFull
from accio.content.manifest import Shape
from accio.content.store import FolderStore
from accio.disk_space import FULL, is_full
from accio.domain.canonical import Value, canonical, decode
from accio.domain.containers import FrozenMap
from accio.domain.datatypes import DataType, Kind
from accio.domain.failures import Failure, clip
from accio.domain.jsontext import json_string
from accio.domain.named_content import named
from accio.domain.states import Cause
from accio.errors import AccioError
from accio.sdk.checkpoint import Keeper
from accio.sdk.declare import Declaration
from accio.sdk.execution import Failed, Finished, Request
from accio.sdk.run import Operator, Run, output_types, runner_of
from accio.sdk.sinks import ConsoleSinks, Sinks
from accio_agent import clock
from accio_agent.protocol.doubts import Doubt, stale
from accio_agent.protocol.page import WorkerPage
from accio_agent.worker.freshness import Freshness
from accio_agent.worker.job import Done, Job
from accio_agent.worker.keeping import AttemptKeeper
from accio_agent.worker.sinks import JobSinks

INLINE_LIMIT = 65_536
"""Outputs with longer canonical JSON (in bytes) are kept as blobs."""

_SILENT = ConsoleSinks()
"""For operators that have no way to use sinks."""


class _Entry(NamedTuple):
    """An operator, and what is the same for all its executions."""

    operator: Operator
    run: Run
    speaks: bool  # whether it can use the sinks, and keep checkpoints
    takes_values: bool  # whether all that it is given are the domain's values


class Executor:
    """Runs the operators of a catalogue."""

    def __init__(self, operators: Mapping[str, Operator], freshness: Freshness) -> None:
        self._entries = {name: _entry_of(operator) for name, operator in operators.items()}
        self._freshness = freshness
        self._stores: dict[str, FolderStore] = {}

    def prepare(self, store: str) -> bool:
        """See `loop.Runner`."""
        if store in self._stores:
            return False
        with suppress(AccioError, OSError):  # told to the first attempt that needs it
            self._store(store)
        return True

    def code_of(self, operator: str) -> Callable[..., Any] | None:
        """See `loop.Runner`."""
        entry = self._entries[operator]
        return entry.operator.target if entry.takes_values and isinstance(entry.operator, Declaration) else None

    def execute(self, job: Job, page: WorkerPage) -> Done:
        """See `loop.Runner`."""
        entry = self._entries[job.operator]
        try:
            inputs = self._with_large(job) if job.large else job.inputs_json
        except AccioError as error:
            return Done(failure=Failure(cause=Cause.STAGING, message=clip(error.message)))
        if changed := self._freshness.before(job.operator):
            return Done(failure=stale(job.operator, changed), doubts=[Doubt(changed, None)])
        finished = (
            self._run(entry, job, inputs, page) if entry.speaks else _run(entry.run, _request(job, inputs), _SILENT)
        )
        doubts = self._freshness.after(job.operator)
        done = self._ended(entry.operator, finished, job)
        if doubts:
            done.doubts, done.spent = doubts, f"it may have loaded another {doubts[0].path}"
        if finished.metrics:
            done.metrics_json = orjson.dumps(dict(finished.metrics)).decode()
        done.series = finished.series
        done.bytes_in = len(inputs)
        return done

    def _run(self, entry: _Entry, job: Job, inputs: str, page: WorkerPage) -> Finished | Failed:
        """Run an operator that may report something, or save it, before it ends."""
        keeper = AttemptKeeper(job.attempt, job.checkpoint, lambda: self._store(job.store), job.send)
        finished = _run(entry.run, _request(job, inputs, keeper), JobSinks(job, page))
        keeper.end()
        return finished

    def _ended(self, operator: Operator, finished: Finished | Failed, job: Job) -> Done:
        """Return the outputs, kept, or why there are none."""
        if isinstance(finished, Failed):
            full = finished.disk_full or (finished.failure.cause is Cause.EXIT_CODE and is_full(job.folder))
            failure = _for_want_of_space(finished.failure) if full else finished.failure
            return Done(failure=failure, disk_full=full)
        try:
            return self._kept(operator, finished, job)
        except StagingError as error:  # what the operator wrote can't be a dataset
            message = f"operator {job.operator}: {error.message.removeprefix('staging: ')}"
            return Done(failure=Failure(cause=Cause.BAD_OUTPUT, message=clip(message)))
        except (AccioError, OSError) as error:
            message = error.message if isinstance(error, AccioError) else str(error)
            full = isinstance(error, StoreFull) or (isinstance(error, OSError) and error.errno in FULL)
            return Done(failure=Failure(cause=Cause.STAGING, message=clip(message)), disk_full=full)

    def _kept(self, operator: Operator, finished: Finished, job: Job) -> Done:
        """Return the outputs, with datasets and large values in the store."""
        outputs = dict(finished.outputs)
        contents = self._keep_datasets(operator, outputs, finished.datasets, job) if finished.datasets else {}
        size = sum(contents.values()) if contents else 0
        large: list[tuple[str, str, int]] = []
        for name, text in list(outputs.items()):
            size += len(text)
            if len(text) > INLINE_LIMIT // 4 and len(encoded := text.encode()) > INLINE_LIMIT:
                stored_blob = self._store(job.store).put(encoded)
                large.append((name, stored_blob.digest, stored_blob.size))
                del outputs[name]
        return Done(outputs=outputs, contents=list(contents.items()), large=large, bytes_out=size)

    def _keep_datasets(
        self, operator: Operator, outputs: dict[str, str], datasets: Mapping[str, Path], job: Job
    ) -> dict[str, int]:
        """Put datasets into the store, and their digests in the place of their paths; the size of each."""
        contents: dict[str, int] = {}
        digests: dict[str, str] = {}
        for text, path in datasets.items():
            store = self._store(job.store)
            own = path.resolve().is_relative_to(job.folder.resolve())  # it may be an input that is passed on
            if own:
                stored = put_own_tree(store, path, within=job.folder)
            else:
                stored = put_tree(store, path, now_ns=clock.wall_ns())
            digests[text] = _text_of(stored, path)
            contents[stored.digest] = stored.manifest.size
        for name, datatype in output_types(operator).items():
            if datatype.contains(Kind.DATASET):
                value = decode(datatype, outputs[name])
                outputs[name] = canonical(datatype, _renamed(datatype, value, digests))
        return contents

    def _with_large(self, job: Job) -> str:
        """Return the inputs document with the values that are kept in the store."""
        store = self._store(job.store)
        members = [
            f"{json_string(port)}:{store.read(parse_digest(digest)).decode()}" for port, digest in job.large.items()
        ]
        inner = job.inputs_json.strip()[1:-1]
        return "{" + ",".join([inner, *members] if inner else members) + "}"

    def _store(self, folder: str) -> FolderStore:
        store = self._stores.get(folder)
        if store is None or not store.is_in_place():  # else it was moved away, and what is put there is lost
            store = self._stores[folder] = FolderStore(Path(folder))
        return store


def _entry_of(operator: Operator) -> _Entry:
    run = runner_of(operator)
    if not isinstance(operator, Declaration):
        return _Entry(operator, run, speaks=True, takes_values=False)
    hints = [*(port.hint for port in operator.inputs), *(port.hint for port in operator.outputs)]
    plain = not any(hint.type.contains(Kind.DATASET) or hint.makes_others for hint in hints)
    values = plain and not operator.takes_context and not operator.records  # making these runs code of their own
    return _Entry(operator, run, speaks=operator.takes_context, takes_values=values)


def _request(job: Job, inputs: str, keeper: Keeper | None = None) -> Request:
    datasets = {text: Path(path) for text, path in job.datasets.items()} if job.datasets else {}
    return Request(inputs, job.folder, datasets, job.seed, job.number, job.node, keeper)


def _run(run: Run, request: Request, sinks: Sinks) -> Finished | Failed:
    """Run an operator; a full disk may also keep us from writing what a program is to read."""
    try:
        return run(request, sinks)
    except OSError as error:
        if error.errno not in FULL:
            raise
        return Failed(failure=Failure(cause=Cause.STAGING, message=clip(str(error))), metrics={}, disk_full=True)


def _for_want_of_space(failure: Failure) -> Failure:
    """Say that the disk is to blame, not the operator; what it said of it is kept."""
    return replace(failure, cause=Cause.STAGING, message=clip(f"no space is left where it writes: {failure.message}"))


def _text_of(stored: StoredDataset, path: Path) -> str:
    """Return the text of a dataset at *path*: with its name, if it is a file that was given one."""
    if stored.manifest.shape is Shape.FOLDER or path.name == hex_of(stored.digest):
        return stored.digest
    return named(stored.digest, path.name)


def _renamed(datatype: DataType, value: Value, names: Mapping[str, str]) -> Value:
    """Return a value in which each dataset's text is replaced by another."""
    match datatype.kind:
        case Kind.DATASET:
            return names[str(value)]
        case Kind.LIST:
            return tuple(_renamed(datatype.args[0], each, names) for each in value)
        case Kind.SET:
            return frozenset(_renamed(datatype.args[0], each, names) for each in value)
        case Kind.MAP:
            keys, values = datatype.args
            return FrozenMap((_renamed(keys, key, names), _renamed(values, each, names)) for key, each in value.items())
        case _:
            return value
