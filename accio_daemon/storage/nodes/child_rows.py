"""What a query (docs/queries.md) finds out about the children of a sweep.

By arithmetic where it is about parameters, by looking at rows, a batch at a time, where it is about anything else.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from accio.domain.datatypes import DataType
from accio.domain.filters import Of, Subject, matcher, read_query, select, sweep_context
from accio.domain.names import MEASURED_METRICS
from accio.domain.slices import Numbered
from accio.domain.states import RUN_TERMINAL, NodeState, RunState
from accio.domain.values import decode
from accio_daemon.storage.codes import NODE_STATES
from accio_daemon.storage.courtesy import letting_pass
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.runs.run_rows import states_required
from accio_daemon.storage.runs.runs_query import Found, RunRow
from accio_daemon.storage.sql import load

SQL = load("children")

_FAILED = {NODE_STATES[NodeState.FAILED], NODE_STATES[NodeState.LOST]}
_STOPPED = {*_FAILED, NODE_STATES[NodeState.KILLED]}


class ChildQuery:
    """A query over the children of one sweep: a slice, and what has yet to be asked of each child in it."""

    def __init__(self, connection: sqlite3.Connection, plans: Plans, run: RunRow, text: str, now_ms: int) -> None:
        """Read the query; FilterProblem if it can't be read."""
        operators = plans.operators(connection, run)
        ports = plans.outputs(connection, run)
        outputs = {f"{node}/{port.name}": port.type for node, of in ports.items() for port in of}
        self._nodes = {node: no for no, node in enumerate(ports)}
        nodes = frozenset(self._nodes)
        checked = read_query(text, sweep_context(run.sweep, now_ms=now_ms, outputs=outputs, nodes=nodes))
        selected = select(checked, run.sweep, _shared(run, tuple(of.spec.name for of in operators)))
        self.children: Numbered = selected.children
        self._rest = selected.rest
        self._connection = connection
        self._run = run
        subjects = self._rest.subjects()
        self._fields = {each.key for each in subjects if each.of is Of.FIELD}
        self._results = [each for each in subjects if each.of in (Of.OUTPUT, Of.METRIC)]
        self._types: Mapping[str, DataType] = outputs
        self._asks = bool(str(self._rest))

    def states(self, states: frozenset[RunState]) -> frozenset[RunState] | None:
        """Return those of *states* (all, if there are none) in which a child can match; None if it can be in any."""
        return states_required(self._rest, states)

    def matching(self, batch: Sequence[Found]) -> list[Found]:
        """Return those of some children of the slice that match."""
        if not self._asks or not batch:
            return list(batch)
        indices = [found.place for found in batch]
        facts, agents = self._facts(indices), self._agents(indices)
        test = matcher(self._rest)
        return [
            found
            for found in letting_pass(batch)
            if test(dict(self._values(found, facts.get(found.place, ()), agents.get(found.place))))
        ]

    def _agents(self, indices: list[int]) -> dict[int, tuple[str, ...]]:
        """Return which agents have run nodes of children, those of failed attempts included."""
        agents: dict[int, tuple[str, ...]] = {}
        if "agent" in self._fields:
            values = {"run": self._run.no, "indices": orjson.dumps(indices).decode()}
            for index, name in self._connection.execute(SQL["agents"], values):
                agents[index] = (*agents.get(index, ()), name)
        return agents

    def _facts(self, indices: list[int]) -> dict[int, list[tuple[Any, ...]]]:
        if not self._results and "cause" not in self._fields:
            return {}
        values = {
            "run": self._run.no,
            "indices": orjson.dumps(indices).decode(),
            "outputs": any(each.of is Of.OUTPUT for each in self._results),
            "metrics": any(each.of is Of.METRIC for each in self._results),
        }
        facts: dict[int, list[tuple[Any, ...]]] = {}
        for index, *fact in self._connection.execute(SQL["facts"], values):
            facts.setdefault(index, []).append(tuple(fact))
        return facts

    def _values(
        self, found: Found, facts: Iterable[tuple[Any, ...]], agents: tuple[str, ...] | None
    ) -> Iterator[tuple[str, Any]]:
        row = found.instance
        yield "state", found.state.value
        yield "index", found.place
        yield "started", None if row is None else row.started_ms
        yield "ended", None if row is None else row.ended_ms
        if "seed" in self._fields:
            yield "seed", found.seed
        if "progress" in self._fields:
            yield "progress", self._progress(found)
        yield "agent", agents
        if "cause" in self._fields:
            yield "cause", _cause(facts)
        of_node = {node: (outputs, metrics) for node, _, _, outputs, metrics in facts}
        for subject in self._results:
            yield subject.key, self._result(subject, of_node)

    def _result(self, subject: Subject, of_node: Mapping[int, tuple[str | None, str | None]]) -> Any:
        name, _, last = subject.key.rpartition("/" if subject.of is Of.OUTPUT else ".")
        outputs, metrics = of_node.get(self._nodes[name], (None, None))
        if subject.of is Of.OUTPUT:
            text = orjson.loads(outputs).get(last) if outputs else None
            return None if text is None else decode(self._types[subject.key], text)
        measured = orjson.loads(metrics) if metrics else None
        if measured is None:
            return None
        if last in MEASURED_METRICS:
            return measured[MEASURED_METRICS.index(last)]
        return orjson.loads(measured[-1]).get(last) if measured[-1] else None

    def _progress(self, found: Found) -> float:
        if found.state in RUN_TERMINAL:
            return 1.0
        values = {"run": self._run.no, "idx": found.place}
        (ended,) = self._connection.execute(SQL["ended_nodes"], values).fetchone()
        return float(ended) / self._run.nodes if self._run.nodes else 1.0


def _shared(run: RunRow, operators: tuple[str, ...]) -> dict[str, Any]:
    """Return what all children have in common."""
    return {
        "owner": (run.owner_name, run.owner_email),
        "tag": run.tags,
        "workflow": f"{run.workflow_id}:{run.workflow_version}",
        "name": run.name,
        "notes": run.notes,
        "created": run.created_ms,
        "kind": "child",
        "operator": operators,
    }


def _cause(facts: Iterable[tuple[Any, ...]]) -> str | None:
    """Return why a child didn't succeed: a failed or lost node tells before one that was killed."""
    causes = [(state not in _FAILED, node, cause) for node, state, cause, *_ in facts if state in _STOPPED and cause]
    return min(causes)[2] if causes else None
