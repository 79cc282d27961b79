"""What a World knows, in a form in which a live one and one restored from its database must be equal.

Left out is what a restart may forget: open children of which no node began (they are opened again, in the same order),
results kept at hand, durations, who holds a reservation among what was sent to an agent.
"""

from collections import Counter
from typing import Any

import orjson

from accio.domain.children import CLOSED_BY_KILL
from accio.domain.states import NODE_TERMINAL, NodeState, RunState
from accio_daemon.core.pools.records import Pool
from accio_daemon.core.records import Execution, Instance, Run
from accio_daemon.core.terms import Instant
from accio_daemon.core.world import World
from accio_daemon.storage.codes import NODE_STATE_OF, RUN_STATE_OF
from tests.simulator.disk import Disk

# Milliseconds by which the two clocks may differ.
_ROUNDING = 5


def snapshot(world: World, now: Instant) -> dict[str, Any]:
    """Return what counts, as plain values."""
    waiting = [*world.queue, *world.backing_off]
    return {
        "sequence": world.sequence,
        "runs": {run.no: _run(run) for run in world.runs.values() if not _is_killed_but_for_unbegun(run)},
        "queue": {_begun(e): tuple(e.place) if _all_begun(e) else None for e in waiting if _begun(e)},
        "dispatched": {
            attempt: (e.id, e.agent.name if e.agent else None, e.losses, e.failures, e.owner, _begun(e))
            for attempt, e in sorted(world.by_attempt.items())
            if not e.stopping
        },
        "waiting again": sorted(
            (e.id, e.losses, e.failures) for e in world.executions.values() if e.agent is None and e.losses + e.failures
        ),
        "backing off": {
            e.id: e.not_before_ms for e in world.backing_off if (e.not_before_ms or 0) > now.wall_ms + _ROUNDING
        },
        "agents": {agent.name: (agent.agent_id, agent.incarnation, agent.drained) for agent in world.agents.values()},
        "operators": (world.operators, world.latest),
        "caps": world.owners.caps,
        "windows": world.windows,
        "pools": {name: _pool(pool) for name, pool in world.pools.items()},
    }


def _pool(pool: Pool) -> dict[str, Any]:
    live = {
        no: (each.state, each.job, each.host, each.agent, each.lasting, each.said_goodbye, each.cancelling, each.reason)
        for no, each in pool.live.items()
    }
    return {
        "spec": (pool.spec, pool.place, pool.server, pool.paused, pool.floor),
        "hosts": (pool.offers, pool.operators),
        "live": live,
    }


def _is_killed_but_for_unbegun(run: Run) -> bool:
    """Whether a kill has reached all but children that a restart forgets: it ends the run."""
    return run.closed == CLOSED_BY_KILL and all(child.started_ms is None for child in run.open.values())


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "state": run.state,
        "closed": run.closed,
        "sequence": run.sequence,
        "seed": run.seed,
        "low": run.taken.low,
        "reached": sorted(run.taken.reached),
        "removed": run.taken.removed,
        "counts": (run.running, run.success, run.failed, run.killed, run.failed_nodes),
        "nodes": {state: count for state, count in run.nodes_ended.items() if count},
        "rounds": None if run.rounds is None else (run.rounds.upto, run.rounds.ended, run.rounds.asked),
        "study": None if run.told is None else (run.told.order, run.told.asking, run.size),
        "pruned": sorted(run.pruned),
        "times": (run.created_ms, run.started_ms, run.ended_ms),
        "pins": run.pins,
        "begun": {index: _instance(child) for index, child in sorted(run.open.items()) if child.started_ms is not None},
    }


def _instance(instance: Instance) -> dict[str, Any]:
    return {
        "sequence": instance.sequence,
        "started": instance.started_ms,
        "remaining": instance.remaining,
        "tried": dict(instance.tried),
        "demands": dict(instance.demands),
        "checkpoints": dict(instance.checkpoints),
        "states": [
            # Who waits for a predecessor to be executed again waits for it as ever, after a restart.
            NodeState.WAITING.value if no in instance.recomputing else _settled(state)
            for no, state in enumerate(instance.states)
        ],
        "results": [None if result is None else result.id for result in instance.results],
        "ends": [
            end if state is NodeState.SUCCESS else None
            for end, state in zip(instance.ends, instance.states, strict=True)
        ],
    }


def _settled(state: NodeState) -> str:
    """Who was only sent ahead isn't stored: dispatched nodes count as queued."""
    return NodeState.QUEUED.value if state is NodeState.RUNNING else state.value


def _begun(execution: Execution) -> tuple[tuple[int, int, int], ...]:
    begun = ((child.run.no, child.index, no) for child, no in execution.subscribers if child.started_ms is not None)
    return tuple(sorted(begun))


def _all_begun(execution: Execution) -> bool:
    """Whether its place is certain: a child that hasn't begun may share it in one World, and not be open in another."""
    return all(child.started_ms is not None for child, _ in execution.subscribers)


def assert_same(live: dict[str, Any], again: dict[str, Any]) -> None:
    """Fail unless two snapshots are equal."""
    for part, value in live.items():
        if part == "queue":
            assert value.keys() == again[part].keys(), f"queue: live {value}, restored {again[part]}"
            for subscribers, place in value.items():
                other = again[part][subscribers]
                same = place is None or other is None or place <= other  # who left may have stood earlier
                assert same, f"{subscribers} stands at {place}, restored {other}"
        else:
            assert again[part] == value, f"{part}: live {value}, restored {again[part]}"


def restored(disk: Disk, world: World, now: Instant) -> World:
    """Start another daemon on a copy of the disk. A restart alone decides nothing that users would see."""
    twin = disk.copy()
    try:
        found = twin.restore(world.settings, now)
        rows = found.effects.rows()
        assert not {"nodes", "results", "attempts", "submitted"} & rows.keys(), f"a restart decided {rows}"
        return found.world
    finally:
        twin.close()


def check_recount(disk: Disk) -> None:
    """The counters of each run equal a recount of its rows."""
    children: dict[int, Counter[RunState]] = {}
    nodes: dict[int, Counter[NodeState]] = {}
    for run_no, state in disk.rows("SELECT run_no, state FROM instances WHERE idx >= 0"):
        children.setdefault(run_no, Counter())[RUN_STATE_OF[state]] += 1
    for run_no, state in disk.rows("SELECT run_no, state FROM nodes"):
        nodes.setdefault(run_no, Counter())[NODE_STATE_OF[state]] += 1
    query = "SELECT no, running, success, failed, killed, nodes_ended, cursor, removed FROM runs WHERE closed <> 3"
    for no, running, success, failed, killed, ended, low, removed in disk.rows(query):
        counted = children.pop(no, Counter())
        found = (running, success, failed, killed)
        wanted = tuple(
            counted[state] for state in (RunState.RUNNING, RunState.SUCCESS, RunState.FAILED, RunState.KILLED)
        )
        assert found == wanted, f"run {no} counts {found}, its rows say {wanted}"
        told = {NodeState(name): count for name, count in orjson.loads(ended).items()}
        own = nodes.pop(no, Counter())
        assert told == dict(own), f"run {no} counts {told}, its nodes say {dict(own)}"
        assert all(state in NODE_TERMINAL for state in own)
        gone = {index for first, last in orjson.loads(removed) for index in range(first, last + 1)}
        rows = {index for (index,) in disk.rows("SELECT idx FROM instances WHERE run_no = ?", no)}
        assert set(range(low)) <= gone | rows, f"run {no}: a child below {low} has no row"
        assert not gone & rows, f"run {no}: a deleted child has a row"
    deleted = {no for (no,) in disk.rows("SELECT no FROM runs WHERE closed = 3")}
    assert set(children) | set(nodes) <= deleted, f"rows of runs that aren't there: {set(children) | set(nodes)}"


def check_leftovers(disk: Disk, world: World) -> None:
    """Every execution that is stored is one that the World knows."""
    stored = {id for (id,) in disk.rows("SELECT id FROM executions")}
    assert stored <= set(world.executions), f"executions {stored - set(world.executions)} are stored and unknown"
