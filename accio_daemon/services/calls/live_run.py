"""A run that somebody watches: its latest committed state, read once for everybody who watches it.

A look costs what changed since the one before. Of a parent that is its row; of a single run or a child it is its row
and those of the nodes that changed. The first look at a run of many nodes reads them all, in a thread.
"""

import asyncio
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from functools import partial

from accio.domain.failures import Failure
from accio.domain.states import RUN_TERMINAL, RunState
from accio.late import dataclass
from accio.v1 import accio_pb2
from accio.wire.failures import failure_message
from accio_daemon.core.readings.explain import NodesAway
from accio_daemon.engine.ports import EnginePort, RunChanges
from accio_daemon.services.messages.runs import run_message
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.nodes.begun import begun_in_state, count_executing
from accio_daemon.storage.nodes.node_tally import FAILURES, NodeTally, count_nodes, first_failed, read_ends
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.runs import runs_query
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.runs.runs_query import Found, InstanceRow, RunRow

# How many nodes are read on the event loop; more cost more than a hop to a thread.
_AT_HAND = 200

# How long a watcher lets short calls pass before it is sent something, where others watch the same run.
_PASSING_S = 0.002

Update = tuple[accio_pb2.RunUpdate, bool]  # the state, and whether the run has ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A run's state as all who follow it share it: it is encoded once for all of them."""

    update: accio_pb2.RunUpdate  # nobody changes it
    encoded: bytes
    ended: bool


@dataclass(slots=True, kw_only=True)
class _Known:
    """What the last look found of a single run's or a child's nodes."""

    tally: NodeTally
    failure: tuple[int, Failure] | None = None  # the first one, and its node


class LiveRun:
    """Reads a run's state where it has changed since the last look."""

    def __init__(
        self,
        *,
        found: Found,
        readers: Readers,
        plans: Plans,
        changes: RunChanges,
        away: Callable[[], list[NodesAway]],
        stuck: Callable[[], str],
    ) -> None:
        """Read *found* from *readers*; *changes* says what of it did, *away* which of its nodes lost agents have, and
        *stuck* why some have no place.
        """
        self.followers = 0
        self._found = found
        self._readers = readers
        self._plans = plans
        self._changes = changes
        self._away = away
        self._stuck = stuck
        self._known: _Known | None = None
        self._failed: tuple[InstanceRow, accio_pb2.NodeFailure | None] | None = None  # a parent's first failed child
        self._last: tuple[int, Seen] | None = None  # what was read, after how many changes
        self._reading = asyncio.Lock()
        self._turns = asyncio.Lock()

    def close(self) -> None:
        """Follow the run no more."""
        self._changes.close()

    async def read(self, *, afresh: bool) -> Seen:
        """Read the state; NotFound if the run was deleted. Unless *afresh*, an edit of its name may be missed."""
        async with self._reading:
            count = self._changes.count
            if afresh or self._last is None or self._last[0] != count:
                update, ended = await self._look()
                for each in self._away():
                    update.away.add(agent=each.agent, reason=each.reason, nodes=each.nodes)
                update.stuck = self._stuck()
                encoded = update.SerializeToString(deterministic=True)
                self._last = (count, Seen(update=update, encoded=encoded, ended=ended))
            return self._last[1]

    async def take_turn(self) -> None:
        """Wait until one follower may be sent something. All of them learn of a change at once; were they all served in
        one turn of the event loop, every other call would wait for that.
        """
        if self.followers > 1:
            async with self._turns:
                await asyncio.sleep(0)
                await self._readers.short_calls.pass_by(_PASSING_S)

    async def _look(self) -> Update:
        if self._found.run.parent and self._found.index is None:
            return await self._readers.read(self._read_parent)
        known, self._known = self._known, None  # a look that fails or is given up knows nothing
        changed = self._changes.take()
        due = self._found.run.nodes if known is None else len(changed)
        job = partial(self._read_nodes, known, changed)
        self._known, update = self._readers.glance(job) if due <= _AT_HAND else await self._readers.read(job)
        return update

    def _read_nodes(self, known: _Known | None, changed: Set[int], snapshot: Snapshot) -> tuple[_Known, Update]:
        now = runs_query.read_again(snapshot, self._found)
        if known is None:
            known = _Known(tally=NodeTally(self._plans.workflow(snapshot, now.run), now.run.nodes))
            ends = read_ends(snapshot, now)
            changed = ends.keys()
        else:
            ends = read_ends(snapshot, now, changed)
        for no in changed:
            known.tally.put(no, ends.get(no))
        if known.failure is not None and known.tally.ended(known.failure[0]) not in FAILURES:
            known.failure = None  # it was retried
        if known.failure is None and known.tally.has_failures():
            known.failure = first_failed(snapshot, now)
        update = accio_pb2.RunUpdate(run=run_message(now, nodes=count_nodes(snapshot, now, known.tally)))
        if known.failure is not None:
            update.first_failure.CopyFrom(self._failure(snapshot, now, *known.failure))
        return known, (update, now.state in RUN_TERMINAL)

    def _read_parent(self, snapshot: Snapshot) -> Update:
        now = runs_query.read_again(snapshot, self._found)
        running = None if now.state in RUN_TERMINAL else count_executing(snapshot, now.run.no)
        update = accio_pb2.RunUpdate(run=run_message(now, running=running))
        failed = begun_in_state(snapshot, now.run.no, RunState.FAILED, limit=1) if now.run.failed else []
        if failed:
            if self._failed is None or self._failed[0] != failed[0]:
                self._failed = (failed[0], self._failure_of_child(snapshot, now.run, failed[0]))
            if self._failed[1] is not None:
                update.first_failure.CopyFrom(self._failed[1])
        elif now.run.own_nodes and (own := first_failed(snapshot, now)) is not None:
            update.first_failure.CopyFrom(self._failure(snapshot, now, *own))
        return update, now.state in RUN_TERMINAL

    def _failure_of_child(self, snapshot: Snapshot, run: RunRow, row: InstanceRow) -> accio_pb2.NodeFailure | None:
        child = Found(run=run, index=row.index, instance=row)
        failure = first_failed(snapshot, child)
        return None if failure is None else self._failure(snapshot, child, *failure)

    def _failure(self, snapshot: Snapshot, found: Found, no: int, failure: Failure) -> accio_pb2.NodeFailure:
        name = self._plans.workflow(snapshot, found.run).graph[no].name
        return accio_pb2.NodeFailure(run=found.id, node=name, failure=failure_message(failure))


class LiveRuns:
    """Every run that is watched now."""

    def __init__(self, *, engine: EnginePort, readers: Readers, plans: Plans) -> None:
        """Wait for changes that the engine announces, and read them from *readers*."""
        self._engine = engine
        self._readers = readers
        self._plans = plans
        self._live: dict[tuple[int, int | None], LiveRun] = {}

    @contextmanager
    def following(self, found: Found) -> Iterator[LiveRun]:
        """Share a run with all who follow it, for as long as the context lasts."""
        key = (found.run.no, found.index)
        live = self._live.get(key)
        if live is None:
            index = None if found.run.parent and found.index is None else found.place
            changes = self._engine.follow(found.run.no, index)
            away = partial(self._engine.away, found.run.no, index)
            stuck = partial(self._engine.stuck, found.run.no, index)
            live = LiveRun(
                found=found, readers=self._readers, plans=self._plans, changes=changes, away=away, stuck=stuck
            )
            self._live[key] = live
        live.followers += 1
        try:
            yield live
        finally:
            live.followers -= 1
            if not live.followers:
                del self._live[key]
                live.close()
