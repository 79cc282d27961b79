"""Calls about runs: making, looking at, following and changing them."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Unpack

from accio.domain.states import RUN_TERMINAL
from accio.errors import FailedPrecondition, InvalidDefinition
from accio.v1 import accio_pb2, runs_pb2, workflows_pb2
from accio.wire.cache_modes import cache_mode_message
from accio.wire.issues import issues_of
from accio.wire.states import RUN_STATE_MESSAGES, RUN_STATES
from accio_client import definition_text, views
from accio_client.calls import numbers, selecting
from accio_client.calls.caller import SUBMIT_DEADLINE_S, Caller
from accio_client.from_wire import checks as check_views
from accio_client.from_wire import node_counts as count_views
from accio_client.from_wire import nodes as node_views
from accio_client.from_wire import runs as run_views
from accio_client.from_wire import watching as watch_views
from accio_client.from_wire import workflows as workflow_views
from accio_client.moments import epoch_ms
from accio_client.services import Kept

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from accio_client.definition_text import Definition

WATCH_PATIENCE_S = 600.0


def _tells_of_end(update: accio_pb2.RunUpdate) -> bool:
    return RUN_STATES[update.run.state] in RUN_TERMINAL


class RunCalls(Caller):
    """Make, look at, follow and change runs."""

    async def _submit(
        self, definition: Definition, base_path: str | None, cache: views.CacheMode, idempotency_key: str | None
    ) -> views.Submitted:
        request = self._submission(definition, base_path, cache, idempotency_key)
        try:
            answer = await self._connection.call(
                self._accio.Submit, request, accio_pb2.SubmitResponse, deadline=SUBMIT_DEADLINE_S
            )
        except InvalidDefinition as error:
            raise await self._complete(error, request) from None
        warnings = issues_of(answer.warnings)
        return views.Submitted(run=run_views.run(answer.run), warnings=warnings, created=answer.created)

    async def submit_and_watch(
        self,
        definition: Definition,
        *,
        base_path: str | None = None,
        cache: views.CacheMode = "use",
        idempotency_key: str | None = None,
        patience: float = WATCH_PATIENCE_S,
    ) -> AsyncGenerator[views.RunUpdate]:
        """Create a run and yield its states until it has ended, in one call; survive a restart of the daemon."""
        request = self._submission(definition, base_path, cache, idempotency_key)
        updates = self._connection.lasting_stream(
            self._accio.SubmitAndWatch,
            request,
            accio_pb2.RunUpdate,
            patience=patience,
            kept=Kept(self._accio.SubmitAndWatchEach, is_last=_tells_of_end),
        )
        try:
            async with aclosing(updates):
                async for message in updates:
                    yield watch_views.update(message)
        except InvalidDefinition as error:
            raise await self._complete(error, request) from None

    async def validate(self, definition: Definition, *, base_path: str | None = None) -> views.Validation:
        """Say what `submit` would say, and create nothing."""
        request = self._submission(definition, base_path, "use", None)
        return check_views.validation(
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
        return check_views.dry_run(answer)

    async def get_run(self, run: str, *, nodes: bool = True) -> views.RunDetails:
        """Return a single run, a parent or a child, by its id or an unambiguous beginning of it."""
        answer = await self._connection.call(
            self._accio.Get, accio_pb2.GetRequest(id=run, nodes=nodes), accio_pb2.GetResponse
        )
        found = tuple(node_views.node(each) for each in answer.nodes)
        precision = answer.precision if answer.HasField("precision") else None
        from accio_client.from_wire import studies as study_views  # lists of runs have no use for it

        return views.RunDetails(
            run=run_views.run(answer.run),
            nodes=found,
            precision=precision and views.PrecisionView(precise=precision.precise, at_max=precision.at_max),
            study=study_views.study(answer.study, answer.run.repeat) if answer.HasField("study") else None,
        )

    async def definition(self, run: str) -> dict[str, Any]:
        """Return a run definition that makes a run again, a child as a single run: the workflow's version, metadata,
        points and seed. Submitted as it is, all that can be is taken from the cache; a parameter with more values
        extends the sweep.

        FailedPrecondition if its points were listed, and are too many to be listed again.
        """
        request = accio_pb2.GetRequest(id=run, definition=True)
        answer = await self._connection.call(self._accio.Get, request, accio_pb2.GetResponse)
        if not answer.definition_json:
            raise FailedPrecondition("this daemon is of an earlier version, which doesn't tell definitions of runs")
        return dict(json.loads(answer.definition_json))

    async def get_node(self, run: str, node: str) -> views.NodeDetailsView:
        """Return everything about one node: attempts, inputs, artifacts, metrics."""
        request = accio_pb2.GetNodeRequest(run=run, node=node)
        return node_views.node_details(await self._connection.call(self._accio.GetNode, request, runs_pb2.NodeDetails))

    async def count_nodes(self, run: str) -> views.NodeCountsView:
        """Return for each node of a sweep's graph in how many children it is in which state."""
        request = accio_pb2.CountNodesRequest(run=run)
        return count_views.node_counts(
            await self._connection.call(self._accio.CountNodes, request, runs_pb2.NodeCounts)
        )

    async def list_runs(
        self, matching: views.RunFilter | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> views.RunPage:
        """Return a page of runs, newest first (children in the order of the sweep)."""
        wanted = matching or views.RunFilter()
        request = accio_pb2.ListRequest(
            parent=wanted.parent,
            states=[RUN_STATE_MESSAGES[state] for state in wanted.states],
            tags=wanted.tags,
            owner=wanted.owner,
            name=wanted.name,
            workflow=wanted.workflow,
            text=wanted.text,
            notes=wanted.notes,
            params=[accio_pb2.ParameterFilter(name=name, text=text) for name, text in wanted.params.items()],
            created_after_ms=epoch_ms(wanted.created_after),
            created_before_ms=epoch_ms(wanted.created_before),
            limit=numbers.limit(limit),
            cursor=cursor or "",
            where=wanted.where,
            sort=wanted.sort,
        )
        answer = await self._connection.call(self._accio.List, request, accio_pb2.ListResponse)
        return views.RunPage(
            runs=tuple(run_views.run(each) for each in answer.runs),
            total=answer.total if answer.HasField("total") else None,
            next=answer.next or None,
        )

    async def iterate_runs(self, matching: views.RunFilter | None = None) -> AsyncGenerator[views.RunView]:
        """Yield every run that matches, page after page."""
        cursor: str | None = None
        while True:
            page = await self.list_runs(matching, limit=1000, cursor=cursor)
            for run in page.runs:
                yield run
            cursor = page.next
            if cursor is None:
                return

    async def update(
        self, run: str, *, name: str | None = None, notes: str | None = None, tags: str | Iterable[str] | None = None
    ) -> views.Updated:
        """Set or, with an empty value, clear metadata; None leaves a field as it is."""
        wanted = None if tags is None else accio_pb2.TagSet(tags=selecting.listed(tags) if tags else [])
        request = accio_pb2.UpdateMetadataRequest(id=run, name=name, notes=notes, tags=wanted)
        answer = await self._connection.call(self._accio.UpdateMetadata, request, accio_pb2.UpdateMetadataResponse)
        return views.Updated(run=run_views.run(answer.run), changed=answer.changed)

    async def kill(self, runs: str | Iterable[str] = (), *, where: str = "") -> tuple[views.RunOutcome, ...]:
        """Stop runs. What couldn't be stopped says why in its outcome.

        With a query: those of the runs' children that match and haven't ended; without *runs*, such runs.
        """

        async def act(ids: list[str]) -> tuple[views.RunOutcome, ...]:
            request = accio_pb2.RunsRequest(ids=ids)
            return run_views.outcomes(await self._connection.call(self._accio.Kill, request, accio_pb2.RunsResponse))

        if where:
            unfinished = selecting.KILLED
            lists = selecting.selections(runs, where, of_runs=unfinished, of_children=unfinished)
            runs = await selecting.ids(self.iterate_runs, lists)
        return await selecting.in_parts(runs, act)

    async def delete(self, runs: str | Iterable[str] = (), *, where: str = "") -> tuple[views.RunOutcome, ...]:
        """Delete runs, stopping first what still runs. With a query: children of *runs*, or all runs that match."""

        async def act(ids: list[str]) -> tuple[views.RunOutcome, ...]:
            request = accio_pb2.RunsRequest(ids=ids)
            answer = await self._connection.call(self._accio.Delete, request, accio_pb2.RunsResponse, repeatable=False)
            return run_views.outcomes(answer)

        if where:
            runs = await selecting.ids(self.iterate_runs, selecting.selections(runs, where))
        return await selecting.in_parts(runs, act)

    async def retry(
        self,
        runs: str | Iterable[str] = (),
        *,
        where: str = "",
        latest_operators: bool = False,
        **demand: Unpack[views.RetryDemand],
    ) -> tuple[views.RunOutcome, ...]:
        """Run again what failed, was killed or lost. With a query: children of *runs*, or all runs that match.

        From then on these nodes demand `memory="8GiB"`, `cpus="2x"` (twice as many), `timeout="30.minutes"`; what no
        known agent could execute is refused without `force=True`.
        """

        async def act(ids: list[str]) -> tuple[views.RunOutcome, ...]:
            request = accio_pb2.RetryRequest(ids=ids, latest_operators=latest_operators, **demand)
            return run_views.outcomes(await self._connection.call(self._accio.Retry, request, accio_pb2.RunsResponse))

        if where:
            lists = selecting.selections(runs, where, of_children=selecting.RETRIED)
            runs = await selecting.ids(self.iterate_runs, lists)
        return await selecting.in_parts(runs, act)

    async def watch(self, run: str, *, patience: float = WATCH_PATIENCE_S) -> AsyncGenerator[views.RunUpdate]:
        """Yield the run's state now and at each change (the latest wins) until it ended, also over restarts."""
        async with aclosing(self._updates(accio_pb2.WatchRequest(id=run), patience)) as updates:
            async for update in updates:
                yield update

    async def _updates(self, request: accio_pb2.WatchRequest, patience: float) -> AsyncGenerator[views.RunUpdate]:
        messages = self._connection.lasting_stream(self._accio.Watch, request, accio_pb2.RunUpdate, patience=patience)
        async with aclosing(messages):
            async for message in messages:
                yield watch_views.update(message)

    async def wait(self, run: str, *, patience: float = WATCH_PATIENCE_S) -> views.RunView:
        """Wait until the run has ended, and return how."""
        async with aclosing(self._updates(accio_pb2.WatchRequest(id=run, only_end=True), patience)) as updates:
            async for update in updates:
                if update.run.ended:
                    return update.run
        return (await self.get_run(run, nodes=False)).run

    async def logs(
        self, run: str, node: str | None = None, *, follow: bool = False, patience: float = WATCH_PATIENCE_S
    ) -> AsyncGenerator[views.LogLine]:
        """Yield what the run's nodes (or one of them) printed; with *follow*, until the run has ended."""
        async with aclosing(self.log_groups(run, node, follow=follow, patience=patience)) as groups:
            async for lines in groups:
                for line in lines:
                    yield line

    async def log_groups(
        self, run: str, node: str | None = None, *, follow: bool = False, patience: float = WATCH_PATIENCE_S
    ) -> AsyncGenerator[tuple[views.LogLine, ...]]:
        """Yield the lines of `logs` as they arrive, those of one message together: for logs of many nodes."""
        from accio_client.logs import LogReader

        request = accio_pb2.LogsRequest(run=run, node=node or "", follow=follow, together=True)
        reader = LogReader(follow=follow)
        chunks = self._connection.lasting_stream(
            self._accio.Logs, request, accio_pb2.LogChunk, patience=patience, again=reader.begin_again
        )
        async with aclosing(chunks):
            async for chunk in chunks:
                if lines := tuple(reader.read(chunk)):
                    yield lines
        if lines := tuple(reader.rest()):
            yield lines

    async def why(self, run: str, node: str | None = None) -> tuple[views.WhyView, ...]:
        """Return why a node (or each node) was executed, taken from the memo, or waits."""
        request = accio_pb2.WhyRequest(run=run, node=node or "")
        answer = await self._connection.call(self._accio.Why, request, accio_pb2.WhyResponse)
        return tuple(watch_views.why(each) for each in answer.answers)

    async def compare_operators(self, first: str, second: str) -> tuple[views.OperatorDifferenceView, ...]:
        """Return the nodes whose operators differ between two runs, and in which parts of their code."""
        request = accio_pb2.CompareOperatorsRequest(first=first, second=second)
        answer = await self._connection.call(self._accio.CompareOperators, request, accio_pb2.CompareOperatorsResponse)
        return tuple(workflow_views.operator_difference(each) for each in answer.nodes)

    async def events(self, run: str, *, limit: int = 1000) -> tuple[views.EventView, ...]:
        """Return the run's history, oldest first."""
        request = accio_pb2.EventsRequest(run=run, limit=numbers.limit(limit))
        answer = await self._connection.call(self._accio.Events, request, accio_pb2.EventsResponse)
        return tuple(watch_views.event(each) for each in answer.events)

    def _submission(
        self, definition: Definition, base_path: str | None, cache: views.CacheMode, key: str | None
    ) -> accio_pb2.SubmitRequest:
        import secrets

        from accio_client.point_files import with_points

        text, folder, _ = definition_text.read(definition, base_path)
        return accio_pb2.SubmitRequest(
            definition=with_points(text, folder),
            base_path=folder,
            idempotency_key=key or secrets.token_hex(16),
            caller=self._user,
            cache=cache_mode_message(cache),
        )

    async def _complete(self, error: InvalidDefinition, request: accio_pb2.SubmitRequest) -> InvalidDefinition:
        """Return the error with all issues, where the trailers held only the first of them."""
        from accio.wire.errors import is_clipped  # with gRPC, which is there once a call was refused

        if not is_clipped(error.issues):
            return error
        found = await self.validate(request.definition, base_path=request.base_path)
        return InvalidDefinition(found.errors or error.issues, found.warnings)
