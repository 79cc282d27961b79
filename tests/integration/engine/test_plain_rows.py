"""Rows that have much in common are written by statements that say so: what is stored is the same as for any other."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from accio.domain.failures import Failure
from accio.domain.states import Cause, NodeState, RunState
from accio_daemon.core.effects import Effects, NodeRow, ResultRow
from accio_daemon.core.outgoing import NodeClass
from accio_daemon.core.owners import Owner
from accio_daemon.core.plan import NodePlan
from accio_daemon.core.records import Agent, Execution
from accio_daemon.core.terms import AgentNo, AttemptNo, ExecutionNo, Place, RunNo
from accio_daemon.storage.codes import NODE_STATES, RUN_STATES
from accio_daemon.storage.file.database import FILE_NAME, prepare
from accio_daemon.storage.writing.rendering import render
from accio_daemon.storage.writing.transactions import carry_out

KEY = b"k" * 32
RUN = RunNo(7)
MANY = 5
"""Rows of each kind, so that statements of several sizes write them."""

PLAIN = ResultRow(
    id=ExecutionNo(0),
    key=KEY,
    operator_no=3,
    seed=None,
    inputs='{"i":1}',
    outputs={"value": "2"},
    blobs=None,
    metrics=(9, 8, 7, 6, 5, 4, ""),
    attempt=AttemptNo(0),
    agent_no=AgentNo(2),
    started_ms=100,
    ended_ms=101,
    recorded_ms=102,
    log_bytes=0,
    owner=(RUN, 5, 1),
    contents=[],
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Open a new database."""
    with closing(prepare(tmp_path / FILE_NAME, synchronous="OFF")) as connection:
        yield connection


def _write(connection: sqlite3.Connection, fx: Effects) -> None:
    carry_out(connection, render(fx, {}), (), None)


@pytest.mark.parametrize(
    ("row", "kept", "blobs"),
    [
        (PLAIN, 1, None),
        (replace(PLAIN, key=None), 0, None),
        (replace(PLAIN, seed=0), 1, None),
        (replace(PLAIN, log_bytes=11), 1, None),
        (replace(PLAIN, blobs={"large": ("blake3:" + "0" * 64, 4)}), 1, '{"large":["blake3:' + "0" * 64 + '",4]}'),
    ],
    ids=["plain", "uncacheable", "seeded", "printed", "large"],
)
def test_results_are_stored_with_all_that_they_have(
    database: sqlite3.Connection, row: ResultRow, kept: int, blobs: str | None
) -> None:
    """Whatever a result has that others don't, each column says what it says."""
    fx = Effects()
    fx.results.extend(replace(row, id=ExecutionNo(no), attempt=AttemptNo(no)) for no in range(1, MANY + 1))
    _write(database, fx)
    found = database.execute(
        "SELECT id, key, kept, operator_no, seed, inputs, outputs, blobs, metrics, attempt, agent_no, started_at, "
        "ended_at, recorded_at, log_bytes, run_no, idx, node FROM results ORDER BY id"
    ).fetchall()
    common = (row.key, kept, 3, row.seed, '{"i":1}', '{"value":"2"}', blobs, '[9,8,7,6,5,4,""]')
    assert found == [(no, *common, no, 2, 100, 101, 102, row.log_bytes, 7, 5, 1) for no in range(1, MANY + 1)]


def test_nodes_that_end_in_different_ways_are_told_apart(database: sqlite3.Connection) -> None:
    """A success, one from the memo, and a failure of one batch."""
    fx, why = Effects(), Failure(cause=Cause.EXCEPTION, message="no")
    for no in range(MANY):
        fx.nodes[RUN, no, 0] = NodeRow(NodeState.SUCCESS, False, 10 + no, ExecutionNo(no), None, 100)
        fx.nodes[RUN, no, 1] = NodeRow(NodeState.SUCCESS, True, 20 + no, ExecutionNo(no), None, 101)
        fx.nodes[RUN, no, 2] = NodeRow(NodeState.FAILED, False, 30 + no, None, why, 102)
    _write(database, fx)
    found = database.execute(
        "SELECT idx, node, state, cached, sequence, result, cause IS NULL, ended_at FROM nodes ORDER BY idx, node"
    ).fetchall()
    success, failed = NODE_STATES[NodeState.SUCCESS], NODE_STATES[NodeState.FAILED]
    assert found == [
        each
        for no in range(MANY)
        for each in (
            (no, 0, success, 0, 10 + no, no, 1, 100),
            (no, 1, success, 1, 20 + no, no, 1, 101),
            (no, 2, failed, 0, 30 + no, None, 0, 102),
        )
    ]


def test_children_that_begin_again_keep_their_place(database: sqlite3.Connection) -> None:
    """Children that have begun, begun after a retry, and ended: what the later batch says replaces what was there."""
    fx = Effects()
    for no in range(MANY):
        fx.instances[RUN, no] = (RunState.RUNNING, None, 50 + no, None)
        fx.instances[RUN, 100 + no] = (RunState.RUNNING, 6, 50 + no, None)
    _write(database, fx)
    fx = Effects()
    fx.instances[RUN, 0] = (RunState.FAILED, None, 50, 60)
    fx.instances[RUN, 100] = (RunState.RUNNING, None, 55, None)
    _write(database, fx)
    found = database.execute("SELECT idx, state, sequence, started_at, ended_at FROM instances ORDER BY idx").fetchall()
    running, failed = RUN_STATES[RunState.RUNNING], RUN_STATES[RunState.FAILED]
    begun = [(no, running, None, 50 + no, None) for no in range(1, MANY)]
    again = [(100 + no, running, 6, 50 + no, None) for no in range(1, MANY)]
    assert found == [(0, failed, None, 50, 60), *begun, (100, running, None, 55, None), *again]


def _execution(number: int) -> Execution:
    node, node_class, owner = cast("NodePlan", None), cast("NodeClass", None), cast("Owner", None)
    return Execution(ExecutionNo(number), node, node_class, (RUN, number, 0), Place(1, number, 0), owner)


def _dispatched(execution: Execution) -> None:
    execution.agent = cast("Agent", _AnAgent())
    execution.attempt, execution.dispatched_ms = AttemptNo(1000 + execution.id), 70


class _AnAgent:
    no = AgentNo(2)


def _lost(execution: Execution) -> None:
    execution.losses = 1


def _failed(execution: Execution) -> None:
    execution.failures, execution.not_before_ms = 2, 90


def _with_gpus(execution: Execution) -> None:
    _dispatched(execution)
    execution.gpus = (0, 3)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_dispatched, (0, 0, 1001, 2, 70, None, 0, None)),
        (_lost, (1, 0, None, None, 0, None, 0, None)),
        (_failed, (0, 2, None, None, 0, None, 0, 90)),
        (_with_gpus, (0, 0, 1001, 2, 70, "[0,3]", 0, None)),
    ],
)
def test_executions_are_stored_with_all_that_a_restart_needs(
    database: sqlite3.Connection, change: Callable[[Execution], None], expected: tuple[Any, ...]
) -> None:
    """An execution that was lost, waits for its back-off, or has GPUs, beside those that were merely dispatched."""
    fx, changed = Effects(), _execution(1)
    changed.key = KEY
    change(changed)
    for execution in (changed, *map(_execution, range(2, 2 + MANY))):
        if execution is not changed:
            _dispatched(execution)
        fx.executions[execution.id] = execution
    _write(database, fx)
    columns = "losses, failures, attempt, agent_no, dispatched_at, gpus, stopping, not_before_at"
    found = database.execute(f"SELECT id, key, run_no, idx, node, {columns} FROM executions ORDER BY id").fetchall()  # noqa: S608 - names
    others = [(no, None, 7, no, 0, 0, 0, 1000 + no, 2, 70, None, 0, None) for no in range(2, 2 + MANY)]
    assert found == [(1, KEY, 7, 1, 0, *expected), *others]
    fx = Effects()
    fx.executions.update({ExecutionNo(no): None for no in range(1, 1 + MANY)})
    _write(database, fx)
    assert database.execute("SELECT id FROM executions").fetchall() == [(1 + MANY,)]
