"""Reading the database back into a World: at start, and for one run that was over.

Only runs that haven't ended are read, and of those only the children that are open: a restart costs what is open,
not what there ever was.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from accio.domain.ids import RunId
from accio.domain.operators import OperatorSpec
from accio.domain.resources import resources_from_json
from accio.domain.runs import OnFailure
from accio.domain.states import NodeState, RunState
from accio.domain.sweeps import Sweep
from accio.domain.workflows import Workflow
from accio_daemon.core import readying
from accio_daemon.core.commands import (
    AgentNo,
    Announced,
    AttemptNo,
    CacheMode,
    ExecutionNo,
    InstanceFacts,
    Instant,
    NodeFact,
    Pin,
    RunNo,
)
from accio_daemon.core.effects import Effects
from accio_daemon.core.records import CLOSED_BY_KILL, NOT_TRIED, Agent
from accio_daemon.core.restoring import (
    ExecutionFacts,
    RunFacts,
    drop_unwanted,
    restore_children,
    restore_execution,
    restore_run,
)
from accio_daemon.core.world import Settings, World
from accio_daemon.storage.codes import NODE_STATE_OF, RUN_STATE_OF, RUN_STATES, SINGLE
from accio_daemon.storage.results import find_results, result_of
from accio_daemon.storage.sql import load

_SQL = load("restore")


@dataclass(frozen=True, slots=True)
class Restored:
    """A World as it was committed, and what is left to do."""

    world: World
    effects: Effects
    being_deleted: list[RunNo]  # runs whose rows are still being removed
    last_run_id: RunId | None


def restore(connection: sqlite3.Connection, *, settings: Settings, now: Instant) -> Restored:
    """Read the World back. *connection* may write: the epoch is counted up here."""
    epoch = _next_epoch(connection)
    world = World(epoch=epoch, settings=settings, started_mono=now.mono)
    _restore_numbers(connection, world)
    _restore_operators(connection, world)
    _restore_agents(connection, world, now)
    fx = Effects()
    being_deleted = [RunNo(row[0]) for row in connection.execute(_SQL["being_deleted"])]
    live = (RUN_STATES[RunState.SCHEDULED], RUN_STATES[RunState.RUNNING])
    rows = connection.execute(_SQL["live_runs"], live).fetchall()
    for row in rows:
        run = restore_run(world, _run_facts(connection, world.specs, row))
        restore_children(world, run, open_children(connection, run.no))
    _restore_executions(connection, world, fx, now)
    for run in list(world.runs.values()):
        if run.closed == CLOSED_BY_KILL and run.open:
            world.killing.append(run)
    readying.settle(world, fx, now)
    while world.lookups:
        found = find_results(connection, [e.key for e in world.lookups if e.key is not None])
        readying.resolve(world, fx, found, now)
        readying.settle(world, fx, now)
    drop_unwanted(world, fx, now)
    last = connection.execute(_SQL["last_run_id"]).fetchone()[0]
    return Restored(
        world=world, effects=fx, being_deleted=being_deleted, last_run_id=None if last is None else RunId(last)
    )


def _next_epoch(connection: sqlite3.Connection) -> int:
    row = connection.execute(_SQL["next_epoch"]).fetchone()
    return int(row[0])


def _restore_numbers(connection: sqlite3.Connection, world: World) -> None:
    def highest(what: str) -> int:
        found = connection.execute(_SQL[f"highest_{what}"]).fetchone()
        return 0 if found is None else int(found[0] or 0)

    row = connection.execute(_SQL["sequence"]).fetchone()
    world.sequence = 0 if row is None else int(row[0])
    world.next_run = highest("run") + 1
    world.next_agent = highest("agent") + 1
    world.next_operator = highest("operator") + 1
    # Numbers that were given and not written stay unused: nothing committed names them.
    world.next_execution = (
        max(
            highest("result"),
            highest("execution"),
            highest("attempted"),
        )
        + 1
    )


def _restore_operators(connection: sqlite3.Connection, world: World) -> None:
    for no, name, identity, spec, announced in connection.execute(_SQL["operators"]):
        world.operators[(name, identity)] = no
        world.specs[no] = OperatorSpec.from_json(orjson.loads(spec))
        world.latest[name] = (announced, no)


def _restore_agents(connection: sqlite3.Connection, world: World, now: Instant) -> None:
    for no, name, agent_id, incarnation, version, resources, operators, drained, seen, reason in connection.execute(
        _SQL["agents"]
    ):
        offered, _ = resources_from_json(orjson.loads(resources))
        agent = Agent(no=AgentNo(no), name=name, resources=offered, operators=frozenset(orjson.loads(operators)))
        agent.agent_id, agent.incarnation, agent.version = agent_id, incarnation, version
        agent.drained, agent.reason = bool(drained), reason
        agent.heard_ms = seen
        agent.heard_mono = now.mono  # a whole lease of grace: its silence is ours
        agent.lost = False
        world.agents[agent.no] = agent
        world.agent_names[name] = agent


def load_run(connection: sqlite3.Connection, specs: Mapping[int, OperatorSpec], run_no: RunNo) -> RunFacts | None:
    """Read one run, ended or not; None if it isn't there."""
    row = connection.execute(_SQL["run"], (run_no,)).fetchone()
    return None if row is None else _run_facts(connection, specs, row)


def _run_facts(connection: sqlite3.Connection, specs: Mapping[int, OperatorSpec], row: Sequence[Any]) -> RunFacts:
    (no, id, kind, seed, sweep, options, operators, sequence, state, closed, cursor, removed, running) = row[:13]
    (success, failed, killed, nodes_ended, created, started, ended, definition) = row[13:]
    chosen = orjson.loads(options)
    pins = {
        text: Pin(digest=f"blake3:{digest.hex()}", size=size)
        for text, digest, size in connection.execute(_SQL["pins"], (no,))
    }
    reached = connection.execute(_SQL["reached"], (no, cursor)).fetchall()
    return RunFacts(
        no=RunNo(no),
        id=RunId(id),
        single=kind == SINGLE,
        workflow=Workflow.from_canonical_json(definition),
        operators=tuple(Announced(no=number, spec=specs[number]) for number in orjson.loads(operators)),
        sweep=Sweep.from_text(sweep),
        seed=seed,
        cache=CacheMode(chosen["cache"]),
        on_failure=OnFailure.from_json(chosen["on_failure"]),
        sequence=sequence,
        state=RUN_STATE_OF[state],
        closed=closed,
        cursor=cursor,
        removed=tuple((first, last) for first, last in orjson.loads(removed)),
        running=running,
        success=success,
        failed=failed,
        killed=killed,
        nodes_ended={NodeState(name): count for name, count in orjson.loads(nodes_ended).items()},
        created_ms=created,
        started_ms=started,
        ended_ms=ended,
        pins=pins,
        reached=tuple(index for (index,) in reached),
    )


def open_children(connection: sqlite3.Connection, run_no: RunNo) -> list[InstanceFacts]:
    """Read the children that have begun and not ended."""
    which = (run_no, RUN_STATES[RunState.RUNNING])
    tried: dict[int, dict[int, int]] = {}
    for index, node, count in connection.execute(_SQL["tried_by_open_children"], which):
        tried.setdefault(index, {})[node] = count
    rows = connection.execute(_SQL["open_children"], which).fetchall()
    return _instances(connection, run_no, rows, tried)


def unsuccessful_children(
    connection: sqlite3.Connection, run_no: RunNo, *, after: int, limit: int, index: int | None = None
) -> list[InstanceFacts]:
    """Read some children that ended otherwise than in success, behind *after*; or just the one at *index*."""
    states = (RUN_STATES[RunState.FAILED], RUN_STATES[RunState.KILLED])
    if index is not None:
        rows = connection.execute(_SQL["unsuccessful_child"], (run_no, index, *states)).fetchall()
    else:
        rows = connection.execute(_SQL["unsuccessful_children"], (run_no, after, *states, limit)).fetchall()
    return _instances(connection, run_no, rows, _tried(connection, run_no, rows))


def ended_child(connection: sqlite3.Connection, run_no: RunNo, index: int) -> InstanceFacts | None:
    """Read a child that has ended."""
    rows = connection.execute(_SQL["ended_child"], (run_no, index)).fetchall()
    found = _instances(connection, run_no, rows, {})
    return found[0] if found else None


def _tried(connection: sqlite3.Connection, run_no: RunNo, rows: Iterable[Sequence[Any]]) -> dict[int, dict[int, int]]:
    """Count the attempts of a few children that gave no result."""
    return {index: dict(connection.execute(_SQL["tried"], (run_no, index)).fetchall()) for index, *_ in rows}


def _instances(
    connection: sqlite3.Connection,
    run_no: RunNo,
    rows: Iterable[Sequence[Any]],
    tried: Mapping[int, Mapping[int, int]],
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
            )
        )
    return facts


def _node(no: int, state: int, sequence: int, result: int | None, outputs: str | None, blobs: str | None) -> NodeFact:
    found = None if result is None or outputs is None else result_of(result, outputs, blobs)
    return NodeFact(no=no, state=NODE_STATE_OF[state], sequence=sequence, result=found)


def _restore_executions(connection: sqlite3.Connection, world: World, fx: Effects, now: Instant) -> None:
    for row in connection.execute(_SQL["executions"]).fetchall():
        id, key, run_no, index, node, losses, failures, *current = row
        attempt, agent_no, dispatched, gpus, stopping, not_before = current
        restore_execution(
            world,
            fx,
            ExecutionFacts(
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
            ),
            now,
        )
