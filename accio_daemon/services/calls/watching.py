"""Telling the states of a run until it has ended. The latest state wins: what changes faster than the watcher reads is
skipped.
"""

import asyncio
import sqlite3

from accio.domain.states import RUN_TERMINAL, NodeState, RunState
from accio.errors import NotFound
from accio.v1 import accio_pb2
from accio.wire.failures import failure_message
from accio_daemon.engine.ports import EnginePort, RunWatch
from accio_daemon.services.messages.runs import run_message
from accio_daemon.services.transport.rpc import Send
from accio_daemon.storage import runs_query
from accio_daemon.storage.begun import begun_in_state, count_executing
from accio_daemon.storage.nodes_query import NodeFacts, count_states, read_nodes
from accio_daemon.storage.plans import Plans
from accio_daemon.storage.readers import Readers
from accio_daemon.storage.runs_query import Found

# The first updates go out at once; later ones of a run that changes all the time at this pace.
_AT_ONCE = 8
_PACE_S = 0.05
_BYTES_PER_S = 2_000_000
# How long the first state of a new run may wait for the next one, which makes it superfluous.
_MOMENT_S = 0.003


class Watching:
    """Reads a run's state whenever something about it was committed."""

    def __init__(self, *, engine: EnginePort, readers: Readers, plans: Plans) -> None:
        """Take who tells that something changed, and where to read what."""
        self._engine = engine
        self._readers = readers
        self._plans = plans

    async def watch(
        self, found: Found, send: Send[accio_pb2.RunUpdate], first: accio_pb2.RunUpdate | None = None
    ) -> None:
        """Send the run's state (beginning with *first*, if given) until it has ended, or is deleted (NotFound)."""
        last = b""
        failure: accio_pb2.NodeFailure | None = None
        async with self._engine.watch(found.run.no) as changes:
            if first is not None:
                await send(first)
                first.ClearField("warnings")
                last = first.SerializeToString(deterministic=True)
            for turn in range(2**62):
                update, ended = await self._read(found)
                # The first failure that was told stays, though one may turn up that stands before it in the order of
                # the sweep.
                failure = failure or (update.first_failure if update.HasField("first_failure") else None)
                if failure is not None:
                    update.first_failure.CopyFrom(failure)
                if first is not None and turn == 0 and not ended and await _moment(changes):
                    continue
                state = update.SerializeToString(deterministic=True)
                if state != last:
                    await send(update)
                    last = state
                if ended:
                    return
                await changes.changed()
                if turn > _AT_ONCE:
                    await changes.pause(max(_PACE_S, len(state) / _BYTES_PER_S))

    async def _read(self, found: Found) -> tuple[accio_pb2.RunUpdate, bool]:
        """Read the run's state, and whether it has ended; that of a single run or child takes a few look-ups by key."""
        if found.run.parent and found.index is None:
            return await self._readers.read(lambda connection: self._update(connection, found))
        return self._readers.glance(lambda connection: self._update(connection, found))

    def _update(self, connection: sqlite3.Connection, found: Found) -> tuple[accio_pb2.RunUpdate, bool]:
        now, nodes = read_state(connection, self._plans, found)
        running = None
        if now.index is None and now.run.parent and now.state not in RUN_TERMINAL:
            running = count_executing(connection, now.run.no)
        counts = None if nodes is None else count_states(nodes)
        update = accio_pb2.RunUpdate(run=run_message(now, running=running, nodes=counts))
        failure = self._first_failure(connection, now, nodes)
        if failure is not None:
            update.first_failure.CopyFrom(failure)
        return update, now.state in RUN_TERMINAL

    def _first_failure(
        self, connection: sqlite3.Connection, now: Found, nodes: list[NodeFacts] | None
    ) -> accio_pb2.NodeFailure | None:
        child = now
        if nodes is None:
            if not now.run.failed:
                return None
            instances = begun_in_state(connection, now.run.no, RunState.FAILED, limit=1)
            if not instances:
                return None
            child = Found(run=now.run, index=instances[0].index, instance=instances[0])
            nodes = read_nodes(connection, child, self._plans.workflow(connection, now.run))
        failed = [node for node in nodes if node.state in (NodeState.FAILED, NodeState.LOST) and node.failure]
        if not failed:
            return None
        first = min(failed, key=lambda node: node.ended_ms or 0)
        assert first.failure is not None, "only nodes with a failure were taken"
        return accio_pb2.NodeFailure(run=child.id, node=first.name, failure=failure_message(first.failure))


async def _moment(changes: RunWatch) -> bool:
    """Let a run that ends at once do so, as its next state is its last then; tells whether anything changed."""
    try:
        async with asyncio.timeout(_MOMENT_S):
            await changes.changed()
    except TimeoutError:
        return False
    return True


def read_state(connection: sqlite3.Connection, plans: Plans, found: Found) -> tuple[Found, list[NodeFacts] | None]:
    """Read a run anew, with its nodes unless it is a parent; NotFound if it was deleted."""
    run = runs_query.get_run(connection, found.run.no)
    if run is None or (found.index is not None and not run.has(found.index)):
        raise NotFound(f"run {found.id} was deleted")
    if found.index is not None:
        now = runs_query.get_child(connection, run, found.index)
    elif run.parent:
        return Found(run=run), None
    else:
        now = Found(run=run)
    return now, read_nodes(connection, now, plans.workflow(connection, run))
