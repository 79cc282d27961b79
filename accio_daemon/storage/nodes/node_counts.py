"""How many nodes of a sweep are in which state, node by node of its graph, over all children.

No child is walked: SQLite counts the rows of the nodes that ended, by groups. What has no row follows as in
`RunRow.nodes_by_state`, whose counts these add up to. So many rows as are looked at bound what a look costs; of a
larger sweep, stretches of children are counted that lie evenly over it.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping
from statistics import median_low

from accio.domain.children import OPEN, implied_node_state, within
from accio.domain.states import RUN_TERMINAL, NodeState
from accio.domain.workflows import Workflow
from accio.late import dataclass
from accio_daemon.storage.codes import NODE_STATE_OF
from accio_daemon.storage.runs.runs_query import SQL, RunRow

MOST_NODES = 1_000_000
MOST_LIVE_NODES = 200_000
"""While a run goes on, pages ask again and again."""
MOST_TIMED = 4_000
"""Nodes whose times are read, which costs more than to count them."""
_STRETCHES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """What half of some executions took at most, in microseconds of wall time."""

    median_us: int
    measured: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCounts:
    """The nodes of the children that were counted; by their places in the graph."""

    children: int
    states: tuple[Mapping[NodeState, int], ...]
    cached: tuple[int, ...]  # of the successful ones, those that were taken from the memo
    times: tuple[Took | None, ...]  # of the executions among them


def count_by_node(
    connection: sqlite3.Connection, run: RunRow, workflow: Workflow, most: int | None = None
) -> NodeCounts:
    """Count the nodes of a parent's children, of about *most* nodes at most."""
    if most is None:
        most = MOST_NODES if run.state in RUN_TERMINAL else MOST_LIVE_NODES
    graph = workflow.graph[: run.nodes]
    states: list[Counter[NodeState]] = [Counter() for _ in graph]
    running, cached = Counter[int](), Counter[int]()
    children = unreached = 0
    for stretch in stretches(run.sweep.size, run.nodes, most):
        key = {"run": run.no, "low": stretch.start, "high": stretch.stop - 1}
        present = len(stretch) - within(run.removed, stretch.start, stretch.stop - 1)
        children += present
        for no, state, count, taken in connection.execute(SQL["ended_by_node"], key):
            states[no][NODE_STATE_OF[state]] += count
            cached[no] += taken
        running.update(dict(connection.execute(SQL["running_by_node"], key)))
        if run.closed != OPEN:
            unreached += present - connection.execute(SQL["reached_between"], key).fetchone()[0]
    for no, (node, found) in enumerate(zip(graph, states, strict=True)):
        if unreached:
            found[implied_node_state(run.implied, is_root=not node.predecessors())] += unreached
        rest = max(0, children - found.total())
        found[NodeState.RUNNING] = min(running[no], rest)
        found[NodeState.WAITING] = rest - found[NodeState.RUNNING]
    times = _times(connection, run)
    return NodeCounts(
        children=children,
        states=tuple(states),
        cached=tuple(cached[no] for no in range(len(graph))),
        times=tuple(times.get(no) for no in range(len(graph))),
    )


def _times(connection: sqlite3.Connection, run: RunRow) -> dict[int, Took]:
    """Return how long the nodes took that were executed, by their places: of a large sweep, of some children."""
    found = defaultdict[int, list[int]](list)
    for stretch in stretches(run.sweep.size, run.nodes, MOST_TIMED):
        key = {"run": run.no, "low": stretch.start, "high": stretch.stop - 1}
        for no, wall_us in connection.execute(SQL["took_by_node"], key):
            found[no].append(wall_us)
    return {no: Took(median_us=median_low(each), measured=len(each)) for no, each in found.items()}


def stretches(children: int, nodes: int, most: int) -> list[range]:
    """Return which children are counted: all of them, or some that have about *most* nodes, evenly spread."""
    if children * nodes <= most:
        return [range(children)]
    length = max(1, most // nodes // _STRETCHES)
    if length * _STRETCHES >= children:
        return [range(children)]
    return [range(first, first + length) for at in range(_STRETCHES) for first in [children * at // _STRETCHES]]
