"""A database with a million runs, made by the daemon's own core and storage, without executing anything."""

import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from accio.domain.runs import RunDefinition
from accio.domain.states import RunState
from accio.domain.sweeps import Axis, Sweep
from accio_daemon.core.commands import Instant, RunNo, SubmitRun
from accio_daemon.core.effects import Effects
from accio_daemon.core.on_runs import submit
from accio_daemon.core.plan import ClassRegistry
from accio_daemon.core.world import World
from accio_daemon.storage import runs_query
from accio_daemon.storage.database import prepare
from accio_daemon.storage.plans import Plans
from accio_daemon.storage.writer import render, write
from tests.builders import INTEGER, run_id

BATCH = 5_000
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
    found = runs_query.find(connection, sample).run
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
    world.next_run = RunNo(newest + 1)
    for place, command in enumerate(commands, start):
        moment = Instant(wall_ms=1_700_000_000_000 + place, mono=0.0)
        submit(world, fx, command, moment)
        run = world.runs.popitem()[1]
        world.unopened.remove(run)
        failed = place % FAILED_EVERY == 0
        run.state = RunState.FAILED if failed else RunState.SUCCESS
        run.started_ms = run.ended_ms = moment.wall_ms
        run.failed, run.success, run.low = int(failed), int(not failed), 1
    connection.execute("BEGIN IMMEDIATE")
    write(connection, render(fx, {}))
    connection.execute("COMMIT")
