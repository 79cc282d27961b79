"""The rows of one batch of decisions, written by one transaction on the connection's thread: by one statement per table
and group of rows.
"""

import sqlite3
from typing import Any

from accio.domain.states import NodeState, RunState
from accio_daemon.core.commands import SubmitRun
from accio_daemon.storage import levels
from accio_daemon.storage.codes import NODE_STATES, RUN_STATES
from accio_daemon.storage.file.database import upsert_many
from accio_daemon.storage.rows import agent_windows, gathered, owners, pools, rounds, studies
from accio_daemon.storage.sql import load
from accio_daemon.storage.writing.rendering import Batch, Rows

# Axes up to this many values are searchable by value in the index; longer ones, and formulas, by computing.
LISTED_VALUES = 1000

_SQL = load("writer")


def _marks(width: int) -> str:
    return "(" + ",".join("?" * width) + ")"


# The groups of rows that are written by one statement each: its name, the marks of a row, and what ends the statement.
# Of the rows that each node has nearly all are plain, in the order of `rendering`: what they have in common stands in
# the statement, as a value costs more to hand over than to write.
_GROUPED: dict[str, tuple[str, str, str]] = {
    "plain_results": ("results", "(?,?,1,?,NULL,?,?,NULL,?,?,?,?,?,?,0,?,?,?)", ""),
    "results": ("results", _marks(18), ""),
    "contents": ("contents", _marks(3), ""),
    "begun_instances": ("instances", f"(?,?,{RUN_STATES[RunState.RUNNING]},NULL,?,NULL)", ""),
    "instances": ("instances", _marks(6), ""),
    "plain_nodes": ("nodes", f"(?,?,?,{NODE_STATES[NodeState.SUCCESS]},0,?,?,NULL,?,NULL)", ""),
    "nodes": ("nodes", _marks(10), ""),
    "demands": ("demands", _marks(6), ""),
    "checkpoints": ("checkpoints", _marks(9), ""),
    "series": ("series", _marks(4), ""),
    "plain_executions": ("executions", "(?,?,?,?,?,0,0,?,?,?,NULL,0,NULL)", ""),
    "executions": ("executions", _marks(13), ""),
    "attempts": ("attempts", _marks(11), ""),
    "pins": ("pins", _marks(5), ""),
    "ended_executions": ("ended_executions", "(?)", ")"),
}
# What a deleted child or run leaves; results stay, as they are the memo's.
_CHILD_TABLES = ("instances", "nodes", "demands", "checkpoints", "executions", "attempts", "events")
_RUN_TABLES = ("tags", "run_params", "pins", "gathered", "rounds", "told", "pruned", "submissions", "quarantine")
# Rows of a deleted run that one transaction removes.
DELETED_AT_ONCE = 5000


def write(connection: sqlite3.Connection, batch: Batch) -> None:
    """Write a batch inside the caller's transaction."""
    is_rare = batch.is_rare
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
            statement, marks, tail = _GROUPED[name]
            upsert_many(connection, _SQL[statement], tail, marks, rows)
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
    if batch.windows:
        agent_windows.write(connection, batch.windows)


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
