"""Sending the states of a run until it has ended. The latest state wins: what changes faster than the watcher reads is
skipped.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from accio.domain.states import RunState
from accio.v1 import accio_pb2, values_pb2
from accio_daemon.engine.ports import EnginePort, Success
from accio_daemon.services.calls.live_run import LiveRuns
from accio_daemon.services.messages.runs import run_message
from accio_daemon.services.transport.rpc import Send
from accio_daemon.storage.plans import Plans
from accio_daemon.storage.readers import Readers
from accio_daemon.storage.runs_query import Found, RunRow

# The first updates go out at once; later ones of a run that changes all the time at this pace.
_AT_ONCE = 8
_PACE_S = 0.05
_BYTES_PER_S = 2_000_000
# How long the first state of a new run may wait for its last one, which makes it superfluous.
_MOMENT_S = 0.01


class Watching:
    """Sends a run's state whenever something about it was committed."""

    def __init__(self, *, engine: EnginePort, readers: Readers, plans: Plans) -> None:
        """Wait for changes that the engine announces, and read them from *readers*."""
        self._engine = engine
        self._live = LiveRuns(engine=engine, readers=readers, plans=plans)

    async def watch(
        self, found: Found, send: Send[accio_pb2.RunUpdate], warnings: Sequence[values_pb2.Issue] | None = None
    ) -> None:
        """Send the run's state until it has ended, or is deleted (NotFound).

        Of a run that was just submitted (with such *warnings*; None: it wasn't) the state in which it was *found* is
        sent before the others, unless the run ends at once: then its last one says all.
        """
        last = b""
        failure: accio_pb2.NodeFailure | None = None
        async with AsyncExitStack() as stack:
            changes = await stack.enter_async_context(self._engine.watch(found.run.no))
            if warnings is not None and self._engine.is_going_on(found.run.no):
                await changes.pause(_MOMENT_S)
                if changes.success is not None:
                    await send(_of_success(found.run, changes.success, warnings))
                    return
            live = stack.enter_context(self._live.following(found))
            for turn in range(2**62):
                latest, ended = await live.read(afresh=turn == 0)
                update = accio_pb2.RunUpdate()
                update.CopyFrom(latest)
                # The first failure that was told stays, though one may turn up that stands before it in the order of
                # the sweep.
                failure = failure or (update.first_failure if update.HasField("first_failure") else None)
                if failure is not None:
                    update.first_failure.CopyFrom(failure)
                if warnings is not None and turn == 0:
                    last = await _begin(found, warnings, update, ended=ended, send=send)
                if ended and not last:
                    await send(update)
                    return
                state = update.SerializeToString(deterministic=True)
                if state != last:
                    await send(update)
                    last = state
                if ended:
                    return
                await changes.changed()
                if turn > _AT_ONCE:
                    await changes.pause(_until_next(max(_PACE_S, len(state) / _BYTES_PER_S)))


def _of_success(run: RunRow, success: Success, warnings: Sequence[values_pb2.Issue]) -> accio_pb2.RunUpdate:
    """Return the only update of a single *run* that was just submitted, and has succeeded since: all of it is known."""
    ended = replace(
        run,
        state=RunState.SUCCESS,
        nodes_ended=success.nodes,
        started_ms=success.started_ms,
        ended_ms=success.ended_ms,
    )
    return accio_pb2.RunUpdate(run=run_message(Found(run=ended), nodes=success.nodes), warnings=warnings)


def _until_next(pace_s: float) -> float:
    """Return the time until the next beat of a pace: watches of one run that look together share one look."""
    return pace_s - asyncio.get_running_loop().time() % pace_s


async def _begin(
    found: Found,
    warnings: Sequence[values_pb2.Issue],
    update: accio_pb2.RunUpdate,
    *,
    ended: bool,
    send: Send[accio_pb2.RunUpdate],
) -> bytes:
    """Send a new run's first state, and return it; of a run that has *ended* the only *update* says what it said."""
    if ended:
        update.warnings.extend(warnings)
        return b""
    first = accio_pb2.RunUpdate(run=run_message(found), warnings=warnings)
    await send(first)
    first.ClearField("warnings")
    return first.SerializeToString(deterministic=True)
