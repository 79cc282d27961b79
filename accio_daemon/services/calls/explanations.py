"""The rpcs Why, CompareOperators and Events: what stored facts say of how a run came about."""

import asyncio
from collections.abc import Iterator

from accio.domain.access import Viewer
from accio.domain.children import OWN
from accio.domain.operators import OperatorSpec
from accio.domain.states import RUN_TERMINAL, NodeState
from accio.v1 import accio_pb2
from accio_daemon.core.terms import CacheMode
from accio_daemon.engine.ports import EnginePort
from accio_daemon.services.calls.logs import name_of_owner
from accio_daemon.services.calls.node_views import AT_ONCE, node_place, nodes_of
from accio_daemon.services.calls.rights import Rights
from accio_daemon.storage.jobs import ReadJob, Snapshot
from accio_daemon.storage.nodes.nodes_query import NodeFacts
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.runs import runs_query
from accio_daemon.storage.runs.events import read_attempts, read_events
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.runs.runs_query import Found
from accio_daemon.storage.runs.why import nearest_earlier, operator_differences

_EVENTS = 1_000
_ANSWER = 5  # nodes that cost about as much to read as to explain one
_MOST_EVENTS = 20_000
_WAITING = (NodeState.WAITING, NodeState.QUEUED)
_UNDECIDED = (*_WAITING, NodeState.RUNNING)  # of which the engine may know more than what is stored


class ExplanationCalls:
    """Why, CompareOperators and Events."""

    def __init__(self, *, engine: EnginePort, readers: Readers, plans: Plans, rights: Rights) -> None:
        """Read facts from *readers*, and ask the engine why nodes wait."""
        self._engine = engine
        self._readers = readers
        self._rights = rights
        self._plans = plans

    async def why(self, request: accio_pb2.WhyRequest) -> accio_pb2.WhyResponse:
        """Explain why nodes were executed, cached, or wait."""
        viewer = self._rights.viewer()

        def read(snapshot: Snapshot, found: Found) -> tuple[Found, list[NodeFacts], list[accio_pb2.WhyAnswer]]:
            nodes = nodes_of(snapshot, self._plans, found)
            if request.node:
                place = node_place(self._plans.workflow(snapshot, found.run), found, request.node)
                nodes = [node for node in nodes if node.no == place]
            return found, nodes, [self._answer(snapshot, found, node, viewer) for node in nodes]

        found, nodes, answers = await self._readers.read_found(
            _finding(request.run, viewer), lambda found: _ANSWER * (1 if request.node else found.run.nodes), read
        )
        undecided = [each for each in zip(nodes, answers, strict=True) if each[0].state in _UNDECIDED]
        for count, (node, answer) in enumerate(undecided, start=1):
            known = found.run.standstill or self._engine.explain(found.run.no, found.place, node.no)
            answer.reason = known or self._sharing(found, node) or answer.reason
            if count % AT_ONCE == 0:
                await asyncio.sleep(0)
        return accio_pb2.WhyResponse(answers=answers)

    def _sharing(self, found: Found, node: NodeFacts) -> str:
        other = self._engine.shared_with(found.run.no, found.place, node.no)
        return f"it shares the execution of {other}" if other else ""

    def _answer(self, snapshot: Snapshot, found: Found, node: NodeFacts, viewer: Viewer) -> accio_pb2.WhyAnswer:
        operator = self._plans.operators(snapshot, found.run)[node.no].spec
        answer = accio_pb2.WhyAnswer(run=found.id, node=node.name, agent=node.agent)
        if node.state in _WAITING:
            answer.answer = "waiting"
            answer.reason = "waits for its predecessors" if node.state is NodeState.WAITING else "is queued"
        elif node.state is NodeState.RUNNING:
            answer.answer, answer.reason = "executed", f"it runs on {node.agent}: no result had its key"
        elif node.source is None:
            answer.answer = "failed"
            answer.reason = node.failure.message if node.failure else f"it is {node.state}"
        elif node.cached:
            self._explain_hit(snapshot, node, answer, viewer)
        elif operator.digest is None:
            answer.answer = "uncacheable"
            answer.reason = operator.uncacheable or "the operator's digest isn't known"
        else:
            self._explain_execution(snapshot, found, node, operator, answer, viewer)
        if node.source is not None:
            answer.computed_at_ms = node.source.computed_ms
            answer.agent = node.source.agent
        return answer

    def _explain_hit(self, snapshot: Snapshot, node: NodeFacts, answer: accio_pb2.WhyAnswer, viewer: Viewer) -> None:
        assert node.source is not None, "a cached node has a result"
        origin = name_of_owner(snapshot, node.source.owner, self._plans, viewer)
        answer.answer = "cached"
        setattr(answer, "from", origin)
        what = origin or "a run that was deleted since"
        answer.reason = f"its operator, inputs and seed equal those of {what}"

    def _explain_execution(
        self,
        snapshot: Snapshot,
        found: Found,
        node: NodeFacts,
        operator: OperatorSpec,
        answer: accio_pb2.WhyAnswer,
        viewer: Viewer,
    ) -> None:
        assert node.source is not None, "an executed node that succeeded has a result"
        answer.answer = "executed"
        if found.run.cache is CacheMode.NONE:
            answer.reason = "the run was submitted to use no memo"
            return
        nearest = nearest_earlier(snapshot, node.source.result, operator.name)
        if nearest is None:
            answer.reason = f"there was no earlier result of {operator.name}"
            return
        setattr(answer, "from", name_of_owner(snapshot, nearest.owner, self._plans, viewer))
        for each in nearest.differences:
            answer.differences.add(component=each.component, before=each.before, after=each.after)
        if nearest.differences:
            changes = ", ".join(_sentence(each.component, each.before, each.after) for each in nearest.differences)
            answer.reason = f"the nearest earlier result differs: {changes}"
        elif found.run.cache is CacheMode.REFRESH:
            answer.reason = "the run was submitted to compute everything anew"
        else:
            answer.reason = (
                "an equal result had been computed, but it was invalidated, its content is damaged or gone, "
                "or it wasn't there yet when this was looked up"
            )

    async def compare_operators(self, request: accio_pb2.CompareOperatorsRequest) -> accio_pb2.CompareOperatorsResponse:
        """Say which nodes of two runs have operators that differ, and in what."""
        viewer = self._rights.viewer()
        first, second = await self._readers.read(
            lambda snapshot: (
                self._specs(snapshot, request.first, viewer),
                self._specs(snapshot, request.second, viewer),
            )
        )
        response = accio_pb2.CompareOperatorsResponse()
        for node in dict.fromkeys((*first, *second)):
            one, other = first.get(node), second.get(node)
            parts = operator_differences(one, other) if one and other and one.name == other.name else []
            if parts or one is None or other is None or one.name != other.name:
                found = response.nodes.add(node=node, first=one.name if one else "", second=other.name if other else "")
                for each in parts:
                    found.components.add(component=each.component, before=each.before, after=each.after)
        return response

    def _specs(self, snapshot: Snapshot, run: str, viewer: Viewer) -> dict[str, OperatorSpec]:
        found = runs_query.find(snapshot, run, viewer).run
        graph = self._plans.workflow(snapshot, found).graph
        operators = self._plans.operators(snapshot, found)
        return {node.name: pinned.spec for node, pinned in zip(graph, operators, strict=True)}

    # --- events -------------------------------------------------------------------------------------------------

    async def events(self, request: accio_pb2.EventsRequest) -> accio_pb2.EventsResponse:
        """Return the history of a run, oldest first."""
        limit, viewer = min(request.limit or _EVENTS, _MOST_EVENTS), self._rights.viewer()

        def read(snapshot: Snapshot, found: Found) -> list[accio_pb2.Event]:
            return sorted(self._history(snapshot, found, limit), key=lambda event: event.at_ms)[:limit]

        events = await self._readers.read_found(
            _finding(request.run, viewer), lambda found: limit if found.place == OWN else found.run.nodes, read
        )
        return accio_pb2.EventsResponse(events=events)

    def _history(self, snapshot: Snapshot, found: Found, limit: int) -> Iterator[accio_pb2.Event]:
        run = found.run
        graph = self._plans.workflow(snapshot, run).graph
        owner = f"by {run.owner_name} <{run.owner_email}>" if run.owner_email else f"by {run.owner_name}"
        yield accio_pb2.Event(at_ms=run.created_ms, kind="submitted", run=run.id, detail=owner)
        for event in read_events(snapshot, run.no, found.index, limit):
            yield accio_pb2.Event(
                at_ms=event.at_ms,
                kind=event.kind,
                run=run.id if event.index is None else run.name_of(event.index),
                node="" if event.node is None else graph[event.node].name,
                attempt=event.attempt or 0,
                detail=event.detail,
            )
        if found.index is None and run.parent:
            yield from self._attempts_of_parent(snapshot, found, limit)
        else:
            for node_facts in nodes_of(snapshot, self._plans, found):
                yield from _events_of_node(found, node_facts)
        ended = found.instance.ended_ms if found.instance is not None else run.ended_ms
        if found.state in RUN_TERMINAL and ended:
            yield accio_pb2.Event(at_ms=ended, kind="ended", run=found.id, detail=found.state.value)

    def _attempts_of_parent(self, snapshot: Snapshot, found: Found, limit: int) -> Iterator[accio_pb2.Event]:
        """Yield the attempts under a parent that gave no result; its children's histories have the rest."""
        graph = self._plans.workflow(snapshot, found.run).graph
        for attempt in read_attempts(snapshot, found.run.no, limit):
            why = attempt.failure.message if attempt.failure else ""
            yield accio_pb2.Event(
                at_ms=attempt.ended_ms,
                kind=attempt.state,
                run=found.run.name_of(attempt.index),
                node=graph[attempt.node].name,
                attempt=attempt.id,
                detail=f"on {attempt.agent or 'a removed agent'}" + (f": {why}" if why else ""),
            )


def _finding(run: str, viewer: Viewer) -> ReadJob[Found]:
    return lambda snapshot: runs_query.find(snapshot, run, viewer)


def _events_of_node(found: Found, node: NodeFacts) -> Iterator[accio_pb2.Event]:
    for attempt in node.attempts:
        where = f"on {attempt.agent or 'a removed agent'}"
        yield accio_pb2.Event(
            at_ms=attempt.started_ms,
            kind="dispatched",
            run=found.id,
            node=node.name,
            attempt=attempt.id,
            detail=where,
        )
        if attempt.ended_ms:
            why = attempt.failure.message if attempt.failure else where
            kind = "succeeded" if attempt.state == "success" else attempt.state
            yield accio_pb2.Event(
                at_ms=attempt.ended_ms, kind=kind, run=found.id, node=node.name, attempt=attempt.id, detail=why
            )
    if node.ended_ms and (node.cached or not node.attempts):
        kind = "cached" if node.cached else node.state.value
        why = node.failure.message if node.failure else ""
        yield accio_pb2.Event(at_ms=node.ended_ms, kind=kind, run=found.id, node=node.name, detail=why)


def _sentence(component: str, before: str, after: str) -> str:
    if component.startswith("input "):
        return f"{component.removeprefix('input ')} {before or 'absent'} → {after or 'absent'}"
    if component == "seed":
        return f"seed {before or 'none'} → {after or 'none'}"
    return f"{component} {'changed' if before and after else 'is new' if after else 'is gone'}"
