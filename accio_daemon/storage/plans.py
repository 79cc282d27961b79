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
from accio_daemon.storage import workflows
from accio_daemon.storage.runs_query import RunRow

V = TypeVar("V")

_KEPT = 128


class _Kept(Generic[V]):
    """The most recently used values of a function, none of which is None."""

    def __init__(self) -> None:
        self._values: Latest[Hashable, V] = Latest(_KEPT)
        self._lock = Lock()  # jobs of several readers use it, each in its thread

    def get_or(self, key: Hashable, make: Callable[[], V]) -> V:
        with self._lock:
            value = self._values.use(key)
        if value is None:
            value = make()
            with self._lock:
                self._values.keep(key, value)
        return value


class Plans:
    """Workflows, pinned operators and plans of runs."""

    def __init__(self) -> None:
        self._workflows: _Kept[Workflow] = _Kept()
        self._operators: _Kept[tuple[Announced, ...]] = _Kept()
        self._plans: _Kept[Plan] = _Kept()

    def workflow(self, connection: sqlite3.Connection, run: RunRow) -> Workflow:
        """Return the version that a run pinned."""
        key = (run.workflow_id, run.workflow_version)
        return self._workflows.get_or(key, lambda: workflows.get_by_no(connection, run.workflow_no).workflow)

    def operators(self, connection: sqlite3.Connection, run: RunRow) -> tuple[Announced, ...]:
        """Return the operator version that each node of a run pinned, in the graph's order."""

        def read() -> tuple[Announced, ...]:
            found = workflows.operators_by_no(connection, run.operators)
            return tuple(found[no] for no in run.operators)

        return self._operators.get_or(run.operators, read)

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

        return self._plans.get_or((run.no, run.operators), compiled)
