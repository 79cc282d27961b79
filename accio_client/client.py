"""The asynchronous client: one method per question or request, domain values in, views out.

    async with AsyncClient() as client:
        submitted = await client.submit({"workflow": "geoind", "params": {"epsilon": [0.1]}})
        async for update in client.watch(submitted.run.id): ...

Errors are those of `accio.errors`. `accio_client.sync.Client` is the same for code without an event loop.
"""

import asyncio
import secrets
import threading
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias, TypeVar

from accio.content.digest import parse_digest
from accio.errors import InvalidDefinition
from accio.v1 import accio_pb2, artifacts_pb2, runs_pb2, values_pb2, workflows_pb2
from accio.wire import is_clipped
from accio_client import definition_text, fetching, from_wire, views
from accio_client.connection import DEADLINE_S, STREAM_DEADLINE_S, Connection
from accio_client.definition_text import Definition
from accio_client.file_names import file_name
from accio_client.logs import LogReader
from accio_client.settings import Settings

if TYPE_CHECKING:  # loaded by the calls that need it: every command line would pay for it
    from accio_client.export import exporting
    from accio_client.export.files import ExportedFile
    from accio_client.export.frames import Table
    from accio_client.export.rows import ReadBlob
    from accio_client.export.selection import Selection
    from accio_client.export.spool import Spool

SUBMIT_DEADLINE_S = 60.0
WATCH_PATIENCE_S = 600.0

R = TypeVar("R")

Exported: TypeAlias = "tuple[ExportedFile, ...]"

_CACHE_MODES = {
    "use": accio_pb2.CACHE_MODE_UNSPECIFIED,
    "none": accio_pb2.CACHE_MODE_NONE,
    "refresh": accio_pb2.CACHE_MODE_REFRESH,
}


class AsyncClient:
    """A connection to a daemon. Open it in the event loop that uses it, with `async with` or `close`."""

    def __init__(
        self,
        address: str | None = None,
        *,
        token: str | None = None,
        user: str | None = None,
        cluster: str | None = None,
        deadline: float = DEADLINE_S,
    ) -> None:
        """For *address*, the *cluster* of that name, or what the environment says; nothing is sent yet."""
        settings = Settings.load(address=address, token=token, user=user, cluster=cluster)
        self.address = settings.address
        self._user = settings.user
        self._connection = Connection(address=settings.address, token=settings.token, deadline=deadline)
        self._accio = self._connection.accio

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._connection.close()

    # ------------------------------------------------------------------------------------------------------- workflows

    async def push(
        self, definition: Definition, *, default_id: str | None = None, base_path: str | None = None
    ) -> views.Pushed:
        """Store a workflow version; content that is there already becomes the latest version."""
        text, folder, name = definition_text.read(definition, base_path)
        request = workflows_pb2.PushWorkflowRequest(
            definition=text, default_id=default_id or name, base_path=folder, caller=self._user
        )
        try:
            answer = await self._connection.call(
                self._accio.PushWorkflow, request, workflows_pb2.PushWorkflowResponse, deadline=SUBMIT_DEADLINE_S
            )
        except InvalidDefinition as error:
            if is_clipped(error.issues):
                found = await self.validate_workflow(text, default_id=request.default_id, base_path=folder)
                raise InvalidDefinition(found.errors or error.issues, found.warnings) from None
            raise
        return views.Pushed(
            workflow=from_wire.workflow(answer.workflow),
            created=answer.created,
            warnings=from_wire.issues(answer.warnings),
        )

    async def validate_workflow(
        self, definition: Definition, *, default_id: str | None = None, base_path: str | None = None
    ) -> views.Validation:
        """Say what `push` would say, and store nothing."""
        text, folder, name = definition_text.read(definition, base_path)
        request = workflows_pb2.ValidateWorkflowRequest(
            definition=text, default_id=default_id or name, base_path=folder
        )
        return from_wire.validation(
            await self._connection.call(self._accio.ValidateWorkflow, request, workflows_pb2.ValidateResponse)
        )

    async def get_workflow(self, workflow: str) -> views.WorkflowView:
        """One version: "id" (the latest) or "id:version"."""
        request = workflows_pb2.GetWorkflowRequest(workflow=workflow)
        return from_wire.workflow(await self._connection.call(self._accio.GetWorkflow, request, workflows_pb2.Workflow))

    async def list_workflows(self, *, limit: int = 50, cursor: str | None = None) -> views.WorkflowPage:
        """A page of workflows, most recently pushed first."""
        request = workflows_pb2.ListWorkflowsRequest(limit=limit, cursor=cursor or "")
        answer = await self._connection.call(self._accio.ListWorkflows, request, workflows_pb2.ListWorkflowsResponse)
        found = tuple(from_wire.workflow(each) for each in answer.workflows)
        return views.WorkflowPage(workflows=found, next=answer.next or None)

    async def delete_workflow(self, workflow: str) -> None:
        """Delete a workflow that has no runs, with all its versions."""
        request = workflows_pb2.DeleteWorkflowRequest(id=workflow)
        await self._connection.call(
            self._accio.DeleteWorkflow, request, workflows_pb2.DeleteWorkflowResponse, repeatable=False
        )

    # ------------------------------------------------------------------------------------------------------------ runs

    async def submit(
        self,
        definition: Definition,
        *,
        base_path: str | None = None,
        cache: views.CacheMode = "use",
        idempotency_key: str | None = None,
    ) -> views.Submitted:
        """Create a run or a sweep; returns once it is durable. Repeated attempts of one call create one run."""
        request = self._submission(definition, base_path, cache, idempotency_key)
        try:
            answer = await self._connection.call(
                self._accio.Submit, request, accio_pb2.SubmitResponse, deadline=SUBMIT_DEADLINE_S
            )
        except InvalidDefinition as error:
            raise await self._complete(error, request) from None
        warnings = from_wire.issues(answer.warnings)
        return views.Submitted(run=from_wire.run(answer.run), warnings=warnings, created=answer.created)

    async def submit_and_watch(
        self,
        definition: Definition,
        *,
        base_path: str | None = None,
        cache: views.CacheMode = "use",
        idempotency_key: str | None = None,
        patience: float = WATCH_PATIENCE_S,
    ) -> AsyncGenerator[views.RunUpdate]:
        """Create a run and give its states until it has ended, in one call; survives a restart of the daemon."""
        request = self._submission(definition, base_path, cache, idempotency_key)
        updates = self._connection.lasting_stream(
            lambda stubs: stubs.accio.SubmitAndWatch, request, accio_pb2.RunUpdate, patience=patience
        )
        try:
            async with aclosing(updates):
                async for message in updates:
                    yield from_wire.update(message)
        except InvalidDefinition as error:
            raise await self._complete(error, request) from None

    async def validate(self, definition: Definition, *, base_path: str | None = None) -> views.Validation:
        """Say what `submit` would say, and create nothing."""
        request = self._submission(definition, base_path, "use", None)
        return from_wire.validation(
            await self._connection.call(self._accio.Validate, request, workflows_pb2.ValidateResponse)
        )

    async def dry_run(
        self, definition: Definition, *, base_path: str | None = None, cache: views.CacheMode = "use"
    ) -> views.DryRunView:
        """Say what a submission would execute, and create nothing."""
        request = self._submission(definition, base_path, cache, None)
        try:
            answer = await self._connection.call(self._accio.DryRun, request, accio_pb2.DryRunResponse)
        except InvalidDefinition as error:
            raise await self._complete(error, request) from None
        return from_wire.dry_run(answer)

    async def get_run(self, run: str, *, nodes: bool = True) -> views.RunDetails:
        """A single run, a parent or a child, by its id or an unambiguous beginning of it."""
        answer = await self._connection.call(
            self._accio.Get, accio_pb2.GetRequest(id=run, nodes=nodes), accio_pb2.GetResponse
        )
        found = tuple(from_wire.node(each) for each in answer.nodes)
        return views.RunDetails(run=from_wire.run(answer.run), nodes=found)

    async def get_node(self, run: str, node: str) -> views.NodeDetailsView:
        """Everything about one node: attempts, inputs, artifacts, metrics."""
        request = accio_pb2.GetNodeRequest(run=run, node=node)
        return from_wire.node_details(await self._connection.call(self._accio.GetNode, request, runs_pb2.NodeDetails))

    async def list_runs(
        self, matching: views.RunFilter | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> views.RunPage:
        """A page of runs, newest first (children in the order of the sweep)."""
        wanted = matching or views.RunFilter()
        request = accio_pb2.ListRequest(
            parent=wanted.parent,
            states=[from_wire.RUN_STATE_TO_WIRE[state] for state in wanted.states],
            tags=wanted.tags,
            owner=wanted.owner,
            name=wanted.name,
            workflow=wanted.workflow,
            text=wanted.text,
            notes=wanted.notes,
            params=[accio_pb2.ParameterFilter(name=name, text=text) for name, text in wanted.params.items()],
            created_after_ms=from_wire.epoch_ms(wanted.created_after),
            created_before_ms=from_wire.epoch_ms(wanted.created_before),
            limit=limit,
            cursor=cursor or "",
        )
        answer = await self._connection.call(self._accio.List, request, accio_pb2.ListResponse)
        return views.RunPage(
            runs=tuple(from_wire.run(each) for each in answer.runs),
            total=answer.total if answer.HasField("total") else None,
            next=answer.next or None,
        )

    async def iterate_runs(self, matching: views.RunFilter | None = None) -> AsyncGenerator[views.RunView]:
        """Every run that matches, page after page."""
        cursor: str | None = None
        while True:
            page = await self.list_runs(matching, limit=1000, cursor=cursor)
            for run in page.runs:
                yield run
            cursor = page.next
            if cursor is None:
                return

    async def update(
        self, run: str, *, name: str | None = None, notes: str | None = None, tags: Iterable[str] | None = None
    ) -> views.Updated:
        """Set or, with an empty value, clear metadata; None leaves a field as it is."""
        request = accio_pb2.UpdateMetadataRequest(
            id=run, name=name, notes=notes, tags=None if tags is None else accio_pb2.TagSet(tags=tags)
        )
        answer = await self._connection.call(self._accio.UpdateMetadata, request, accio_pb2.UpdateMetadataResponse)
        return views.Updated(run=from_wire.run(answer.run), changed=answer.changed)

    async def kill(self, runs: Iterable[str]) -> tuple[views.RunOutcome, ...]:
        """Stop runs. What couldn't be stopped says why in its outcome."""
        request = accio_pb2.RunsRequest(ids=runs)
        return from_wire.outcomes(await self._connection.call(self._accio.Kill, request, accio_pb2.RunsResponse))

    async def delete(self, runs: Iterable[str]) -> tuple[views.RunOutcome, ...]:
        """Delete runs, stopping first what still runs."""
        request = accio_pb2.RunsRequest(ids=runs)
        answer = await self._connection.call(self._accio.Delete, request, accio_pb2.RunsResponse, repeatable=False)
        return from_wire.outcomes(answer)

    async def retry(self, runs: Iterable[str], *, latest_operators: bool = False) -> tuple[views.RunOutcome, ...]:
        """Run again what failed, was killed or lost."""
        request = accio_pb2.RetryRequest(ids=runs, latest_operators=latest_operators)
        return from_wire.outcomes(await self._connection.call(self._accio.Retry, request, accio_pb2.RunsResponse))

    async def watch(self, run: str, *, patience: float = WATCH_PATIENCE_S) -> AsyncGenerator[views.RunUpdate]:
        """The run's state now and at each change (the latest wins) until it ended; survives a restart of the daemon."""
        updates = self._connection.lasting_stream(
            lambda stubs: stubs.accio.Watch, accio_pb2.WatchRequest(id=run), accio_pb2.RunUpdate, patience=patience
        )
        async with aclosing(updates):
            async for message in updates:
                yield from_wire.update(message)

    async def wait(self, run: str, *, patience: float = WATCH_PATIENCE_S) -> views.RunView:
        """Wait until the run has ended, and return how."""
        async for update in self.watch(run, patience=patience):
            if update.run.ended:
                return update.run
        return (await self.get_run(run, nodes=False)).run

    async def logs(
        self, run: str, node: str | None = None, *, follow: bool = False, patience: float = WATCH_PATIENCE_S
    ) -> AsyncGenerator[views.LogLine]:
        """What the run's nodes (or one of them) printed; with *follow*, until the run has ended."""
        request = accio_pb2.LogsRequest(run=run, node=node or "", follow=follow)
        reader = LogReader()
        chunks = self._connection.lasting_stream(
            lambda stubs: stubs.accio.Logs, request, accio_pb2.LogChunk, patience=patience, again=reader.begin_again
        )
        async with aclosing(chunks):
            async for chunk in chunks:
                for line in reader.read(chunk):
                    yield line
        for line in reader.rest():
            yield line

    async def export_chunks(
        self,
        runs: Iterable[str],
        *,
        artifacts: Iterable[str] = (),
        outputs: bool = True,
        metrics: bool = False,
    ) -> AsyncGenerator[accio_pb2.ExportChunk]:
        """The results as they travel, for `accio_client.export`."""
        request = accio_pb2.ExportRequest(ids=runs, artifacts=artifacts, outputs=outputs, metrics=metrics, by_port=True)
        chunks = self._connection.stream(
            lambda stubs: stubs.accio.Export, request, accio_pb2.ExportChunk, deadline=STREAM_DEADLINE_S
        )
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk

    async def export(self, runs: str | Iterable[str], options: "exporting.Options | None" = None) -> Exported:
        """Write results as tables; all files appear at the end, or none. docs/cli.md describes the options."""
        from accio_client.export import exporting
        from accio_client.export.spool import Spool

        wanted = options or exporting.Options()
        with Spool() as spool:
            await self._collect(spool, runs, wanted.artifacts, wanted.metrics)
            return await self._beside(partial(exporting.write_files, spool, wanted))

    async def table(self, runs: str | Iterable[str], *, artifacts: str = "NUMERIC", metrics: str = "NONE") -> "Table":
        """The tidy table of `accio export -wide`: a row per run, a column per parameter, scalar artifact, metric."""
        from accio_client.export import exporting
        from accio_client.export.selection import Selection
        from accio_client.export.spool import Spool

        outputs, measures = Selection.read(artifacts, numeric=True), Selection.read(metrics, numeric=False)
        with Spool() as spool:
            await self._collect(spool, runs, outputs, measures)

            def build(read_blob: "ReadBlob", check: "exporting.Check") -> "Table":
                return exporting.wide_table(spool, outputs, measures, read_blob, check)

            return await self._beside(build)

    async def why(self, run: str, node: str | None = None) -> tuple[views.WhyView, ...]:
        """Why a node (or each node) was executed, taken from the memo, or waits."""
        request = accio_pb2.WhyRequest(run=run, node=node or "")
        answer = await self._connection.call(self._accio.Why, request, accio_pb2.WhyResponse)
        return tuple(from_wire.why(each) for each in answer.answers)

    async def events(self, run: str, *, limit: int = 1000) -> tuple[views.EventView, ...]:
        """The run's history, oldest first."""
        request = accio_pb2.EventsRequest(run=run, limit=limit)
        answer = await self._connection.call(self._accio.Events, request, accio_pb2.EventsResponse)
        return tuple(from_wire.event(each) for each in answer.events)

    # --------------------------------------------------------------------------------------------------------- cluster

    async def list_operators(self) -> tuple[views.OperatorView, ...]:
        answer = await self._connection.call(
            self._accio.ListOperators, accio_pb2.ListOperatorsRequest(), accio_pb2.ListOperatorsResponse
        )
        return tuple(from_wire.operator(each) for each in answer.operators)

    async def get_operator(self, name: str) -> views.OperatorView:
        request = accio_pb2.GetOperatorRequest(name=name)
        return from_wire.operator(await self._connection.call(self._accio.GetOperator, request, values_pb2.Operator))

    async def list_agents(self) -> tuple[views.AgentView, ...]:
        answer = await self._connection.call(
            self._accio.ListAgents, accio_pb2.ListAgentsRequest(), accio_pb2.ListAgentsResponse
        )
        return tuple(from_wire.agent(each) for each in answer.agents)

    async def drain_agent(self, name: str, *, undo: bool = False) -> views.AgentView:
        """Let an agent's running nodes end and send it no more, or (*undo*) take that back."""
        request = accio_pb2.DrainAgentRequest(name=name, undo=undo)
        return from_wire.agent(await self._connection.call(self._accio.DrainAgent, request, accio_pb2.Agent))

    async def remove_agent(self, name: str) -> None:
        """Forget an agent that isn't connected."""
        request = accio_pb2.RemoveAgentRequest(name=name)
        await self._connection.call(self._accio.RemoveAgent, request, accio_pb2.RemoveAgentResponse, repeatable=False)

    async def cluster_state(self) -> views.ClusterView:
        request = accio_pb2.GetClusterStateRequest()
        return from_wire.cluster(
            await self._connection.call(self._accio.GetClusterState, request, accio_pb2.ClusterState)
        )

    async def collect_garbage(self, *, dry_run: bool = False, quota: int = 0) -> views.GarbageView:
        """Free what nothing refers to (down to *quota* bytes), or say what would be freed."""
        request = accio_pb2.CollectGarbageRequest(dry_run=dry_run, quota=quota)
        answer = await self._connection.call(
            self._accio.CollectGarbage,
            request,
            accio_pb2.CollectGarbageResponse,
            deadline=STREAM_DEADLINE_S,
            repeatable=dry_run,
        )
        return from_wire.garbage(answer)

    async def cache(self, *, operator: str | None = None, entries: bool = False) -> views.CacheView:
        """The memo's numbers by operator, and with *entries* its newest results."""
        request = accio_pb2.GetCacheRequest(operator=operator or "", entries=entries)
        return from_wire.cache(await self._connection.call(self._accio.GetCache, request, accio_pb2.GetCacheResponse))

    async def remove_from_cache(self, *, key: str | None = None, operator: str | None = None) -> int:
        """Invalidate one result or all results of an operator; returns how many."""
        request = accio_pb2.RemoveFromCacheRequest(key=key or "", operator=operator or "")
        answer = await self._connection.call(
            self._accio.RemoveFromCache, request, accio_pb2.RemoveFromCacheResponse, repeatable=False
        )
        return answer.removed

    async def backup(self, path: str) -> views.BackupView:
        """Have the daemon write a consistent copy of its database to *path* on its own machine."""
        request = accio_pb2.BackupRequest(path=path)
        answer = await self._connection.call(
            self._accio.Backup, request, accio_pb2.BackupResponse, deadline=STREAM_DEADLINE_S, repeatable=False
        )
        return views.BackupView(path=answer.path, bytes=answer.bytes)

    async def read_blob(self, digest: str) -> AsyncGenerator[bytes]:
        """The bytes of a stored blob in pieces; nothing is verified here."""
        chunks = self._connection.stream(
            lambda stubs: stubs.artifacts.Read, artifacts_pb2.ReadRequest(digest=digest), artifacts_pb2.ReadChunk
        )
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk.data

    async def fetch_artifact(self, run: str, node: str, port: str, folder: Path) -> tuple[Path, int]:
        """Write an output to *folder*/NODE-PORT (a dataset) or *folder*/NODE-PORT.json; returns its place and bytes."""
        found = await fetching.artifact(self, run, node, port)
        suffix = "" if found.type == "dataset" else ".json"
        target = folder / (file_name(f"{node}-{port}") + suffix)
        return target, await fetching.fetch(self, found, target)

    # -------------------------------------------------------------------------------------------------------- internal

    async def _collect(
        self, spool: "Spool", runs: str | Iterable[str], artifacts: "Selection", metrics: "Selection"
    ) -> None:
        """Take the chunks of an export as fast as they come: whoever works on them meanwhile would stop the daemon."""
        ids = [runs] if isinstance(runs, str) else list(runs)
        chunks = self.export_chunks(
            ids, artifacts=artifacts.asked(), outputs=not artifacts.empty, metrics=not metrics.empty
        )
        async with aclosing(chunks):
            async for chunk in chunks:
                spool.add(chunk)

    async def _beside(self, work: "Callable[[ReadBlob, exporting.Check], R]") -> R:
        """Do *work* in a thread, where it may read blobs; it is told to end when the caller doesn't wait any more."""
        loop, cancelled = asyncio.get_running_loop(), threading.Event()

        def read_blob(digest: str) -> bytes:
            reading = fetching.read_verified(self, parse_digest(digest))
            return asyncio.run_coroutine_threadsafe(reading, loop).result()

        def check() -> None:
            if cancelled.is_set():
                raise asyncio.CancelledError

        try:
            return await asyncio.to_thread(work, read_blob, check)
        finally:
            cancelled.set()

    def _submission(
        self, definition: Definition, base_path: str | None, cache: views.CacheMode, key: str | None
    ) -> accio_pb2.SubmitRequest:
        text, folder, _ = definition_text.read(definition, base_path)
        return accio_pb2.SubmitRequest(
            definition=text,
            base_path=folder,
            idempotency_key=key or secrets.token_hex(16),
            caller=self._user,
            cache=_CACHE_MODES[cache],
        )

    async def _complete(self, error: InvalidDefinition, request: accio_pb2.SubmitRequest) -> InvalidDefinition:
        """The error with all issues, where the trailers held only the first of them."""
        if not is_clipped(error.issues):
            return error
        found = await self.validate(request.definition, base_path=request.base_path)
        return InvalidDefinition(found.errors or error.issues, found.warnings)
