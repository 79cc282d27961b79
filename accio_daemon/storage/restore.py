"""Reading what the World needs back: all that is open at a start, and single runs and children that were over.

A restart costs what is open, not what there ever was: ended runs aren't read, nor children that have ended.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from accio.domain.ids import RunId
from accio.domain.operators import OperatorSpec
from accio.domain.people import Person
from accio.domain.resources import Resources, offer_from_json
from accio.domain.retry_demand import NodeDemand
from accio.domain.runs import OnFailure
from accio.domain.states import RunState
from accio.domain.workflows import Workflow
from accio.late import dataclass
from accio_daemon.core.facts import InstanceFacts, NodeFact
from accio_daemon.core.records import AS_DECLARED, NOT_TRIED, NOTHING_SAVED
from accio_daemon.core.restoring import ExecutionFacts, RunFacts
from accio_daemon.core.terms import AgentNo, Announced, AttemptNo, Checkpoint, ExecutionNo, Pin, RunNo
from accio_daemon.storage.codes import NODE_STATE_OF, RUN_STATE_OF, RUN_STATES
from accio_daemon.storage.file.quarantine import SET_ASIDE_AFTER
from accio_daemon.storage.recorded import RECORDED, operator_numbers, options_of, record_fields
from accio_daemon.storage.results import result_of
from accio_daemon.storage.rows import checkpoints
from accio_daemon.storage.rows.demands import by_child, read_demand
from accio_daemon.storage.rows.gathered import own_state, read_gathered
from accio_daemon.storage.rows.pools import highest_number
from accio_daemon.storage.rows.rounds import read_rounds
from accio_daemon.storage.rows.stored_operators import read_operator
from accio_daemon.storage.rows.studies import read_pruned, read_told
from accio_daemon.storage.sql import load

_SQL = load("restore")


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The highest numbers that were written; 0 where there is none."""

    sequence: int
    run: int
    agent: int
    operator: int
    execution: int
    allocation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorFacts:
    """An operator version as the database has it."""

    no: int
    identity: str
    spec: OperatorSpec
    announced: int  # the highest one of a name is the latest


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFacts:
    """An agent as the database has it."""

    no: AgentNo
    name: str
    agent_id: str
    incarnation: int
    version: str
    resources: Resources
    operators: frozenset[int]
    drained: bool
    heard_ms: int
    reason: str
    owners: frozenset[str]  # whose nodes alone it takes; empty: everybody's


def begin_epoch(connection: sqlite3.Connection) -> int:
    """Count the daemon's starts up; *connection* may write."""
    return int(connection.execute(_SQL["next_epoch"]).fetchone()[0])


def read_numbers(connection: sqlite3.Connection) -> Numbers:
    """Read the highest numbers that were written."""

    def highest(what: str) -> int:
        found = connection.execute(_SQL[f"highest_{what}"]).fetchone()
        return 0 if found is None else int(found[0] or 0)

    return Numbers(
        sequence=highest("sequence"),
        run=highest("run"),
        agent=highest("agent"),
        operator=highest("operator"),
        execution=max(highest("result"), highest("execution"), highest("attempted")),
        allocation=highest_number(connection),
    )


def read_operators(connection: sqlite3.Connection) -> list[OperatorFacts]:
    """Read all operator versions, the latest of each name last."""
    return [
        OperatorFacts(no=no, identity=identity, spec=read_operator(spec), announced=announced)
        for no, _, identity, spec, announced in connection.execute(_SQL["operators"])
    ]


def read_agents(connection: sqlite3.Connection) -> list[AgentFacts]:
    """Read all agents."""
    return [_agent(*row) for row in connection.execute(_SQL["agents"])]


def _agent(
    no: int,
    name: str,
    agent_id: str,
    incarnation: int,
    version: str,
    resources: str,
    operators: str,
    draining: int,
    seen: int,
    reason: str,
    owners: str,
) -> AgentFacts:
    return AgentFacts(
        no=AgentNo(no),
        name=name,
        agent_id=agent_id,
        incarnation=incarnation,
        version=version,
        resources=offer_from_json(orjson.loads(resources)),
        operators=frozenset(orjson.loads(operators)),
        drained=bool(draining),
        heard_ms=seen,
        reason=reason,
        owners=frozenset(orjson.loads(owners)),
    )


def read_deletions(connection: sqlite3.Connection) -> list[RunNo]:
    """Find the runs of which rows are left to be removed."""
    return [RunNo(no) for (no,) in connection.execute(_SQL["being_deleted"])]


def last_run_id(connection: sqlite3.Connection) -> RunId | None:
    """Read the highest id of a run."""
    last = connection.execute(_SQL["last_run_id"]).fetchone()[0]
    return None if last is None else RunId(last)


def live_runs(connection: sqlite3.Connection) -> list[RunNo]:
    """Find the runs that haven't ended, but for those that are set aside."""
    live = (RUN_STATES[RunState.SCHEDULED], RUN_STATES[RunState.RUNNING], SET_ASIDE_AFTER)
    return [RunNo(no) for (no,) in connection.execute(_SQL["live_runs"], live)]


def load_run(connection: sqlite3.Connection, specs: Mapping[int, OperatorSpec], run_no: RunNo) -> RunFacts | None:
    """Read one run, ended or not; None if it isn't there."""
    row = connection.execute(_SQL["run"], (run_no,)).fetchone()
    return None if row is None else _run_facts(connection, specs, row)


def _run_facts(connection: sqlite3.Connection, specs: Mapping[int, OperatorSpec], row: Sequence[Any]) -> RunFacts:
    recorded, (sequence, definition, owner_name, owner_email) = row[:RECORDED], row[RECORDED:]
    fields = record_fields(recorded)
    no, cursor = fields["no"], fields["cursor"]
    pins = {
        text: Pin(digest=f"blake3:{digest.hex()}", size=size, name=name)
        for text, digest, size, name in connection.execute(_SQL["pins"], (no,))
    }
    reached = connection.execute(_SQL["reached"], (no, cursor)).fetchall()
    return RunFacts(
        **fields,
        workflow=Workflow.from_canonical_json(definition),
        operators=tuple(Announced(no=number, spec=specs[number]) for number in operator_numbers(recorded)),
        on_failure=OnFailure.from_json(options_of(recorded)["on_failure"]),
        sequence=sequence,
        pins=pins,
        owner=Person(name=owner_name, email=owner_email),
        reached=tuple(index for (index,) in reached),
        own_state=own_state(connection, no),
        gathered=read_gathered(connection, no),
        rounds=read_rounds(connection, no),
        told=read_told(connection, no),
        pruned=read_pruned(connection, no),
    )


def open_children(connection: sqlite3.Connection, run_no: RunNo) -> list[InstanceFacts]:
    """Read the children that have begun and not ended."""
    which = (run_no, RUN_STATES[RunState.RUNNING])
    tried: dict[int, dict[int, int]] = {}
    for index, node, count in connection.execute(_SQL["tried_by_open_children"], which):
        tried.setdefault(index, {})[node] = count
    rows = connection.execute(_SQL["open_children"], which).fetchall()
    demands = by_child(connection.execute(_SQL["demands_of_open_children"], which))
    saved = checkpoints.by_child(connection.execute(_SQL["checkpoints_of_open_children"], which))
    return _instances(connection, run_no, rows, tried, demands, saved)


def unsuccessful_children(
    connection: sqlite3.Connection, run_no: RunNo, *, after: int, limit: int, index: int | None = None
) -> list[InstanceFacts]:
    """Read some children that ended otherwise than in success, behind *after*; or just the one at *index*."""
    states = (RUN_STATES[RunState.FAILED], RUN_STATES[RunState.KILLED])
    if index is not None:
        rows = connection.execute(_SQL["unsuccessful_child"], (run_no, index, *states)).fetchall()
    else:
        rows = connection.execute(_SQL["unsuccessful_children"], (run_no, after, *states, limit)).fetchall()
    demands: dict[int, dict[int, NodeDemand]] = {}
    saved: dict[int, dict[int, Checkpoint]] = {}
    for child, *_ in rows:
        demands |= by_child(connection.execute(_SQL["demands"], (run_no, child)))
        saved |= checkpoints.by_child(connection.execute(_SQL["checkpoints"], (run_no, child)))
    return _instances(connection, run_no, rows, _tried(connection, run_no, rows), demands, saved)


def ended_child(connection: sqlite3.Connection, run_no: RunNo, index: int) -> InstanceFacts | None:
    """Read a child that has ended."""
    rows = connection.execute(_SQL["ended_child"], (run_no, index)).fetchall()
    demands = by_child(connection.execute(_SQL["demands"], (run_no, index)))
    saved = checkpoints.by_child(connection.execute(_SQL["checkpoints"], (run_no, index)))
    found = _instances(connection, run_no, rows, _tried(connection, run_no, rows), demands, saved)
    return found[0] if found else None


def _tried(connection: sqlite3.Connection, run_no: RunNo, rows: Iterable[Sequence[Any]]) -> dict[int, dict[int, int]]:
    """Count the attempts of a few children that gave no result."""
    return {index: dict(connection.execute(_SQL["tried"], (run_no, index)).fetchall()) for index, *_ in rows}


def _instances(
    connection: sqlite3.Connection,
    run_no: RunNo,
    rows: Iterable[Sequence[Any]],
    tried: Mapping[int, Mapping[int, int]],
    demands: Mapping[int, Mapping[int, NodeDemand]],
    saved: Mapping[int, Mapping[int, Checkpoint]],
) -> list[InstanceFacts]:
    facts: list[InstanceFacts] = []
    for index, state, sequence, started in rows:
        nodes = connection.execute(_SQL["nodes"], (run_no, index)).fetchall()
        facts.append(
            InstanceFacts(
                index=index,
                state=RUN_STATE_OF[state],
                sequence=sequence,
                started_ms=started,
                nodes=tuple(_node(*node) for node in nodes),
                tried=tried.get(index, NOT_TRIED),
                demands=demands.get(index, AS_DECLARED),
                checkpoints=saved.get(index, NOTHING_SAVED),
            )
        )
    return facts


def _node(no: int, state: int, sequence: int, result: int | None, outputs: str | None, blobs: str | None) -> NodeFact:
    found = None if result is None or outputs is None else result_of(result, outputs, blobs)
    return NodeFact(no=no, state=NODE_STATE_OF[state], sequence=sequence, result=found)


def read_executions(connection: sqlite3.Connection) -> Iterator[ExecutionFacts]:
    """Read all open executions, those without an attempt first."""
    for row in connection.execute(_SQL["executions"]).fetchall():
        id, key, run_no, index, node, losses, failures, *current = row
        attempt, agent_no, dispatched, gpus, stopping, not_before = current
        yield ExecutionFacts(
            id=ExecutionNo(id),
            key=key,
            owner=(RunNo(run_no), index, node),
            losses=losses,
            failures=failures,
            attempt=None if attempt is None else AttemptNo(attempt),
            agent_no=None if agent_no is None else AgentNo(agent_no),
            dispatched_ms=dispatched,
            gpus=() if gpus is None else tuple(orjson.loads(gpus)),
            stopping=bool(stopping),
            not_before_ms=not_before,
            demand=read_demand(connection, RunNo(run_no), index, node),
        )
