"""Databases with a million runs, or with millions of ended nodes, made without executing anything."""

import sqlite3
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import orjson

from accio.domain.access import Viewer
from accio.domain.axes import Axis
from accio.domain.people import Person
from accio.domain.ranges import WholePoints
from accio.domain.runs import RunDefinition
from accio.domain.states import RunState
from accio.domain.sweeps import Sweep
from accio_daemon.core.commands import SubmitRun
from accio_daemon.core.effects import Effects
from accio_daemon.core.moves import move_run
from accio_daemon.core.on_runs import submit
from accio_daemon.core.plan import ClassRegistry
from accio_daemon.core.terms import Instant
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import World
from accio_daemon.storage import levels
from accio_daemon.storage.file.database import prepare
from accio_daemon.storage.runs import runs_query
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.writing.rendering import render
from accio_daemon.storage.writing.writer import write
from tests.builders import INTEGER, run_id

ANYBODY = Viewer(me=Person(name="anybody"))

BATCH = 5_000
VALUE = {"value": "CAST(-1 - each.i AS TEXT)"}
FAILED_EVERY, OWNERS, TAGS, NAMES, VALUES = 100, 20, 50, 1_000, 500


def seed_runs(database: Path, count: int, sample: str) -> None:
    """Store *count* ended single runs like *sample*, whose daemon has ended: owners, tags, names, values by turns."""
    connection = prepare(database)
    try:
        made = _commands(connection, count, sample)
        for start in range(0, count, BATCH):
            _store(connection, list(islice(made, BATCH)), start)
        connection.execute("ANALYZE")
    finally:
        connection.close()


def _commands(connection: sqlite3.Connection, count: int, sample: str) -> Iterator[SubmitRun]:
    plans = Plans()
    found = runs_query.find(connection, sample, ANYBODY).run
    workflow, operators = plans.workflow(connection, found), plans.operators(connection, found)
    for number in range(count):
        yield SubmitRun(
            id=run_id(number),
            definition=RunDefinition(
                workflow_id=workflow.id,
                version=workflow.version,
                sweep=Sweep((Axis("i", INTEGER, (str(number % VALUES),)),)),
                name=f"name {number % NAMES}",
                notes=f"word{number % NAMES} of run {number}",
                tags=(f"tag{number % TAGS}",),
            ),
            workflow_no=found.workflow_no,
            workflow=workflow,
            operators=tuple(operators),
            owner_name=f"Owner {number % OWNERS}",
            owner_email=f"owner{number % OWNERS}@example.org",
            seed=number,
        )


def _store(connection: sqlite3.Connection, commands: list[SubmitRun], start: int) -> None:
    world, fx = World(epoch=1), Effects()
    world.classes = ClassRegistry()
    (newest,) = connection.execute("SELECT max(no) FROM runs").fetchone()
    world.numbers.run = newest
    for place, command in enumerate(commands, start):
        moment = Instant(wall_ms=1_700_000_000_000 + place, mono=0.0)
        submit(Turn(world, fx, moment), command)
        run = world.runs.popitem()[1]
        world.unopened.remove(run)
        failed = place % FAILED_EVERY == 0
        move_run(run, RunState.FAILED if failed else RunState.SUCCESS)
        run.started_ms = run.ended_ms = moment.wall_ms
        run.failed, run.success, run.taken.low = int(failed), int(not failed), 1
    connection.execute("BEGIN IMMEDIATE")
    write(connection, render(fx, {}))
    connection.execute("COMMIT")


def whole(name: str, size: int) -> Axis:
    """Return an axis of whole numbers that no other run has."""
    return Axis(name, INTEGER, WholePoints(start=-1, step=-1, size=size))


def seed_nodes(database: Path, sample: str, *axes: Axis, outputs: Mapping[str, str] = VALUE) -> None:
    """Store a sweep over *axes* whose children have ended, each like *sample*, with results that are in the memo.

    *outputs* are SQL for the canonical text of each output at child `each.i`. *sample* is a single run of one node; its
    daemon has ended. Indexes with an order of their own are built at the end: what comes of it is the same.
    """
    sweep = Sweep(axes)
    count = sweep.size
    connection = prepare(database, synchronous="OFF")
    try:
        sample_no = runs_query.find(connection, sample, ANYBODY).run.no
        values = {
            "sample": sample_no,
            "count": count,
            "id": run_id(count),
            "sweep": sweep.to_text(),
            "names": orjson.dumps([axis.name for axis in axes]).decode(),
        }
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'results'"
        )
        built = [(name, text) for name, text in indexes if text]
        connection.execute("BEGIN IMMEDIATE")
        for name, _ in built:
            connection.execute(f"DROP INDEX {name}")
        given = ", ".join(f"'{port}', {text}" for port, text in outputs.items())
        for statement in (each.replace("{outputs}", given) for each in _NODES):
            used = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(statement, used)
        for _, text in built:
            connection.execute(text)
        _seed_memo(connection, count)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def _seed_memo(connection: sqlite3.Connection, count: int) -> None:
    """Put the keys of the newest *count* results where they had come to if they had been added one after the other."""
    connection.create_function("key64", 1, levels.key64, deterministic=True)
    (before,) = connection.execute("SELECT max(id) FROM results").fetchone()
    state = levels.State()
    for level, bound in enumerate((*levels.BOUNDS, count)):
        size = min(bound, count)
        connection.execute(
            f"INSERT INTO memo_{level} SELECT key64(key), id FROM results WHERE id > ? AND id <= ? ORDER BY 1",  # noqa: S608 - a number
            (before - size, before),
        )
        before, count = before - size, count - size
        if level < len(state.sizes):
            state.sizes[level] = size
    state.store(connection)


_NODES = (
    """
    INSERT INTO runs (id, kind, workflow_no, owner_name, owner_email, name, notes, seed, sweep, options, operators,
                      children, nodes, sequence, state, closed, cursor, removed, running, success, failed, killed,
                      nodes_ended, created_at, started_at, ended_at)
    SELECT :id, 2, workflow_no, owner_name, owner_email, name, notes, seed, :sweep, options, operators, :count,
           nodes, sequence, state, 0, :count, '[]', 0, :count, 0, 0, json_object('success', :count),
           created_at, started_at, ended_at
    FROM runs WHERE no = :sample
    """,
    "INSERT INTO run_params SELECT value, NULL, (SELECT max(no) FROM runs) FROM json_each(:names)",
    """
    WITH RECURSIVE each (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM each WHERE i + 1 < :count)
    INSERT INTO instances (run_no, idx, state, started_at, ended_at)
    SELECT (SELECT max(no) FROM runs), each.i, s.state, s.started_at, s.ended_at
    FROM each, (SELECT * FROM instances WHERE run_no = :sample) s
    """,
    """
    WITH RECURSIVE each (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM each WHERE i + 1 < :count)
    INSERT INTO nodes (run_no, idx, node, state, cached, sequence, result, ended_at)
    SELECT (SELECT max(no) FROM runs), each.i, 0, s.state, 0, s.sequence, s.result + 1 + each.i, s.ended_at
    FROM each, (SELECT * FROM nodes WHERE run_no = :sample) s
    """,
    """
    WITH RECURSIVE each (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM each WHERE i + 1 < :count)
    INSERT INTO results (id, kept, key, operator_no, seed, inputs, outputs, metrics, attempt, agent_no,
                         started_at, ended_at, recorded_at, log_bytes, run_no, idx, node)
    SELECT s.id + 1 + each.i, 1, randomblob(32), s.operator_no, s.seed, json_object('i', -1 - each.i),
           json_object({outputs}), s.metrics, s.attempt, s.agent_no, s.started_at, s.ended_at,
           s.recorded_at, s.log_bytes, (SELECT max(no) FROM runs), each.i, 0
    FROM each, (SELECT * FROM results WHERE run_no = :sample) s
    """,
)
