"""From what is stored to a World: at the daemon's start.

Only runs that haven't ended are read, and of those only the children that are open: a restart costs what is open, not
what there ever was.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from accio.domain.caps import named
from accio.domain.ids import RunId
from accio.late import dataclass
from accio_daemon.core import agent_windows, readying
from accio_daemon.core.accounts import HOUR_MS
from accio_daemon.core.effects import Effects
from accio_daemon.core.moves import restore_allocation
from accio_daemon.core.owners import HALF_LIFE
from accio_daemon.core.pools.records import Allocation, Pool
from accio_daemon.core.records import Agent
from accio_daemon.core.restoring import (
    drop_unwanted,
    go_on_ending,
    restore_children,
    restore_execution,
    restore_run,
)
from accio_daemon.core.terms import Instant, RunNo
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import Settings, World
from accio_daemon.engine.ports import Stored
from accio_daemon.storage.restore import AgentFacts

FORGOTTEN_AFTER_MS = 10 * 24 * HOUR_MS
"""What was used before that counts for no order any more."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A World as it was committed, and what is left to do."""

    world: World
    effects: Effects  # what restoring it decided
    being_deleted: list[RunNo]  # runs whose rows are still being removed
    last_run_id: RunId | None


class RunNotRestoredError(Exception):
    """What is stored of a run can't be restored; the World that was to get it is unusable."""

    def __init__(self, run: RunNo, reason: str) -> None:
        """Blame *run*."""
        super().__init__(f"run number {run} can't be restored from what is stored of it: {reason}")
        self.run = run
        self.reason = reason


def restart(
    stored: Stored, *, settings: Settings, now: Instant, epoch: int | None = None, runs: Iterable[RunNo] | None = None
) -> Restored:
    """Read the World back, in an epoch of its own unless one is given, with all runs that haven't ended or with *runs*.

    RunNotRestoredError: one run's facts failed.
    """
    world = World(epoch=stored.begin_epoch() if epoch is None else epoch, settings=settings, started_mono=now.mono)
    turn = Turn(world, Effects(), now)
    _number(stored, world)
    for operator in stored.operators():
        world.operators[(operator.spec.name, operator.identity)] = operator.no
        world.specs[operator.no] = operator.spec
        world.latest[operator.spec.name] = (operator.announced, operator.no)
    for agent in stored.agents():
        _restore_agent(world, agent, now)
    _restore_pools(stored, world)
    _restore_owners(stored, world, now)
    world.windows = {each.name: each for each in stored.windows()}
    agent_windows.apply(turn)
    for run in stored.live_runs() if runs is None else runs:
        with _blaming(run):
            _restore_run(stored, world, run)
    for execution in stored.executions():
        with _blaming(execution.owner[0]):
            restore_execution(turn, execution)
    go_on_ending(turn)
    readying.settle(turn)
    while world.lookups:
        keys = [execution.key for execution in world.lookups if execution.key is not None]
        readying.resolve(turn, stored.results(keys))
        readying.settle(turn)
    drop_unwanted(turn)
    return Restored(world, turn.fx, being_deleted=stored.being_deleted(), last_run_id=stored.last_run_id())


@contextmanager
def _blaming(run: RunNo) -> Iterator[None]:
    """Say which run a failure is about, unless it is the machine's or the database's."""
    try:
        yield
    except (OSError, MemoryError, sqlite3.Error):
        raise
    except Exception as error:
        raise RunNotRestoredError(run, f"{type(error).__name__}: {error}") from error


def _restore_run(stored: Stored, world: World, run: RunNo) -> None:
    facts = stored.load_run(run, world.specs)
    assert facts is not None, "it was found in the same transaction"
    restore_children(world, restore_run(world, facts), stored.open_children(run))


def _number(stored: Stored, world: World) -> None:
    """Go on where the numbers ended."""
    known, numbers = stored.numbers(), world.numbers
    world.sequence = known.sequence
    numbers.run, numbers.agent, numbers.operator = known.run, known.agent, known.operator
    numbers.execution, numbers.allocation = known.execution, known.allocation


def _restore_agent(world: World, facts: AgentFacts, now: Instant) -> None:
    agent = Agent(no=facts.no, name=facts.name, resources=facts.resources, operators=facts.operators)
    agent.agent_id, agent.incarnation, agent.version = facts.agent_id, facts.incarnation, facts.version
    agent.drained, agent.reason, agent.owners = facts.drained, facts.reason, facts.owners
    agent.heard_ms = facts.heard_ms
    agent.heard_mono = now.mono  # a whole lease of grace: its silence is ours
    agent.lost = False
    world.agents[agent.no] = agent
    world.agent_names[agent.name] = agent


def _restore_pools(stored: Stored, world: World) -> None:
    for facts in stored.pools():
        pool = world.pools[facts.spec.name] = Pool(facts.spec, place=facts.place)
        pool.server, pool.paused, pool.floor = facts.server, facts.paused, facts.floor
        pool.offers, pool.operators = facts.offers, facts.operators
        pool.day, pool.used_today, pool.used = facts.used
    for row in stored.live_allocations():
        found = Allocation(no=row.no, pool=row.pool, lasting=row.lasting, requested_ms=row.requested_ms)
        found.job, found.host, found.agent = row.job, row.host, row.agent
        found.said_goodbye, found.cancelling, found.reason = row.goodbye, row.cancelling, row.reason
        found.began_ms = row.began_ms
        restore_allocation(found, row.state)
        world.pools[row.pool].live[row.no] = found
    for name in stored.given_back():
        if name in world.agent_names:
            world.agent_names[name].given_back = True


def _restore_owners(stored: Stored, world: World, now: Instant) -> None:
    for key, cap in stored.caps().items():
        world.owners.set_cap(key, cap)
    world.owners.look_at_clock(now.wall_ms)
    for key, hour, core_seconds in stored.used_by_hour((now.wall_ms - FORGOTTEN_AFTER_MS) // HOUR_MS):
        age = max(0.0, now.wall_ms / HOUR_MS - hour - 0.5) * 3600
        world.owners.of(named(key)).used_before += core_seconds * 0.5 ** (age / HALF_LIFE)
    world.owners.begin(now.mono)
