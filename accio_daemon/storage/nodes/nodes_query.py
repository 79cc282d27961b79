"""The nodes of a single run or a child: their rows, and what follows for nodes that have none.

A node that hasn't ended has no row: it is running if an execution was begun for it, queued if its predecessors have
all succeeded, else waiting. A node of a child that a closed run never reached was killed (a root) or cancelled.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import field
from typing import Any

import orjson

from accio.domain.children import implied_node_state
from accio.domain.failures import Failure
from accio.domain.states import Cause, NodeState, RunState
from accio.domain.workflows import Workflow
from accio.late import dataclass
from accio_daemon.storage.codes import ATTEMPT_STATES, NODE_STATE_OF
from accio_daemon.storage.runs.runs_query import SQL, Found

_KILLED = Failure(cause=Cause.KILLED, message="the run was killed before this node began")
_NEVER_READY = Failure(cause=Cause.CANCELLED, message="the run was killed before this node was ready")
_STOPPED = Failure(cause=Cause.CANCELLED, message="on_failure stopped the run before this node began")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """An attempt that gave no result, the successful one, or the current one (state `running`)."""

    id: int
    agent: str
    state: str
    started_ms: int
    ended_ms: int | None
    failure: Failure | None
    operator_no: int | None = None  # the version that it executed, of one that gave no result; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a node's result comes from: the execution that gave it, and the node that it was begun for."""

    result: int
    attempt: int
    agent: str
    owner: tuple[int, int, int]
    log_bytes: int
    computed_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """One node as the database knows it."""

    no: int
    name: str
    operator: str
    state: NodeState
    cached: bool
    attempts: tuple[AttemptRow, ...]
    started_ms: int | None
    ended_ms: int | None
    failure: Failure | None
    source: Source | None
    ended_by: int | None = None  # the version of the execution, maybe another's, without a result; None: not known

    @property
    def current(self) -> AttemptRow | None:
        """The attempt that runs."""
        return self.attempts[-1] if self.attempts and self.attempts[-1].state == "running" else None

    @property
    def failed_version(self) -> int | None:
        """The operator version by which a node ended without a result; None if it ended by none, or it isn't known: the
        run may have moved on to another version since. What ended before that was kept has it from its last attempt.
        """
        if self.ended_by is not None:
            return self.ended_by
        last = self.attempts[-1] if self.attempts else None
        if last is None or self.state is NodeState.SUCCESS or last.state != self.state:
            return None
        return last.operator_no if self.state is not NodeState.FAILED or last.failure == self.failure else None

    @property
    def agent(self) -> str:
        """The agent of the last attempt."""
        return self.attempts[-1].agent if self.attempts else ""


def read_nodes(connection: sqlite3.Connection, found: Found, workflow: Workflow) -> list[NodeFacts]:
    """Read every node of a single run or a child, or those of a parent itself, in the order of the graph."""
    return read_nodes_of(connection, [found], workflow)[0]


def read_nodes_of(
    connection: sqlite3.Connection, several: Sequence[Found], workflow: Workflow
) -> list[list[NodeFacts]]:
    """Read every node of some children of one run, which costs less than reading those of each."""
    key = {"run": several[0].run.no, "indices": orjson.dumps([found.place for found in several]).decode()}
    rows: dict[int, _Rows] = {found.place: _Rows() for found in several}
    for index, no, *row in connection.execute(SQL["nodes_of"], key):
        rows[index].ended[no] = row
    for index, no, *row in connection.execute(SQL["executions_of"], key):
        rows[index].begun[no] = row
    for index, no, *row in connection.execute(SQL["attempts_of"], key):
        rows[index].attempts.setdefault(no, []).append(_attempt(row))
    return [_nodes(found, workflow, rows[found.place]) for found in several]


@dataclass(slots=True)
class _Rows:
    """The rows of one child, by node."""

    ended: dict[int, list[Any]] = field(default_factory=dict)
    begun: dict[int, list[Any]] = field(default_factory=dict)
    attempts: dict[int, list[AttemptRow]] = field(default_factory=dict)


def _nodes(found: Found, workflow: Workflow, rows: _Rows) -> list[NodeFacts]:
    ended, begun, attempts = rows.ended, rows.begun, rows.attempts
    nodes: list[NodeFacts] = []
    states = _states(found, workflow, ended, begun)
    for no in places(found, workflow):
        definition = workflow.graph[no]
        past = attempts.get(no, [])
        common: dict[str, Any] = {"no": no, "name": definition.name, "operator": definition.op, "state": states[no]}
        if no in ended:
            nodes.append(_ended(common, (found.run.no, found.place, no), past, ended[no]))
        elif no in begun and begun[no][1] is not None:
            _, attempt_no, agent, dispatched, _ = begun[no]
            current = AttemptRow(
                id=attempt_no,
                agent=agent or "",
                state="running",
                started_ms=dispatched,
                ended_ms=None,
                failure=None,
            )
            nodes.append(_going_on(common, (*past, current), dispatched))
        else:
            nodes.append(_going_on(common, tuple(past), None, _implied_failure(states[no], found.run.implied)))
    return nodes


def _attempt(row: Sequence[Any]) -> AttemptRow:
    number, agent, state, failure, started, ended, operator_no = row
    return AttemptRow(
        id=number,
        agent=agent or "",
        state=ATTEMPT_STATES[state],
        started_ms=started,
        ended_ms=ended,
        failure=None if failure is None else Failure.from_json(orjson.loads(failure)),
        operator_no=operator_no,
    )


def _ended(
    common: dict[str, Any], key: tuple[int, int, int], past: Sequence[AttemptRow], row: Sequence[Any]
) -> NodeFacts:
    (_, cached, _, cause, settled, result, attempt, agent, started, ended, *owner, log_bytes, ended_by) = row
    source = None
    if result is not None:
        source = Source(
            result=result,
            attempt=attempt,
            agent=agent or "",
            owner=(owner[0], owner[1], owner[2]),
            log_bytes=log_bytes,
            computed_ms=started,
        )
    attempts = tuple(past)
    if source is not None and not cached and source.owner == key:
        succeeded = AttemptRow(
            id=attempt, agent=source.agent, state="success", started_ms=started, ended_ms=ended, failure=None
        )
        attempts = (*attempts, succeeded)
    # Both by the clock of the agent, where an attempt decided how the node ended: else "took" is a difference of two.
    last = attempts[-1] if attempts else None
    return NodeFacts(
        **common,
        cached=bool(cached),
        attempts=attempts,
        started_ms=None if last is None else last.started_ms,
        ended_ms=settled if last is None or last.state != common["state"] else last.ended_ms,
        failure=None if cause is None else Failure.from_json(orjson.loads(cause)),
        source=source,
        ended_by=ended_by,
    )


def _going_on(
    common: dict[str, Any], attempts: tuple[AttemptRow, ...], started: int | None, failure: Failure | None = None
) -> NodeFacts:
    return NodeFacts(
        **common, cached=False, attempts=attempts, started_ms=started, ended_ms=None, failure=failure, source=None
    )


def places(found: Found, workflow: Workflow) -> range:
    """Return the places in the graph of a single run's nodes, of a child's, or of those of a parent itself."""
    if found.run.single:
        return range(len(workflow.graph))
    if found.index is None:
        return range(workflow.per_child, len(workflow.graph))
    return range(workflow.per_child)


def _states(
    found: Found, workflow: Workflow, ended: dict[int, list[Any]], begun: dict[int, list[Any]]
) -> dict[int, NodeState]:
    here = places(found, workflow)
    if len(ended) == len(here):
        return {no: NODE_STATE_OF[ended[no][0]] for no in here}
    of_parent = found.index is None and found.run.parent
    # A single run's row has its state, and it is closed only for a moment before its nodes have ended.
    unreached = found.instance is None and not ended and found.run.implied is not RunState.SCHEDULED and not of_parent
    waits = of_parent and found.run.counts.final() is None  # for children
    place = {node.name: no for no, node in enumerate(workflow.graph)}
    states: dict[int, NodeState] = {}
    for no in here:
        if no in ended:
            states[no] = NODE_STATE_OF[ended[no][0]]
            continue
        before = [ended.get(place[name]) for name in workflow.graph[no].predecessors() if place[name] in here]
        if unreached:
            states[no] = implied_node_state(found.run.implied, is_root=not before)
        elif no in begun and begun[no][1] is not None:
            states[no] = NodeState.RUNNING
        elif not waits and all(row is not None and NODE_STATE_OF[row[0]] is NodeState.SUCCESS for row in before):
            states[no] = NodeState.QUEUED
        else:
            states[no] = NodeState.WAITING
    return states


def _implied_failure(state: NodeState, run: RunState) -> Failure | None:
    if state is NodeState.KILLED:
        return _KILLED
    if state is NodeState.CANCELLED:
        return _NEVER_READY if run is RunState.KILLED else _STOPPED
    return None


def count_states(nodes: Sequence[NodeFacts]) -> dict[NodeState, int]:
    """Count nodes by state."""
    return dict(Counter(node.state for node in nodes))
