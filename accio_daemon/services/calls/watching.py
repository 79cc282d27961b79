"""Sending the states of a run until it has ended. The latest state wins: what changes faster than the watcher reads is
skipped.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

from accio.domain.states import RUN_TERMINAL, RunState
from accio.v1 import accio_pb2, values_pb2
from accio.wire.states import RUN_STATE_MESSAGES
from accio_daemon.engine.ports import EnginePort, Success
from accio_daemon.services.calls.live_run import LiveRuns, Seen
from accio_daemon.services.messages.runs import counts, run_message
from accio_daemon.services.transport.rpc import SendEncoded
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.runs.runs_query import Found

# The first updates go out at once; later ones of a run that changes all the time at this pace.
_AT_ONCE = 8
_PACE_S = 0.05
_BYTES_PER_S = 2_000_000
_FOLLOWER_S = 0.0025  # for each who watches the same run
# How long the first state of a new run may wait for its last one, which makes it superfluous.
_MOMENT_S = 0.01


class Watching:
    """Sends a run's state whenever something about it was committed."""

    def __init__(self, *, engine: EnginePort, readers: Readers, plans: Plans) -> None:
        """Wait for changes that the engine announces, and read them from *readers*."""
        self._engine = engine
        self._live = LiveRuns(engine=engine, readers=readers, plans=plans)

    async def watch(
        self,
        found: Found,
        send: SendEncoded[accio_pb2.RunUpdate],
        warnings: Sequence[values_pb2.Issue] | None = None,
        *,
        only_end: bool = False,
    ) -> None:
        """Send the run's state until it has ended, or is deleted (NotFound); with *only_end* none between the first and
        the last.

        Of a run that was just submitted (with such *warnings*; None: it wasn't) the state in which it was *found* is
        sent before the others, unless the run ends at once: then its last one says all.
        """
        last = b""
        failure: accio_pb2.NodeFailure | None = None
        async with AsyncExitStack() as stack:
            changes = await stack.enter_async_context(self._engine.watch(found.run.no))
            # Written while it runs: once it has ended, somebody waits for each microsecond.
            first = None if warnings is None else accio_pb2.RunUpdate(run=run_message(found), warnings=warnings)
            if first is not None and self._engine.is_going_on(found.run.no):
                await changes.pause(_MOMENT_S)
                if changes.success is not None:
                    await send(_succeeded(first, changes.success))
                    return
            live = stack.enter_context(self._live.following(found))
            for turn in range(2**62):
                seen = await live.read(afresh=turn == 0)
                # The first failure that was told stays, though one may turn up that stands before it in the order of
                # the sweep.
                if failure is None and seen.update.HasField("first_failure"):
                    failure = seen.update.first_failure
                state = seen.encoded if failure is None else _telling(seen, failure)
                if first is not None and turn == 0:
                    if seen.ended:
                        await send(_only_update(state, first.warnings))
                        return
                    last = await _begin(found, seen, first, send)
                if state != last:
                    await live.take_turn()
                    await send(state)
                    last = state
                if seen.ended:
                    return
                await changes.changed()
                while only_end and found.index is None and not changes.has_ended:
                    await changes.changed()
                if turn > _AT_ONCE:
                    pace_s = max(_PACE_S, len(state) / _BYTES_PER_S, live.followers * _FOLLOWER_S)
                    await changes.pause(_until_next(pace_s))


def _telling(seen: Seen, failure: accio_pb2.NodeFailure) -> bytes:
    """Return what is seen, with a failure that was told before in place of another one."""
    if seen.update.first_failure == failure:
        return seen.encoded
    update = accio_pb2.RunUpdate()
    update.CopyFrom(seen.update)
    update.first_failure.CopyFrom(failure)
    return update.SerializeToString(deterministic=True)


def _succeeded(first: accio_pb2.RunUpdate, success: Success) -> accio_pb2.RunUpdate:
    """Make the only update of a run that has succeeded of its *first* one: all that is else in it is known."""
    run = first.run
    run.state = RUN_STATE_MESSAGES[RunState.SUCCESS]
    run.progress = 1.0
    run.started_at_ms = success.started_ms or 0
    run.ended_at_ms = success.ended_ms or 0
    del run.nodes_by_state[:]
    run.nodes_by_state.extend(counts(success.nodes))
    return first


def _until_next(pace_s: float) -> float:
    """Return the time until the next beat of a pace: watches of one run that look together share one look."""
    return pace_s - asyncio.get_running_loop().time() % pace_s


def _only_update(state: bytes, warnings: Sequence[values_pb2.Issue]) -> accio_pb2.RunUpdate:
    """Return the only update of a new run that has ended already: it says what the first one would have said, too."""
    update = accio_pb2.RunUpdate.FromString(state)
    update.warnings.extend(warnings)
    return update


async def _begin(found: Found, seen: Seen, first: accio_pb2.RunUpdate, send: SendEncoded[accio_pb2.RunUpdate]) -> bytes:
    """Send a new run's *first* state, and return it. Of one that was submitted before, and retried after it had ended
    when it was *found*, that is what is *seen*: no state but the last one tells of an end.
    """
    if found.state in RUN_TERMINAL:
        await send(_only_update(seen.encoded, first.warnings))
        return seen.encoded
    await send(first)
    first.ClearField("warnings")
    return first.SerializeToString(deterministic=True)
