"""Workflows and operators in memory, for the checks of definitions: read once, and again after whatever changes them.

Everything that writes them goes through this process, and says so here. What is kept is bounded; the database has the
rest.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from accio.domain.findings import Findings
from accio.domain.linking import check_fit
from accio.domain.operators import OperatorSpec
from accio.domain.workflows import Workflow
from accio.errors import FailedPrecondition
from accio.late import dataclass
from accio.latest import Latest
from accio_daemon.core.terms import Announced
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.runs import workflows
from accio_daemon.storage.runs.workflows import StoredWorkflow

_KEPT = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Operators:
    """The latest version of each operator, as validation and the core want it."""

    announced: Mapping[str, Announced]
    specs: Mapping[str, OperatorSpec]
    fitting: set[tuple[str, str]]
    """Versions of workflows about which nothing was found: most are run often."""

    def fit(self, workflow: Workflow) -> Findings:
        """Return what `check_fit` finds of a stored workflow and these operators."""
        key = (workflow.id, workflow.version)
        findings = Findings()
        if key in self.fitting:
            return findings
        check_fit(workflow, self.specs, findings)
        if not findings.errors and not findings.warnings:
            if len(self.fitting) >= _KEPT:
                self.fitting.clear()
            self.fitting.add(key)
        return findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A `WorkflowLookup` that knows what one definition can ask for."""

    found: StoredWorkflow | None
    known_ids: Collection[str]
    known_versions: Collection[str]

    def get(self, workflow_id: str, version: str | None) -> Workflow | None:
        """Return the workflow if it is the one that was looked up."""
        found = self.found
        if found is None or found.workflow.id != workflow_id or version not in (None, found.version):
            return None
        return found.workflow

    def ids(self) -> Collection[str]:
        """Name all workflows."""
        return self.known_ids

    def versions(self, workflow_id: str) -> Collection[str]:
        """Name the versions of the workflow that was looked up."""
        return self.known_versions


class Catalogue:
    """State: workflows by id and version (the key ("id", None) is the latest), the operators, and who uses what."""

    def __init__(self, readers: Readers, left_out: Callable[[], str]) -> None:
        """Keep what *readers* read; *left_out* says which operators agents can't load."""
        self._readers = readers
        self.left_out = left_out
        self._workflows: Latest[tuple[str, str | None], StoredWorkflow] = Latest(_KEPT)
        self._operators: Operators | None = None
        self._generation = 0
        self._used: dict[str, int] = {}
        self._leaving: set[str] = set()

    async def operators(self) -> Operators:
        """Return the latest version of each operator."""
        while self._operators is None:
            generation = self._generation
            announced = await self._readers.read(workflows.latest_operators)
            if generation == self._generation:  # else one was announced meanwhile
                specs = {name: each.spec for name, each in announced.items()}
                self._operators = Operators(
                    announced=MappingProxyType(announced), specs=MappingProxyType(specs), fitting=set()
                )
        return self._operators

    def operators_changed(self) -> None:
        """Forget the operators: one was announced."""
        self._generation += 1
        self._operators = None

    async def workflow(self, name: str, version: str | None) -> StoredWorkflow | None:
        """Return a version of a workflow, None being the latest; None if there is none."""
        key = (name, version)
        if (found := self._workflows.use(key)) is not None:
            return found
        generation = self._generation
        found = await self._readers.read(lambda snapshot: workflows.get_workflow(snapshot, name, version))
        if found is not None and generation == self._generation:
            self._workflows.keep(key, found)
        return found

    def workflow_changed(self, name: str) -> None:
        """Forget a workflow: it was pushed or deleted."""
        self._generation += 1
        for key in [key for key in self._workflows if key[0] == name]:
            del self._workflows[key]

    async def lookup(self, reference: object) -> Lookup:
        """Find what a definition's `workflow` ("id" or "id:version", or anything else) can mean."""
        name, _, version = reference.partition(":") if isinstance(reference, str) else ("", "", "")
        found = await self.workflow(name, version or None)
        if found is not None:
            return Lookup(found=found, known_ids=(name,), known_versions=(found.version,))
        ids, versions = await self._readers.read(lambda snapshot: workflows.names(snapshot, name))
        return Lookup(found=None, known_ids=ids, known_versions=versions)

    @contextmanager
    def using(self, name: str) -> Iterator[None]:
        """Keep a workflow from being deleted while a run of it is submitted."""
        if name in self._leaving:
            raise FailedPrecondition(f"workflow {name} is being deleted")
        self._used[name] = self._used.get(name, 0) + 1
        try:
            yield
        finally:
            self._used[name] -= 1
            if not self._used[name]:
                del self._used[name]

    @contextmanager
    def deleting(self, name: str) -> Iterator[None]:
        """Keep runs of a workflow from being submitted while it is deleted."""
        if self._used.get(name):
            raise FailedPrecondition(f"a run of workflow {name} is being submitted")
        self._leaving.add(name)
        try:
            yield
        finally:
            self._leaving.discard(name)
            self.workflow_changed(name)
