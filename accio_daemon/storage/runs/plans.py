"""What runs were compiled from, kept for the queries that explain them: workflows, operators, plans. All of it never
changes.
"""

import sqlite3
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

from accio.domain.operators import OutputPort
from accio.domain.workflows import Workflow
from accio.latest import Latest
from accio_daemon.core.plan import ClassRegistry, Plan, compile_plan
from accio_daemon.core.terms import Announced
from accio_daemon.storage.runs import workflows
from accio_daemon.storage.runs.runs_query import RunRow

V = TypeVar("V")

KEPT = 128
KEPT_NODES = 30_000
"""Nodes of what is kept of workflows, 0.5 kB each, and of plans, 0.8 kB each; what has more is kept alone."""


class Kept(Generic[V]):
    """The most recently used values of a function, of which number and nodes are bounded."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._values: Latest[Hashable, tuple[V, int]] = Latest(KEPT)
        self._nodes = 0
        self._lock = Lock()  # jobs of several readers use it, each in its thread

    def get_or(self, key: Hashable, nodes: int, make: Callable[[], V]) -> V:
        """Return the value of a key, which has that number of nodes; make it if it isn't kept."""
        with self._lock:
            found = self._values.use(key)
        if found is not None:
            return found[0]
        value = make()
        with self._lock:
            if key not in self._values:
                while self._values and (len(self._values) >= KEPT or self._nodes + nodes > KEPT_NODES):
                    self._nodes -= self._values.popitem(last=False)[1][1]
                self._values.keep(key, (value, nodes))
                self._nodes += nodes
        return value


class Plans:
    """Workflows, pinned operators and plans of runs."""

    def __init__(self) -> None:
        self._workflows: Kept[Workflow] = Kept()
        self._operators: Kept[tuple[Announced, ...]] = Kept()
        self._plans: Kept[Plan] = Kept()

    def workflow(self, connection: sqlite3.Connection, run: RunRow) -> Workflow:
        """Return the version that a run pinned."""
        key = (run.workflow_id, run.workflow_version)

        def read() -> Workflow:
            return workflows.get_by_no(connection, run.workflow_no).workflow

        return self._workflows.get_or(key, len(run.operators), read)

    def operators(self, connection: sqlite3.Connection, run: RunRow) -> tuple[Announced, ...]:
        """Return the operator version that each node of a run pinned, in the graph's order."""

        def read() -> tuple[Announced, ...]:
            found = workflows.operators_by_no(connection, run.operators)
            return tuple(found[no] for no in run.operators)

        return self._operators.get_or(run.operators, len(run.operators), read)

    def outputs(self, connection: sqlite3.Connection, run: RunRow) -> dict[str, tuple[OutputPort, ...]]:
        """Return the outputs of each node of a run, or of a child of a sweep, in the order of the graph."""
        graph = self.workflow(connection, run).graph[: run.nodes]
        return {
            node.name: of.spec.outputs
            for node, of in zip(
                graph, self.operators(connection, run), strict=False
            )  # a sweep has further nodes itself
        }

    def plan(self, connection: sqlite3.Connection, run: RunRow) -> Plan:
        """Return a run's compiled workflow."""

        def compiled() -> Plan:
            return compile_plan(
                self.workflow(connection, run), run.sweep, self.operators(connection, run), ClassRegistry()
            )

        return self._plans.get_or((run.no, run.operators), len(run.operators), compiled)
