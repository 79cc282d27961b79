"""The rpcs about workflows."""

import re
from dataclasses import replace

from accio.domain.issues import Checked, Issue, pointer
from accio.domain.limits import Limits
from accio.domain.names import is_workflow_id, suggest
from accio.domain.workflows import Workflow
from accio.errors import BadRequest, NotFound
from accio.v1 import workflows_pb2
from accio.wire.issues import findings_message, issue_message
from accio_daemon.core.terms import Instant
from accio_daemon.engine.ports import Clock, EnginePort
from accio_daemon.services.calls.catalogue import Catalogue
from accio_daemon.services.calls.definitions import check_workflow_bytes, off_loop, value_of
from accio_daemon.services.calls.rights import Rights
from accio_daemon.services.messages.workflows import workflow_message
from accio_daemon.services.sessions.code_looks import CodeLooks
from accio_daemon.services.transport.auth import CALLER, caller
from accio_daemon.services.transport.keeping import TokenKeeper
from accio_daemon.storage.jobs import Transaction
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.rows.access import record_change
from accio_daemon.storage.runs import workflows
from accio_daemon.storage.runs.workflows import StoredWorkflow

PAGE = 50
MOST = 1_000
_HISTORY = 100
_BYTES_OF_A_NODE = 100  # of a definition, roughly
_CURSOR = re.compile(r"[0-9]{1,18}", re.ASCII)


class WorkflowCalls:
    """Push, validate, get, list, delete."""

    def __init__(
        self,
        *,
        engine: EnginePort,
        readers: Readers,
        catalogue: Catalogue,
        clock: Clock,
        limits: Limits,
        rights: Rights,
        keeper: TokenKeeper,
        looks: CodeLooks,
    ) -> None:
        """Write through the engine, read from *readers*, and look up definitions in *catalogue*.

        *looks* are taken at operators' code before a definition is checked against them.
        """
        self._engine = engine
        self._readers = readers
        self._catalogue = catalogue
        self._clock = clock
        self._limits = limits
        self._rights = rights
        self._keeper = keeper
        self._looks = looks

    async def push_workflow(self, request: workflows_pb2.PushWorkflowRequest) -> workflows_pb2.PushWorkflowResponse:
        """Check and store a definition."""
        outcome = await self._check(request)
        workflow = value_of(outcome)
        owner = CALLER.get().person or workflow.owner or caller(request.caller)
        size = len(request.definition)
        definition, version = await off_loop(lambda: (workflow.canonical_json(), workflow.version), size)
        await self._require_own(workflow.id, "push a version of")
        change = self._keeper.change("push workflow", f"{workflow.id}:{version}")
        now: Instant = self._clock.now()

        def push(transaction: Transaction) -> tuple[StoredWorkflow, bool]:
            before = workflows.latest_no(transaction, workflow.id)
            stored, created = workflows.push(transaction, workflow, definition, version, owner, now.wall_ms)
            if stored.no != before:  # else nothing is other than it was
                record_change(transaction, change)
            return stored, created

        try:
            stored, created = await self._engine.write(push)
        finally:
            self._catalogue.workflow_changed(workflow.id)
        operators = (await self._catalogue.operators()).specs
        return workflows_pb2.PushWorkflowResponse(
            workflow=await off_loop(lambda: workflow_message(stored, operators), size),
            created=created,
            warnings=map(issue_message, outcome.warnings),
        )

    async def validate_workflow(self, request: workflows_pb2.ValidateWorkflowRequest) -> workflows_pb2.ValidateResponse:
        """Check a definition and store nothing."""
        return findings_message(await self._check(request))

    async def _check(
        self, request: workflows_pb2.PushWorkflowRequest | workflows_pb2.ValidateWorkflowRequest
    ) -> Checked[Workflow]:
        look = self._looks.begin()
        outcome = await look.checked(
            lambda: check_workflow_bytes(
                self._catalogue,
                request.definition,
                default_id=request.default_id,
                base_path=request.base_path,
                limits=self._limits,
            )
        )
        doubts = (Issue(pointer("graph"), each) for each in look.doubts)
        return replace(outcome, warnings=(*outcome.warnings, *doubts))

    async def get_workflow(self, request: workflows_pb2.GetWorkflowRequest) -> workflows_pb2.Workflow:
        """Return one version, and which others there are."""
        found = await self._found(request.workflow)
        operators = (await self._catalogue.operators()).specs
        history = await self._readers.read(lambda snapshot: workflows.history(snapshot, found.workflow.id, _HISTORY))
        return await off_loop(
            lambda: workflow_message(found, operators, history), _BYTES_OF_A_NODE * len(found.workflow.graph)
        )

    async def _found(self, reference: str) -> StoredWorkflow:
        name, _, version = reference.partition(":")
        found = await self._catalogue.workflow(name, version or None)
        if found is not None:
            return found
        ids, versions = await self._readers.read(lambda snapshot: workflows.names(snapshot, name))
        if versions:
            newest = ", ".join(versions[:5])
            raise NotFound(f"workflow {name} has no version {version!r}; its newest are {newest}")
        meant = suggest(name, ids) if is_workflow_id(name) else None
        raise NotFound(f"there is no workflow {name[:200]!r}" + (f"; did you mean {meant}?" if meant else ""))

    async def _require_own(self, name: str, deed: str) -> None:
        """Raise PermissionDenied unless the caller owns a workflow: it is whose first version it has."""
        owner = await self._readers.read(lambda snapshot: workflows.first_owner(snapshot, name))
        if owner is not None:
            self._rights.require_owner(owner, deed, f"workflow {name}")

    async def list_workflows(self, request: workflows_pb2.ListWorkflowsRequest) -> workflows_pb2.ListWorkflowsResponse:
        """Return a page of the latest versions."""
        before = page_key(request.cursor)
        limit = page_size(request.limit)
        found, following = await self._readers.read(lambda snapshot: workflows.list_workflows(snapshot, before, limit))
        nodes = sum(len(stored.workflow.graph) for stored in found)
        operators = (await self._catalogue.operators()).specs
        messages = await off_loop(
            lambda: [workflow_message(each, operators) for each in found], _BYTES_OF_A_NODE * nodes
        )
        return workflows_pb2.ListWorkflowsResponse(workflows=messages, next="" if following is None else str(following))

    async def delete_workflow(
        self, request: workflows_pb2.DeleteWorkflowRequest
    ) -> workflows_pb2.DeleteWorkflowResponse:
        """Delete a workflow that has no runs."""
        if ":" in request.id:
            raise BadRequest(
                f"a workflow is deleted with all its versions: expected its id, found {request.id[:200]!r}"
            )
        await self._found(request.id)
        await self._require_own(request.id, "delete")
        change = self._keeper.change("delete workflow", request.id)

        def delete(transaction: Transaction) -> None:
            workflows.delete(transaction, request.id)
            record_change(transaction, change)

        with self._catalogue.deleting(request.id):
            await self._engine.write(delete)
        return workflows_pb2.DeleteWorkflowResponse()


def page_size(asked: int, default: int = PAGE) -> int:
    """Return the number of items of a page."""
    return min(asked or default, MOST)


def page_key(cursor: str) -> int | None:
    """Read the cursor of a page, a number; None for the first page."""
    if not cursor:
        return None
    if not _CURSOR.fullmatch(cursor):
        raise BadRequest(f"expected a cursor that an earlier page gave, found {cursor[:100]!r}")
    return int(cursor)
