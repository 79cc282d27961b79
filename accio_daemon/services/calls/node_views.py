"""Nodes as users see them: what the database knows, why they wait, and how far they say they are."""

import asyncio
from collections.abc import Sequence

from accio.domain.access import Viewer
from accio.domain.children import OWN
from accio.domain.names import suggest
from accio.domain.operators import OperatorSpec
from accio.domain.retry_demand import NodeDemand, difference
from accio.domain.seeds import node_seed
from accio.domain.series import Packed
from accio.domain.states import NodeState
from accio.domain.workflows import Workflow
from accio.errors import BadRequest, NotFound
from accio.late import dataclass
from accio.v1 import runs_pb2, values_pb2
from accio.wire.metrics import metrics_message
from accio.wire.resources import resources_message
from accio_daemon.core.demands import declared
from accio_daemon.core.terms import Checkpoint
from accio_daemon.engine.ports import EnginePort
from accio_daemon.services.messages.nodes import (
    artifact_messages,
    attempt_message,
    attempts_of,
    checkpoint_message,
    node_message,
    series_messages_of,
)
from accio_daemon.services.sessions.live import Live
from accio_daemon.storage.exports.series import read_series
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.nodes.node_inputs import Input, effective_inputs, read_results
from accio_daemon.storage.nodes.node_results import NodeResult, read_result
from accio_daemon.storage.nodes.nodes_query import NodeFacts, places, read_nodes
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.rows.checkpoints import read_checkpoint
from accio_daemon.storage.rows.demands import read_demand
from accio_daemon.storage.rows.gathered import read_gathered
from accio_daemon.storage.runs import runs_query
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.runs.runs_query import Found
from accio_daemon.storage.runs.workflows import operators_by_no

_EXPLAINED = (NodeState.WAITING, NodeState.QUEUED, NodeState.RUNNING)
# Nodes that are looked up between two turns of others: less than a millisecond's worth.
AT_ONCE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class _Details:
    found: Found
    node: NodeFacts
    operator: OperatorSpec  # the version that gave the result, or failed; else that which the run pins
    pinned: str | None  # the digest of what the run pins
    inputs: dict[str, Input]
    seed: int | None
    result: NodeResult | None
    declared: NodeDemand  # what the workflow says that it demands
    demand: NodeDemand
    checkpoint: Checkpoint | None
    series: dict[int, list[Packed]]  # by attempt


class NodeViews:
    """Makes the messages of nodes."""

    def __init__(self, *, engine: EnginePort, readers: Readers, plans: Plans, live: Live) -> None:
        """Read rows from *readers*; ask the engine why nodes wait, and *live* for the progress of running ones."""
        self._engine = engine
        self._readers = readers
        self._plans = plans
        self._live = live

    async def complete(self, found: Found, nodes: Sequence[NodeFacts], messages: Sequence[runs_pb2.Node]) -> None:
        """Add to messages of nodes what only the event loop's thread may look up: why they wait, whose execution they
        share, and how far they are.
        Others get their turns in between: there may be a hundred thousand.
        """
        looked_up = 0
        for node, message in zip(nodes, messages, strict=True):
            if node.state not in _EXPLAINED:
                continue
            message.reason = found.run.standstill or self._engine.explain(found.run.no, found.place, node.no)
            message.shares = self._engine.shared_with(found.run.no, found.place, node.no)
            if node.current is not None:
                message.progress = self._live.progress(node.current.id)
            looked_up += 1
            if looked_up % AT_ONCE == 0:
                await asyncio.sleep(0)

    async def details(self, run: str, name: str, viewer: Viewer) -> runs_pb2.NodeDetails:
        """Write everything about one node."""
        details = await self._readers.read(lambda snapshot: self._read(snapshot, run, name, viewer))
        node = node_message(details.found, details.node)
        await self.complete(details.found, (details.node,), (node,))
        message = runs_pb2.NodeDetails(
            node=node,
            attempts=map(attempt_message, details.node.attempts),
            seed=details.seed,
            operator_digest=details.operator.digest or "",
            pinned_digest=details.pinned or "",
            demand=resources_message(details.demand.resources),
            timeout_ms=details.demand.timeout_ms or 0,
            demand_changed=difference(details.declared, details.demand),
        )
        if details.checkpoint is not None:
            message.checkpoint.CopyFrom(checkpoint_message(details.checkpoint))
        current = details.node.current
        live = {} if current is None else {current.id: self._live.series(current.id)}
        message.measured.extend(series_messages_of(details.found.id, details.node, live | details.series))
        for port, value in details.inputs.items():
            if value.text is not None:
                message.inputs[port].CopyFrom(values_pb2.Value(type=str(value.type), json=value.text))
        if details.result is not None:
            message.key = details.result.key or ""
            message.artifacts.extend(artifact_messages(details.operator, details.result))
            message.metrics.CopyFrom(metrics_message(details.result.metrics))
        return message

    def _read(self, snapshot: Snapshot, run: str, name: str, viewer: Viewer) -> _Details:
        found = runs_query.find(snapshot, run, viewer)
        workflow = self._plans.workflow(snapshot, found.run)
        nodes = nodes_of(snapshot, self._plans, found)
        place = node_place(workflow, found, name)
        plan = self._plans.plan(snapshot, found.run)
        coordinates = () if found.place == OWN else found.run.sweep.coordinates(found.place)[0]
        node, planned = nodes[place - nodes[0].no], plan.nodes[place]
        by_itself = declared(planned)
        result = read_result(snapshot, found, place)
        return _Details(
            found=found,
            node=node,
            operator=_executed(snapshot, node, result) or planned.operator,
            pinned=planned.operator.digest,
            inputs=effective_inputs(
                found.run,
                planned,
                coordinates,
                read_results(snapshot, found).get,
                read_gathered(snapshot, found.run.no) if planned.gathers else {},
            ),
            seed=node_seed(found.seed, name) if planned.operator.unstable else None,
            result=result,
            declared=by_itself,
            demand=read_demand(snapshot, found.run.no, found.place, place) or by_itself,
            checkpoint=read_checkpoint(snapshot, found.run.no, found.place, place),
            series=read_series(snapshot, attempts_of(node)),
        )


def _executed(snapshot: Snapshot, node: NodeFacts, result: NodeResult | None) -> OperatorSpec | None:
    """Return the version that a node's end comes from; None if it hasn't ended, or that isn't known."""
    if result is not None:
        return result.operator
    version = node.failed_version
    return None if version is None else operators_by_no(snapshot, (version,))[version].spec


def nodes_of(snapshot: Snapshot, plans: Plans, found: Found) -> list[NodeFacts]:
    """Read the nodes of a single run or a child, or those of a sweep itself; BadRequest if it has none."""
    if found.place == OWN and not found.run.own_nodes:
        raise BadRequest(f"{found.id} is a sweep and has no nodes itself: name one of its children, as in {found.id}.0")
    return read_nodes(snapshot, found, plans.workflow(snapshot, found.run))


def node_place(workflow: Workflow, found: Found, name: str) -> int:
    """Find a node of a run by its name, and return its place in the graph; NotFound says which there are."""
    names = {workflow.graph[no].name: no for no in places(found, workflow)}
    if name in names:
        return names[name]
    there = list(names) or [node.name for node in workflow.graph]  # of a sweep without nodes of its own, its children's
    meant = suggest(name, there)
    whose = "it has" if names else "its children have"
    hint = f"; did you mean {meant}?" if meant else f"; {whose} {', '.join(there[:20])}"
    if workflow.node(name) is not None:
        hint = f": its children have it, as {found.id}.0" if found.place == OWN else f": {found.run.id} itself has it"
    raise NotFound(f"run {found.id} has no node {name[:100]!r}{hint}")
