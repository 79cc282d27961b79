"""Whether what an agent reports can be a result: judged at the door, before the engine hears of it.

An agent may be broken, or somebody else's. A success whose outputs aren't those of its operator, or whose content the
store doesn't hold, becomes a failure of that attempt here, so that nothing of it is stored or remembered. What was
kept as a blob is looked for, not read: whoever takes it as an input reads it, and finds out what it is.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson

from accio.content.blobs import BlobStore
from accio.content.datasets import missing_blobs
from accio.content.digest import Digest
from accio.content.errors import BlobMissing, InvalidManifest
from accio.domain.canonical import decoder
from accio.domain.datatypes import DataType, Kind
from accio.domain.failures import Failure, clip
from accio.domain.keys import datasets_of
from accio.domain.named_content import content_of
from accio.domain.operators import OperatorSpec
from accio.domain.problems import ValueProblem
from accio.domain.states import Cause
from accio_daemon.core.commands import Report
from accio_daemon.core.terms import AttemptNo

_KEPT = 1_000
_THREADS = 4
_NAMED = 3
# Documents of lists whose elements' Python type says all: a look at the set of types is fifty times as fast as one at
# each element.
_ELEMENTS: dict[Kind, set[type]] = {Kind.DOUBLE: {float}, Kind.STRING: {str}, Kind.BOOLEAN: {bool}}

Pinned = tuple[int, OperatorSpec]
PinnedBy = Callable[[AttemptNo], Pinned | None]
"""Returns number and specification of the operator that an attempt executes; None for one that doesn't go on."""


class ResultChecks:
    """State: what has been made ready per operator version."""

    def __init__(self, pinned: PinnedBy, store: BlobStore) -> None:
        """Judge by the operator that *pinned* finds for an attempt, and by what *store* holds."""
        self._pinned = pinned
        self._store = store
        self._ports: dict[int, Ports] = {}
        # Of their own: a store that hangs must not keep the threads that everything else shares.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="result-checks")

    def operator_of(self, report: Report) -> int | None:
        """Return the number of the operator that a report is about; None for a late report, without effect."""
        pinned = self._pinned(report.attempt)
        return None if pinned is None else pinned[0]

    def judge(self, reports: Iterable[Report]) -> list[tuple[Report, list[Digest]]]:
        """Turn each success that doesn't fit its operator into a failure; return those that name content, with it."""
        with_content: list[tuple[Report, list[Digest]]] = []
        pinned_by, ready = self._pinned, self._ports
        for report in reports:
            outputs = report.outputs
            if outputs is None:
                continue
            pinned = pinned_by(report.attempt)
            if pinned is None:  # a late report, without effect
                report.known = False
                continue
            ports = ready.get(pinned[0])
            if ports is None or ports.spec is not pinned[1]:
                ports = self._make_ready(pinned)
            wrong = ports.problem(outputs, report.blobs)
            if wrong:
                _refuse(report, Cause.BAD_OUTPUT, wrong)
            elif ports.datasets or report.contents or report.blobs:
                self._with_content(report, ports, with_content)
        return with_content

    def _with_content(self, report: Report, ports: "Ports", found: list[tuple[Report, list[Digest]]]) -> None:
        named = {text: content_of(text) for text in ports.contents(report)}
        if strange := [text for text, content in named.items() if content is None]:
            _refuse(report, Cause.BAD_OUTPUT, f"the agent sent {strange[0][:100]!r} as a dataset, expected its digest")
        else:
            found.append((report, [Digest(content) for content in dict.fromkeys(named.values()) if content]))

    async def require_content(self, reports: Sequence[tuple[Report, list[Digest]]]) -> None:
        """Turn each success whose content the store lacks into a failure; raises StoreAway, StoreUnusable."""
        named = [(report.blobs or {}, digests) for report, digests in reports]
        found = await asyncio.get_running_loop().run_in_executor(self._threads, self._lacking, named)
        for (report, _), lacking in zip(reports, found, strict=True):
            if lacking:
                what = ", ".join(lacking[:_NAMED]) + (f" and {len(lacking) - _NAMED} more" if lacking[_NAMED:] else "")
                _refuse(report, Cause.STAGING, f"the store lacks what the agent reports to have put there: {what}")

    def _make_ready(self, pinned: Pinned) -> "Ports":
        number, spec = pinned
        if len(self._ports) >= _KEPT:
            self._ports.clear()
        ports = self._ports[number] = Ports(spec)
        return ports

    def _lacking(self, named: Sequence[tuple[Mapping[str, tuple[str, int]], list[Digest]]]) -> list[list[str]]:
        self._store.require_in_place()
        return [[*self._lacking_blobs(blobs), *self._lacking_datasets(datasets)] for blobs, datasets in named]

    def _lacking_blobs(self, blobs: Mapping[str, tuple[str, int]]) -> Iterable[str]:
        sizes = {Digest(digest): size for digest, size in blobs.values()}
        there = self._store.has(sizes, use=True)
        return [digest for digest, size in sizes.items() if there.get(digest) != size]

    def _lacking_datasets(self, datasets: Iterable[Digest]) -> Iterable[str]:
        for dataset in datasets:
            try:
                missing: Iterable[str] = missing_blobs(self._store, dataset)
            except (InvalidManifest, BlobMissing) as error:  # it isn't a dataset, or damaged
                missing = (f"{dataset} ({error.message})",)
            yield from missing


class Ports:
    """An operator's outputs, made ready for looking at thousands of reports a second."""

    __slots__ = ("_name", "_tests", "datasets", "spec")

    def __init__(self, spec: OperatorSpec) -> None:
        self.spec = spec
        self._name = spec.name
        self._tests = {port.name: _test_of(port.type) for port in spec.outputs}
        self.datasets = tuple((port.name, port.type) for port in spec.outputs if port.type.contains(Kind.DATASET))

    def problem(self, outputs: Mapping[str, str], blobs: Mapping[str, object] | None) -> str:
        """Describe what is wrong with the outputs of a success; empty if nothing is."""
        tests = self._tests
        for port, text in outputs.items():
            test = tests.get(port)
            if test is None:
                return self._stranger(port)
            try:
                test(orjson.loads(text))
            except orjson.JSONDecodeError:
                return f"the agent sent an output {port!r} that isn't JSON"
            except (ValueProblem, RecursionError) as error:
                return f"the agent sent an output {port!r} of {self._name} that isn't of its type: {error}"
        if not blobs and len(outputs) == len(tests):
            return ""
        return self._miscounted(outputs, blobs or {})

    def _miscounted(self, outputs: Mapping[str, str], blobs: Mapping[str, object]) -> str:
        for port in blobs:
            if port not in self._tests:
                return self._stranger(port)
            if port in outputs:
                return f"the agent sent the output {port!r} of {self._name} twice"
        missing = [port for port in self._tests if port not in outputs and port not in blobs]
        return f"the agent sent no output {missing[0]!r} of {self._name}" if missing else ""

    def _stranger(self, port: str) -> str:
        return f"the agent sent an output {port!r}, which {self._name} doesn't have"

    def contents(self, report: Report) -> list[str]:
        """Return what a success names as datasets, each once."""
        texts = [digest for digest, _ in report.contents]
        for port, datatype in self.datasets:
            if report.outputs and port in report.outputs:
                texts += datasets_of(datatype, report.outputs[port])
        return list(dict.fromkeys(texts))


def _test_of(datatype: DataType) -> Callable[[Any], object]:
    """Return a function that raises ValueProblem unless a document is one of the type's."""
    decoded = decoder(datatype)
    of_elements = _ELEMENTS.get(datatype.args[0].kind) if datatype.kind is Kind.LIST else None
    if of_elements is None:
        return decoded

    def test(document: Any) -> object:
        return None if isinstance(document, list) and set(map(type, document)) <= of_elements else decoded(document)

    return test


def _refuse(report: Report, cause: Cause, message: str) -> None:
    report.outputs, report.blobs, report.contents = None, None, []
    report.failure = Failure(cause=cause, message=clip(message))
