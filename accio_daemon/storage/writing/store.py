"""The store of the engine on SQLite: what is committed, read at once, and one transaction per batch.

`Records` is one connection's view, `StoredWorld` what a start reads besides; `SqliteStore` reads on a connection of its
own and writes through the one writer. The protocols that they fulfil are the engine's (`engine/ports.py`).
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accio.domain.agent_windows import AgentWindow
from accio.domain.caps import Cap
from accio.domain.ids import RunId
from accio.domain.operators import OperatorSpec
from accio_daemon.core.effects import Effects
from accio_daemon.core.facts import InstanceFacts
from accio_daemon.core.on_agents import identity_of
from accio_daemon.core.restoring import ExecutionFacts, RunFacts
from accio_daemon.core.terms import Result, RunNo
from accio_daemon.storage import levels, restore
from accio_daemon.storage.file.database import CHECKPOINT_PAGES, IDLE_CHECKPOINT_PAGES, Database, let_checkpoint
from accio_daemon.storage.file.seal import Seal
from accio_daemon.storage.jobs import WriteJob
from accio_daemon.storage.rows import agent_windows
from accio_daemon.storage.rows.owners import read_caps, used_by_hour
from accio_daemon.storage.rows.pools import AllocationRow, PoolFacts, read_given_back, read_live, read_pools
from accio_daemon.storage.writing.at_once import AtOnce
from accio_daemon.storage.writing.held_memo import HeldMemo
from accio_daemon.storage.writing.rendering import Batch, render
from accio_daemon.storage.writing.seen_keys import SeenKeys
from accio_daemon.storage.writing.transactions import Committed, carry_out


class Records:
    """What one connection sees; each call is short, and made on the event loop."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Read on *connection*, which nobody else uses meanwhile."""
        self.connection = connection

    def results(self, keys: Sequence[bytes]) -> dict[bytes, Result]:
        """Look up the results of memo keys."""
        return levels.find(self.connection, keys)

    def load_run(self, run: RunNo, specs: Mapping[int, OperatorSpec]) -> RunFacts | None:
        """Read one run, ended or not; None if it isn't there."""
        return restore.load_run(self.connection, specs, run)

    def open_children(self, run: RunNo) -> list[InstanceFacts]:
        """Read the children that have begun and not ended."""
        return restore.open_children(self.connection, run)

    def unsuccessful_children(
        self, run: RunNo, *, after: int, limit: int, index: int | None = None
    ) -> list[InstanceFacts]:
        """Read some children that ended otherwise than in success, behind *after*; or just the one at *index*."""
        return restore.unsuccessful_children(self.connection, run, after=after, limit=limit, index=index)

    def ended_child(self, run: RunNo, index: int) -> InstanceFacts | None:
        """Read a child that has ended; None if it hasn't, or isn't there."""
        return restore.ended_child(self.connection, run, index)

    def render(self, fx: Effects) -> Batch:
        """Turn what was decided into rows, as they are now: records go on changing."""
        return render(fx, {number: identity_of(spec) for number, spec, _ in fx.operators})


class StoredWorld(Records):
    """What a start reads back, on a connection that may write: the epoch is counted up there."""

    def begin_epoch(self) -> int:
        """Count the daemon's starts."""
        return restore.begin_epoch(self.connection)

    def numbers(self) -> restore.Numbers:
        """Read the highest numbers that were written."""
        return restore.read_numbers(self.connection)

    def operators(self) -> list[restore.OperatorFacts]:
        """Read all operator versions, the latest of each name last."""
        return restore.read_operators(self.connection)

    def agents(self) -> list[restore.AgentFacts]:
        """Read all agents."""
        return restore.read_agents(self.connection)

    def pools(self) -> list[PoolFacts]:
        """Read all pools, in order of preference."""
        return read_pools(self.connection)

    def live_allocations(self) -> list[AllocationRow]:
        """Read the allocations that haven't ended, the oldest first."""
        return read_live(self.connection)

    def caps(self) -> dict[str, Cap]:
        """Read the caps, by the key of their owner."""
        return read_caps(self.connection)

    def windows(self) -> list[AgentWindow]:
        """Read the windows of agents."""
        return agent_windows.read(self.connection)

    def used_by_hour(self, since: int) -> Iterator[tuple[str, int, float]]:
        """Yield the core-seconds of each owner in each hour since 1970, from one on."""
        return used_by_hour(self.connection, since)

    def given_back(self) -> list[str]:
        """Find the agents whose last allocations have ended."""
        return read_given_back(self.connection)

    def live_runs(self) -> list[RunNo]:
        """Find the runs that haven't ended, but for those that are set aside."""
        return restore.live_runs(self.connection)

    def executions(self) -> Iterator[ExecutionFacts]:
        """Read all open executions, those without an attempt first."""
        return restore.read_executions(self.connection)

    def being_deleted(self) -> list[RunNo]:
        """Find the runs of which rows are left to be removed."""
        return restore.read_deletions(self.connection)

    def last_run_id(self) -> RunId | None:
        """Read the highest id of a run."""
        return restore.last_run_id(self.connection)


class SqliteStore(Records):
    """The database of a daemon that runs."""

    def __init__(self, database: Database, at_once: AtOnce | None = None) -> None:
        """Read on new connections, and write through the database's only writer, *at_once* where that says so."""
        super().__init__(database.reader())
        self._memo = HeldMemo(database.reader())
        self._seen = SeenKeys(self.connection)
        self._writer = database.writer
        self._seal = Seal(self.connection, database.path)
        self._at_once = at_once or AtOnce()
        self._was_at_once = False  # the last transaction
        self._checkpoints = CHECKPOINT_PAGES  # after how many pages the writer's connection makes them

    def results(self, keys: Sequence[bytes]) -> dict[bytes, Result]:
        """Look up the results of memo keys."""
        possible = self._seen.among(keys)
        return self._memo.find(possible) if possible else {}

    async def commit(self, rows: Batch, jobs: Sequence[WriteJob[Any]], deleting: RunNo | None) -> Committed:
        """Make a batch durable, on the writer's thread or at once; see `transactions.carry_out`. One at a time."""
        only_rows = not jobs and deleting is None
        at_once = only_rows and rows.is_small() and self._writer.is_free and self._at_once.allows()
        self._seen.add(rows.keys)
        held = self._memo.before_commit(rows, only_rows=only_rows and not at_once)

        def job(connection: sqlite3.Connection) -> Committed:
            self._choose_checkpoints(connection, at_once=at_once, held=held)
            begun = self._at_once.clock()
            try:
                return carry_out(connection, rows, jobs, deleting, self._seal)
            finally:
                self._at_once.ended(begun, at_once=at_once)

        try:
            committed = self._writer.run_here(job) if at_once else await self._writer.run_job(job)
        except BaseException:
            self._memo.let_go()  # whether it was committed isn't known here
            raise
        self._memo.after_commit(rows, at_once=at_once)
        return committed

    def _choose_checkpoints(self, connection: sqlite3.Connection, *, at_once: bool, held: bool) -> None:
        """Choose when the next transaction makes a checkpoint: never where it takes the loop's time, or can't be whole
        as a state is held.
        """
        after = 0 if at_once or held else IDLE_CHECKPOINT_PAGES if self._was_at_once else CHECKPOINT_PAGES
        self._was_at_once = at_once
        if after != self._checkpoints:
            let_checkpoint(connection, after)
            self._checkpoints = after

    def refuse_if_gone(self) -> None:
        """Raise FailedPrecondition if the database's file was removed or replaced, or its log was cut.

        It is asked now and then on an idle system, too: so it lets go of a state that no look-up needs any more, and
        reads some of the memo's keys.
        """
        self._seal.refuse_if_gone()
        self._seen.learn()
        self._memo.rest()

    def close(self) -> None:
        """Close what was opened here."""
        self._seal.close()
        self._memo.close()
        self.connection.close()
