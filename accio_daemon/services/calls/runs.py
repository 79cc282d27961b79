"""The rpcs about runs: get, list, describe nodes, edit, kill, delete, retry, watch."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from accio.domain.children import OWN
from accio.domain.findings import Findings
from accio.domain.issues import summary
from accio.domain.limits import Limits
from accio.domain.people import Person
from accio.domain.precision import Until
from accio.domain.problems import ValueProblem
from accio.domain.retry_demand import read_retry_demand
from accio.domain.validation import check_fit
from accio.errors import AccioError, BadRequest, FailedPrecondition, PermissionDenied
from accio.v1 import accio_pb2, runs_pb2
from accio_daemon.core.commands import DeleteRun, KillRun, RetryRun
from accio_daemon.core.terms import Announced, Round
from accio_daemon.engine.ports import EnginePort
from accio_daemon.engine.starting import why_not
from accio_daemon.services.calls.catalogue import Catalogue
from accio_daemon.services.calls.node_views import NodeViews
from accio_daemon.services.calls.rights import Rights
from accio_daemon.services.calls.studying import study_progress
from accio_daemon.services.calls.watching import Watching
from accio_daemon.services.messages.definitions import definition_json
from accio_daemon.services.messages.nodes import node_message
from accio_daemon.services.messages.runs import run_message
from accio_daemon.services.sessions.code_looks import CodeLooks
from accio_daemon.services.sessions.live import Live
from accio_daemon.services.transport.keeping import TokenKeeper
from accio_daemon.services.transport.rpc import SendEncoded
from accio_daemon.storage.file import quarantine
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.nodes.begun import count_executing
from accio_daemon.storage.nodes.nodes_query import NodeFacts, count_states, read_nodes
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.rows.rounds import read_rounds
from accio_daemon.storage.runs import runs_query
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.runs.runs_query import Found, read_on_failure
from accio_daemon.storage.submitting import submissions
from accio_daemon.storage.writing.store import StoredWorld

T = TypeVar("T")

_SUMMED_UP = 100
"""What points of a sweep that are summed up, or looked for, cost as if they were nodes."""


class RunCalls:
    """Everything about runs that exist."""

    def __init__(
        self,
        *,
        engine: EnginePort,
        readers: Readers,
        catalogue: Catalogue,
        plans: Plans,
        live: Live,
        watching: Watching,
        limits: Limits,
        rights: Rights,
        keeper: TokenKeeper,
        looks: CodeLooks,
    ) -> None:
        """Ask the engine, read from *readers*, and ask *live* for the progress of running nodes.

        *looks* are taken at operators' code before runs are moved on to it.
        """
        self._engine = engine
        self._readers = readers
        self._catalogue = catalogue
        self._plans = plans
        self._watching = watching
        self._limits = limits
        self._rights = rights
        self._keeper = keeper
        self._looks = looks
        self._views = NodeViews(engine=engine, readers=readers, plans=plans, live=live)

    # --- reading ------------------------------------------------------------------------------------------------

    async def get(self, request: accio_pb2.GetRequest) -> accio_pb2.GetResponse:
        """Return a run, with its nodes if asked."""
        viewer = self._rights.viewer()

        def read(snapshot: Snapshot, found: Found) -> tuple[Found, list[NodeFacts], accio_pb2.GetResponse]:
            nodes = read_nodes(snapshot, found, self._plans.workflow(snapshot, found.run))
            running = count_executing(snapshot, found.run.no) if found.place == OWN else None
            until = found.run.sweep.until if found.place == OWN else None
            counts = None if found.place == OWN else count_states(nodes)
            response = accio_pb2.GetResponse(
                run=run_message(found, running=running, nodes=counts),
                precision=None if until is None else _precision(read_rounds(snapshot, found.run.no), until),
                study=study_progress(snapshot, found.run, self._plans) if found.place == OWN else None,
                nodes=[node_message(found, node) for node in nodes] if request.nodes else (),
            )
            if request.definition:
                response.definition_json = definition_json(found, read_on_failure(snapshot, found.run.no))
            return found, nodes, response

        # Where it is read it is written, too: a run may have 100,000 nodes.
        found, nodes, response = await self._readers.read_found(
            lambda snapshot: runs_query.find(snapshot, request.id, viewer), _length, read
        )
        if request.nodes:
            await self._views.complete(found, nodes, response.nodes)
        return response

    async def get_node(self, request: accio_pb2.GetNodeRequest) -> runs_pb2.NodeDetails:
        """Return everything about a node."""
        return await self._views.details(request.run, request.node, self._rights.viewer())

    async def watch(self, request: accio_pb2.WatchRequest, send: SendEncoded[accio_pb2.RunUpdate]) -> None:
        """Send a run's states until it has ended."""
        await self._watching.watch(await self._find(request.id), send, only_end=request.only_end)

    async def _find(self, text: str) -> Found:
        viewer = self._rights.viewer()
        return await self._readers.read_at_hand(lambda snapshot: runs_query.find(snapshot, text, viewer))

    async def _found_own(self, text: str, deed: str) -> Found:
        """Find a run that the caller may do a *deed* to."""
        found = await self._find(text)
        owner = Person(name=found.run.owner_name, email=found.run.owner_email)
        self._rights.require_owner(owner, deed, f"run {found.id}")
        return found

    # --- changing -----------------------------------------------------------------------------------------------

    async def update_metadata(self, request: accio_pb2.UpdateMetadataRequest) -> accio_pb2.UpdateMetadataResponse:
        """Edit name, notes and tags; a child's edit changes its parent."""
        name = request.name if request.HasField("name") else None
        notes = request.notes if request.HasField("notes") else None
        tags = tuple(request.tags.tags) if request.HasField("tags") else None
        _check_metadata(self._limits, name, notes, tags)
        found = await self._found_own(request.id, "update")
        change = self._keeper.change("update run", found.run.id)
        run, changed = await self._engine.write(
            lambda transaction: submissions.update_metadata(
                transaction, found.run.no, name=name, notes=notes, tags=tags, change=change
            )
        )
        return accio_pb2.UpdateMetadataResponse(run=run_message(run), changed=changed)

    async def kill(self, request: accio_pb2.RunsRequest) -> accio_pb2.RunsResponse:
        """Stop runs."""

        async def kill(found: Found) -> bool:
            by = self._keeper.change("kill run", found.id).by
            return await self._engine.ask(KillRun(run=found.run.no, index=found.index, by=by))

        return await self._each(request.ids, "kill", kill)

    async def delete(self, request: accio_pb2.RunsRequest) -> accio_pb2.RunsResponse:
        """Delete runs, stopping them first."""

        async def delete(found: Found) -> bool:
            changed = await self._engine.ask(DeleteRun(run=found.run.no, index=found.index))
            await self._keeper.keep("delete run", found.id)  # its own events are gone with it
            return changed

        return await self._each(request.ids, "delete", delete)

    async def retry(self, request: accio_pb2.RetryRequest) -> accio_pb2.RunsResponse:
        """Run again what didn't succeed."""
        try:
            demand = read_retry_demand(memory=request.memory, cpus=request.cpus, timeout=request.timeout)
        except ValueProblem as problem:
            raise BadRequest(problem.message) from None
        doubts = await self._look() if request.latest_operators else []

        async def retry(found: Found) -> bool:
            if found.run.quarantined:
                await self._try_to_restore(found)
            operators = await self._latest(found) if request.latest_operators else None
            by = self._keeper.change("retry run", found.id).by
            command = RetryRun(
                run=found.run.no,
                index=found.index,
                operators=operators,
                demand=demand or None,
                forced=request.force,
                by=by,
            )
            changed = await self._engine.ask(command)
            lifted = await self._engine.write(partial(quarantine.lift, run=found.run.no))  # it goes on
            return bool(changed or lifted)

        answer = await self._each(request.ids, "retry", retry)
        for outcome in answer.runs:
            outcome.warnings.extend(doubts if outcome.changed else ())
        return answer

    async def _look(self) -> list[str]:
        """Wait until agents have looked at the code of their operators; return of whom that isn't known."""
        look = self._looks.begin()
        await look.over()
        return look.doubts

    async def _try_to_restore(self, found: Found) -> None:
        """Refuse what would end the daemon: a run whose facts make it fail still."""
        reason = await self._readers.read(lambda snapshot: why_not(StoredWorld(snapshot), [found.run.no]))
        if reason:
            raise FailedPrecondition(
                f"run {found.run.id} can't be restored from what is stored of it: {reason}; delete it"
            )

    async def _latest(self, found: Found) -> tuple[Announced, ...]:
        """Return the latest operator versions for a run's workflow, if they still fit it."""
        workflow = await self._readers.read(lambda snapshot: self._plans.workflow(snapshot, found.run))
        operators = await self._catalogue.operators()
        findings = Findings()
        check_fit(workflow, operators.specs, findings)
        if findings.errors:
            raise FailedPrecondition(
                f"the latest operators don't fit workflow {workflow.id}: {summary(findings.errors)}"
            )
        return tuple(operators.announced[node.op] for node in workflow.graph)

    async def _each(
        self, ids: Sequence[str], deed: str, carry_out: Callable[[Found], Awaitable[bool]]
    ) -> accio_pb2.RunsResponse:
        """Do something to each run, and say what became of it; PermissionDenied if none of them is the caller's."""
        outcomes, denied = [], None
        for text in ids:
            try:
                found = await self._found_own(text, deed)
                changed = await carry_out(found)
                outcomes.append(accio_pb2.RunOutcome(id=found.id, changed=bool(changed)))
            except AccioError as error:
                denied = denied or (error if isinstance(error, PermissionDenied) else None)
                outcomes.append(accio_pb2.RunOutcome(id=text, error=error.message))
        if denied is not None and all(outcome.error for outcome in outcomes):
            raise denied
        return accio_pb2.RunsResponse(runs=outcomes)


def _length(found: Found) -> int:
    """Return how many nodes cost about what it does to write all about a run."""
    run = found.run
    if found.place == OWN:
        return run.own_nodes if run.sweep.until is None and run.sweep.study is None else _SUMMED_UP
    return run.nodes if found.index is None or run.sweep.layout is None else max(run.nodes, _SUMMED_UP)


def _precision(rounds: Mapping[int, Round], until: Until) -> runs_pb2.Precision:
    """Count the points that get no more repetitions."""
    ended = [each for each in rounds.values() if each.ended]
    precise = sum(1 for each in ended if until.is_met(each.measured))
    return runs_pb2.Precision(precise=precise, at_max=len(ended) - precise)


def _check_metadata(limits: Limits, name: str | None, notes: str | None, tags: tuple[str, ...] | None) -> None:
    for what, text, most in (("name", name, limits.name_bytes), ("notes", notes, limits.notes_bytes)):
        if text is not None and (len(text.encode()) > most or "\0" in text):
            raise BadRequest(f"expected {what} of at most {most} bytes without NUL, found {len(text.encode())} bytes")
    if tags is None:
        return
    if len(tags) > limits.tags:
        raise BadRequest(f"expected at most {limits.tags} tags, found {len(tags)}")
    for tag in tags:
        if not tag or "\0" in tag or len(tag.encode()) > limits.name_bytes:
            raise BadRequest(f"expected tags of 1 to {limits.name_bytes} bytes, found {tag[:100]!r}")
