"""How many nodes of a run are in which state, kept up to date from the nodes that changed.

It says what `nodes_query.read_nodes` would, counted. But that reads every node; here a look costs as much as has
changed since the last one: each node that ended, or was taken back, and its successors.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping

import orjson

from accio.domain.children import implied_node_state
from accio.domain.failures import Failure
from accio.domain.states import NodeState, RunState
from accio.domain.workflows import Workflow
from accio_daemon.storage.codes import NODE_STATE_OF, NODE_STATES
from accio_daemon.storage.runs.runs_query import SQL, Found

FAILURES = (NodeState.FAILED, NodeState.LOST)


class NodeTally:
    """The states of the nodes of one graph, of which nothing has ended at first."""

    def __init__(self, workflow: Workflow, count: int) -> None:
        """Begin with a graph, of which a single run or a child has the first *count* nodes."""
        graph = workflow.graph[:count]
        place = {node.name: no for no, node in enumerate(graph)}
        self._after: list[list[int]] = [[] for _ in graph]
        self._missing: list[int] = []  # of each node, predecessors that haven't succeeded
        for no, node in enumerate(graph):
            before = node.predecessors()
            self._missing.append(len(before))
            for name in before:
                self._after[place[name]].append(no)
        self._ended: list[NodeState | None] = [None] * len(graph)
        self._counts: Counter[NodeState] = Counter()
        self._roots = self._ready = self._missing.count(0)  # ready: could run, and hasn't ended

    def put(self, no: int, state: NodeState | None) -> None:
        """Note how a node ended; None if that was taken back, or if it never did."""
        before, self._ended[no] = self._ended[no], state
        if before is not None:
            self._counts[before] -= 1
        if state is not None:
            self._counts[state] += 1
        if not self._missing[no]:
            self._ready += (state is None) - (before is None)
        succeeded = (state is NodeState.SUCCESS) - (before is NodeState.SUCCESS)
        if succeeded:
            for successor in self._after[no]:
                self._arrive(successor, succeeded)

    def _arrive(self, no: int, succeeded: int) -> None:
        """Note that one more predecessor of a node has succeeded, or (-1) one less."""
        was_missing = self._missing[no]
        self._missing[no] -= succeeded
        if self._ended[no] is None:
            self._ready += (not self._missing[no]) - (not was_missing)

    def ended(self, no: int) -> NodeState | None:
        """Return how a node ended."""
        return self._ended[no]

    def has_failures(self) -> bool:
        """Return whether a node failed or was lost."""
        return any(self._counts[state] for state in FAILURES)

    def counts(self, executing: Iterable[int] = ()) -> dict[NodeState, int]:
        """Count the nodes, given those that an agent executes."""
        running = [no for no in executing if self._ended[no] is None]
        queued = self._ready - sum(not self._missing[no] for no in running)
        waiting = len(self._ended) - self._counts.total() - len(running) - queued
        going_on = {NodeState.WAITING: waiting, NodeState.QUEUED: queued, NodeState.RUNNING: len(running)}
        return {state: count for state, count in (*going_on.items(), *self._counts.items()) if count}

    def unreached(self, run: RunState) -> dict[NodeState, int]:
        """Count the nodes of a child that its closed run never reached."""
        lost = Counter({implied_node_state(run, is_root=True): self._roots})
        lost[implied_node_state(run, is_root=False)] += len(self._ended) - self._roots
        return {state: count for state, count in lost.items() if count}


def read_ends(connection: sqlite3.Connection, found: Found, nodes: Iterable[int] | None = None) -> dict[int, NodeState]:
    """Read how the nodes of a single run or a child ended: of all, or of some; those that haven't aren't in it."""
    key = {"run": found.run.no, "idx": found.place}
    if nodes is None:
        rows = connection.execute(SQL["ends_of"], key)
    else:
        rows = connection.execute(SQL["ends_among"], key | {"nodes": orjson.dumps(sorted(nodes)).decode()})
    return {no: NODE_STATE_OF[state] for no, state in rows}


def count_nodes(connection: sqlite3.Connection, found: Found, tally: NodeTally) -> Mapping[NodeState, int]:
    """Count the nodes of a single run or a child, whose ends the tally knows already."""
    run = found.run
    counts = tally.counts()
    if not counts.keys() & _GOING_ON:
        return counts  # of a run that is over nothing else need be read
    if found.instance is None and run.implied is not RunState.SCHEDULED and not counts.keys() - _GOING_ON:
        return tally.unreached(run.implied)
    rows = connection.execute(SQL["executing_nodes"], {"run": run.no, "idx": found.place})
    return tally.counts(no for (no,) in rows)


_GOING_ON = {NodeState.WAITING, NodeState.QUEUED, NodeState.RUNNING}


def first_failed(connection: sqlite3.Connection, found: Found) -> tuple[int, Failure] | None:
    """Read which node of a single run or a child failed first, and why."""
    codes = orjson.dumps([NODE_STATES[state] for state in FAILURES]).decode()
    row = connection.execute(SQL["first_failed"], {"run": found.run.no, "idx": found.place, "states": codes}).fetchone()
    return None if row is None else (row[0], Failure.from_json(orjson.loads(row[1])))
