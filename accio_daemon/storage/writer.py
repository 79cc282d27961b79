"""One batch of decisions as one transaction: rows rendered beside the event loop's state, written by the driver's
thread.

`render` reads the World's records and runs on the event loop, with nothing awaited between the last decision and
it; `write` runs on the connection's thread and touches nothing but what `render` gave. Every table is written by
one statement per group of rows.
"""

import sqlite3
from operator import attrgetter
from typing import Any

import orjson

from accio.domain.caps import Cap
from accio.domain.children import OWN
from accio.domain.failures import Failure
from accio.domain.states import NodeState
from accio_daemon.core.commands import SubmitRun
from accio_daemon.core.effects import AttemptRow, Effects, ResultRow
from accio_daemon.core.records import Agent, Run
from accio_daemon.core.terms import RunNo
from accio_daemon.storage import gathered, levels, owners, pools, rounds, studies
from accio_daemon.storage.codes import NODE_STATES, PARENT, RUN_STATES, SINGLE
from accio_daemon.storage.database import upsert_many
from accio_daemon.storage.sql import load

# Axes up to this many values are searchable by value in the index; longer ones, and formulas, by computing.
LISTED_VALUES = 1000

Rows = list[tuple[Any, ...]]

_SQL = load("writer")
# The tables that are written by groups of rows: how many values a row has, and what ends the statement.
_GROUPED: dict[str, tuple[int, str]] = {
    "results": (18, ""),
    "contents": (3, ""),
    "instances": (6, ""),
    "nodes": (9, ""),
    "demands": (5, ""),
    "checkpoints": (9, ""),
    "series": (4, ""),
    "executions": (13, ""),
    "attempts": (10, ""),
    "pins": (5, ""),
    "ended_executions": (1, ")"),
}
# What a deleted child or run leaves; results stay, as they are the memo's.
_CHILD_TABLES = ("instances", "nodes", "demands", "checkpoints", "executions", "attempts", "events")
_RUN_TABLES = ("tags", "run_params", "pins", "gathered", "rounds", "told", "pruned", "submissions", "quarantine")
# Rows of a deleted run that one transaction removes.
DELETED_AT_ONCE = 5000
# What a batch weighs that is soon written, and how long the parameters of a run in it may be.
_SMALL = 32
_SMALL_TEXT = 16_384


class Batch:
    """Everything that one transaction writes, as plain rows."""

    __slots__ = (
        "agents",
        "allocations",
        "begun_anew",
        "caps",
        "events",
        "gathered",
        "grown",
        "keys",
        "missing",
        "new_runs",
        "operators",
        "pools",
        "pruned",
        "removed_agents",
        "removed_checkpoints",
        "removed_instances",
        "removed_nodes",
        "removed_runs",
        "repinned",
        "rounds",
        "runs",
        "sequence",
        "tables",
        "told",
        "usage",
        "weight",
    )

    def __init__(self) -> None:
        self.tables: dict[str, Rows] = {}
        self.keys: list[levels.Entry] = []
        self.new_runs: list[tuple[tuple[Any, ...], SubmitRun]] = []
        self.runs: Rows = []
        self.agents: Rows = []
        self.pools: Rows = []
        self.allocations: Rows = []
        self.caps: dict[str, Cap | None] = {}
        self.usage: Rows = []
        self.operators: Rows = []
        self.events: Rows = []
        self.gathered: Rows = []
        self.rounds: Rows = []
        self.told: Rows = []
        self.pruned: dict[tuple[RunNo, int], bool] = {}
        self.grown: Rows = []
        self.begun_anew: Rows = []
        self.removed_nodes: Rows = []
        self.removed_checkpoints: Rows = []
        self.removed_instances: Rows = []
        self.removed_runs: list[int] = []
        self.removed_agents: list[int] = []
        self.missing: list[bytes] = []
        self.repinned: Rows = []
        self.sequence: int | None = None
        self.weight = 0  # rows, and what long texts add

    def is_small(self) -> bool:
        """Return whether it is soon written: few rows, and only such as single nodes and single runs make."""
        if self.weight > _SMALL or any(_RARE(self)):
            return False
        sweeps = [command.definition.sweep for _, command in self.new_runs]
        return all(sweep.is_single and len(sweep.to_text()) <= _SMALL_TEXT for sweep in sweeps)


_RARE = attrgetter(
    *({*Batch.__slots__} - {"keys", "new_runs", "runs", "sequence", "tables", "usage", "weight"})
)  # of a batch, what takes statements of its own


def digest_blob(digest: str) -> bytes:
    """Return the 32 bytes of "blake3:HEX"."""
    return bytes.fromhex(digest.removeprefix("blake3:"))


def render(fx: Effects, specs: dict[int, Any]) -> Batch:
    """Turn what a batch decided into rows."""
    batch = Batch()
    batch.sequence = fx.sequence
    batch.usage = owners.usage_rows(fx.usage)
    if any(_RARE_EFFECTS(fx)):
        _render_rare(fx, specs, batch)
    _render_runs(fx, batch)
    _render_nodes(fx, batch)
    _render_results(fx, batch)
    _render_executions(fx, batch.tables)
    batch.tables["attempts"] = [_attempt(row) for row in fx.attempts]
    batch.weight = fx.heavy + len(batch.runs) + len(batch.new_runs) + sum(map(len, batch.tables.values()))
    return batch


def _render_rare(fx: Effects, specs: dict[int, Any], batch: Batch) -> None:
    """Turn what most batches have nothing of into rows."""
    batch.agents = [_agent(agent) for agent in fx.agents.values()]
    batch.pools, batch.allocations = pools.render(fx)
    batch.caps = dict(fx.caps)
    batch.operators = [
        (number, spec.name, specs[number], orjson.dumps(spec.to_json()).decode(), announced)
        for number, spec, announced in fx.operators
    ]
    batch.repinned = [(orjson.dumps(numbers).decode(), run_no) for run_no, numbers in fx.repinned.items()]
    batch.gathered = list(gathered.rows_of(fx.gathered))
    batch.rounds = list(rounds.rows_of(fx.rounds))
    batch.told = list(fx.told)
    batch.pruned = dict(fx.pruned)
    batch.grown = [(run.sweep.to_text(), run.no) for run in fx.grown.values()]
    batch.begun_anew = [(run_no, OWN) for run_no in fx.begun_anew]
    batch.removed_runs = list(fx.removed_runs)
    batch.removed_instances = list(fx.removed_instances)
    batch.removed_agents = list(fx.removed_agents)
    batch.missing = [digest_blob(digest) for digest in fx.missing]
    batch.events = [(e.run_no, e.index, e.node, e.attempt, e.kind, e.detail, e.at_ms) for e in fx.events]


_RARE_EFFECTS = attrgetter(
    "agents", "pools", "allocations", "caps", "operators", "repinned", "gathered", "rounds", "told", "pruned", "grown",
    "begun_anew", "removed_runs", "removed_instances", "removed_agents", "missing", "events",
)  # fmt: skip


def _render_runs(fx: Effects, batch: Batch) -> None:
    """Turn runs, and what is kept of each as a whole, into rows."""
    batch.new_runs = [(_new_run(run, command), command) for run, command in fx.submitted]
    batch.runs = [_run(run) for run in fx.runs.values()]
    batch.tables["pins"] = [
        (run_no, text, digest_blob(pin.digest), pin.size, pin.name) for run_no, text, pin in fx.pins
    ]


def _render_nodes(fx: Effects, batch: Batch) -> None:
    """Turn children and their nodes into rows."""
    tables = batch.tables
    tables["instances"] = [
        (*key, RUN_STATES[state], sequence, started, ended)
        for key, (state, sequence, started, ended) in fx.instances.items()
    ]
    tables["nodes"] = _nodes(fx)
    batch.removed_nodes = [key for key, node in fx.nodes.items() if node is None]
    tables["demands"] = [
        (*key, orjson.dumps(demand.resources.to_json()).decode(), demand.timeout_ms)
        for key, demand in fx.demands.items()
    ]
    tables["checkpoints"] = [
        (*key, digest_blob(each.digest), each.size, each.number, each.saved_ms, each.attempt, each.basis)
        for key, each in fx.checkpoints.items()
        if each is not None
    ]
    batch.removed_checkpoints = [key for key, each in fx.checkpoints.items() if each is None]


def _render_results(fx: Effects, batch: Batch) -> None:
    """Turn what executions gave into rows, and what content of it is missing."""
    tables = batch.tables
    tables["results"] = [_result(row) for row in fx.results]
    batch.keys = [(levels.key64(row.key), row.id) for row in fx.results if row.key is not None]
    tables["contents"] = [
        (digest_blob(digest), row.id, size)
        for row in fx.results
        if row.contents or row.blobs
        for digest, size in (*row.contents, *(row.blobs or {}).values())
    ]
    tables["series"] = [
        *((row.attempt, *each) for row in fx.results if row.series for each in row.series),
        *((row.id, *each) for row in fx.attempts if row.series for each in row.series),
    ]


def _result(row: ResultRow) -> tuple[Any, ...]:
    return (
        row.id,
        row.key,
        int(row.key is not None),
        row.operator_no,
        row.seed,
        row.inputs,
        orjson.dumps(row.outputs).decode(),
        None if row.blobs is None else orjson.dumps(row.blobs).decode(),
        orjson.dumps(row.metrics).decode(),
        row.attempt,
        row.agent_no,
        row.started_ms,
        row.ended_ms,
        row.recorded_ms,
        row.log_bytes,
        *row.owner,
    )


def _nodes(fx: Effects) -> Rows:
    """Return the rows of the nodes that ended."""
    return [
        (
            *key,
            NODE_STATES[row.state],
            1 if row.cached else 0,
            row.sequence,
            row.result,
            None if row.failure is None else _failure(row.failure),
            row.ended_ms,
        )
        for key, row in fx.nodes.items()
        if row is not None
    ]


def _attempt(row: AttemptRow) -> tuple[Any, ...]:
    failure = _failure(row.failure)
    return (row.id, row.execution, *row.owner, row.agent_no, row.state, failure, row.started_ms, row.ended_ms)


def _failure(failure: Failure | None) -> str | None:
    return None if failure is None else orjson.dumps(failure.to_json()).decode()


def _render_executions(fx: Effects, tables: dict[str, Rows]) -> None:
    live: Rows = []
    ended: Rows = []
    for number, execution in fx.executions.items():
        if execution is None:
            ended.append((number,))
            continue
        agent_no = execution.agent.no if execution.agent is not None else None
        live.append(
            (
                number,
                execution.key,
                *execution.owner,
                execution.losses,
                execution.failures,
                execution.attempt,
                agent_no,
                execution.dispatched_ms,
                orjson.dumps(execution.gpus).decode() if execution.gpus else None,
                int(execution.stopping),
                execution.not_before_ms,
            )
        )
    tables["executions"] = live
    tables["ended_executions"] = ended


def _new_run(run: Run, command: SubmitRun) -> tuple[Any, ...]:
    definition = command.definition
    options: dict[str, object] = {"on_failure": definition.on_failure.to_json(), "cache": command.cache.value}
    if definition.nice:
        options["nice"] = True
    return (
        run.no,
        run.id,
        SINGLE if run.single else PARENT,
        command.workflow_no,
        command.owner_name,
        command.owner_email,
        definition.name or "",
        definition.notes or "",
        run.seed,
        run.sweep.to_text(),
        orjson.dumps(options).decode(),
        orjson.dumps([pinned.no for pinned in command.operators]).decode(),
        run.sweep.budget,
        run.plan.per_child,
        run.sequence,
        run.created_ms,
        len(run.plan.nodes) - run.plan.per_child,
    )


def _run(run: Run) -> tuple[Any, ...]:
    return (
        RUN_STATES[run.state],
        run.closed,
        run.taken.low,
        orjson.dumps(run.taken.removed).decode() if run.taken.removed else "[]",
        run.running,
        run.success,
        run.failed,
        run.killed,
        _counts(run.nodes_ended),
        run.sequence,
        run.started_ms,
        run.ended_ms,
        run.no,
    )


def _counts(counts: dict[NodeState, int]) -> str:
    return "{" + ",".join(f'"{state.value}":{count}' for state, count in counts.items() if count) + "}"


def _agent(agent: Agent) -> tuple[Any, ...]:
    return (
        agent.no,
        agent.name,
        agent.agent_id,
        agent.incarnation,
        agent.version,
        orjson.dumps(agent.resources.to_json()).decode(),
        orjson.dumps(sorted(agent.operators)).decode(),
        int(agent.drained),
        agent.heard_ms,
        agent.reason,
        orjson.dumps(sorted(agent.owners)).decode(),
    )


def write(connection: sqlite3.Connection, batch: Batch) -> None:
    """Write a batch inside the caller's transaction."""
    is_rare = any(_RARE(batch))
    if is_rare:
        _write_first(connection, batch)
    if batch.usage:
        owners.add_usage(connection, batch.usage)
    for row, command in batch.new_runs:
        _write_run(connection, row, command)
    for own in batch.begun_anew:
        _remove_child(connection, own)
        connection.execute(_SQL["run_gathered"], own[:1])
    for name, rows in batch.tables.items():
        if rows:
            width, tail = _GROUPED[name]
            upsert_many(connection, _SQL[name], tail, width, rows)
    levels.add(connection, batch.keys)
    _many(connection, "update_run", batch.runs)
    if is_rare:
        _write_last(connection, batch)
    if batch.sequence is not None:
        connection.execute(_SQL["set_sequence"], (batch.sequence,))


def _write_first(connection: sqlite3.Connection, batch: Batch) -> None:
    """Write what the rows of runs and nodes may refer to."""
    _many(connection, "upsert_operator", batch.operators)
    _many(connection, "upsert_agent", batch.agents)
    if batch.pools or batch.allocations:
        pools.write(connection, batch.pools, batch.allocations)
    if batch.caps:
        owners.write_caps(connection, batch.caps)


def _write_last(connection: sqlite3.Connection, batch: Batch) -> None:
    """Write what refers to runs and nodes, and remove what is gone."""
    _many(connection, "remove_node", batch.removed_nodes)
    _many(connection, "remove_checkpoint", batch.removed_checkpoints)
    if batch.gathered:
        connection.executemany(gathered.SQL["insert"], batch.gathered)
    if batch.rounds:
        connection.executemany(rounds.SQL["insert"], batch.rounds)
    _write_studies(connection, batch)
    _many(connection, "insert_event", batch.events)
    _many(connection, "repin", batch.repinned)
    _write_removals(connection, batch)


def _many(connection: sqlite3.Connection, name: str, rows: Rows) -> None:
    """Execute a statement for each row; for none it would cost as much as writing one does."""
    if rows:
        connection.executemany(_SQL[name], rows)


def _remove_child(connection: sqlite3.Connection, child: tuple[Any, ...]) -> None:
    for table in _CHILD_TABLES:
        connection.execute(_SQL[f"child_{table}"], child)


def _write_studies(connection: sqlite3.Connection, batch: Batch) -> None:
    if batch.told:
        connection.executemany(studies.SQL["insert_told"], batch.told)
    for child, is_pruned in batch.pruned.items():
        connection.execute(studies.SQL["insert_pruned" if is_pruned else "remove_pruned"], child)
    _many(connection, "grow", batch.grown)


def _write_removals(connection: sqlite3.Connection, batch: Batch) -> None:
    for child in batch.removed_instances:
        _remove_child(connection, child)
    for run_no in batch.removed_runs:
        connection.execute(_SQL["hide_run"], (run_no,))
        connection.execute(_SQL["remove_text"], (run_no,))
        for table in _RUN_TABLES:
            connection.execute(_SQL[f"run_{table}"], (run_no,))
    _many(connection, "remove_agent", [(number,) for number in batch.removed_agents])
    _many(connection, "forget_results", [(digest,) for digest in batch.missing])


def _write_run(connection: sqlite3.Connection, row: tuple[Any, ...], command: SubmitRun) -> None:
    connection.execute(_SQL["insert_run"], row)
    run_no = row[0]
    definition = command.definition
    if definition.name or definition.notes:
        connection.execute(_SQL["insert_text"], (run_no, definition.name or "", definition.notes or ""))
    connection.executemany(_SQL["insert_tag"], [(tag, run_no) for tag in definition.tags])
    connection.executemany(_SQL["insert_param"], _params(command, run_no))
    if command.idempotency is not None:
        owner, key, digest = command.idempotency
        connection.execute(_SQL["insert_submission"], (owner, key, digest, run_no))


def _params(command: SubmitRun, run_no: int) -> Rows:
    rows: Rows = []
    for axis in command.definition.sweep.axes:
        if axis.size <= LISTED_VALUES:
            rows.extend((axis.name, text, run_no) for text in axis.values())
        else:
            rows.append((axis.name, None, run_no))
    return rows


def delete_some(connection: sqlite3.Connection, run_no: int) -> bool:
    """Remove some rows of a deleted run; False once nothing of it is left."""
    for table in _CHILD_TABLES:
        if connection.execute(_SQL[f"some_{table}"], (run_no, DELETED_AT_ONCE)).rowcount:
            return True
    connection.execute(_SQL["remove_run"], (run_no,))
    return False
