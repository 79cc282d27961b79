"""Content that is corrupt or gone: nothing hits its results any more, and who needs it lets its producer run again."""

import re
from collections.abc import Container

from accio.domain.states import NodeState
from accio_daemon.core.moves import forget_execution, move_node
from accio_daemon.core.records import Execution, Instance
from accio_daemon.core.terms import Instant, Result
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import World

_DIGEST = re.compile("blake3:[0-9a-f]{64}")


def forget_contents(turn: Turn, digests: tuple[str, ...]) -> None:
    """Forget the results that hold one of these contents: nothing hits them any more."""
    world = turn.world
    gone = set(digests)
    for key in [key for key, result in world.recent.items() if _holds(result, gone)]:
        del world.recent[key]
    for digest in digests:
        world.gone.keep(digest, None)
    turn.fx.missing.extend(digests)


def is_whole(world: World, result: Result) -> bool:
    """Return whether nothing that a result of the database holds is known to be gone: what was just forgotten may be
    read once more before that is durable.
    """
    return not (world.gone and _holds(result, world.gone))


def made_again(world: World, result: Result) -> None:
    """Count the contents of a new result as there."""
    if world.gone:
        for digest in _contents(result):
            world.gone.pop(digest, None)


def forget_results(world: World, results: frozenset[int]) -> None:
    """Forget these results in memory: nothing hits them any more."""
    for key in [key for key, result in world.recent.items() if result.id in results]:
        del world.recent[key]


def oldest_work(world: World, now: Instant) -> int:
    """Return when the oldest attempt was sent that goes on, or this moment, in epoch milliseconds."""
    going_on = [each.dispatched_ms for each in world.executions.values() if each.agent is not None]
    going_on += [asked.since_ms for asked in world.gather_requests.values()]
    return min(going_on, default=now.wall_ms)


def produce_again(turn: Turn, execution: Execution, digests: tuple[str, ...]) -> bool:
    """Make the nodes ready again whose outputs an execution lacks; False if none of its inputs comes from a node."""
    forget_contents(turn, digests)
    gone = set(digests)
    producers = [
        (instance, no, before)
        for instance, no in execution.subscribers
        for before in instance.run.plan.nodes[no].predecessors
        if (result := instance.results[before]) is not None and _holds(result, gone)
    ]
    if {(instance, no) for instance, no, _ in producers} != set(execution.subscribers):
        return False
    turn.fx.executions[execution.id] = None
    forget_execution(turn.world, execution)
    subscribers, execution.subscribers = execution.subscribers, {}
    for instance, no in subscribers:
        instance.executions[no] = None
        if instance.states[no] is NodeState.RUNNING:
            move_node(instance, no, NodeState.QUEUED)
        instance.recomputing |= {no}
    for instance, before in {(instance, before): None for instance, _, before in producers}:
        if instance.states[before] is NodeState.SUCCESS:
            _take_back(turn, instance, before)
    return True


def _take_back(turn: Turn, instance: Instance, no: int) -> None:
    run = instance.run
    move_node(instance, no, NodeState.QUEUED)
    instance.results[no] = None
    turn.fx.nodes[(run.no, instance.index, no)] = None
    turn.fx.runs[run.no] = run
    for successor in run.plan.nodes[no].successors:
        instance.waiting[successor] += 1
    turn.world.ready.append((instance, no))


def _holds(result: Result, gone: Container[str]) -> bool:
    return any(digest in gone for digest in _contents(result))


def _contents(result: Result) -> list[str]:
    """Return everything in a result that may name content of the store."""
    found = [digest for text in result.outputs.values() if "blake3:" in text for digest in _DIGEST.findall(text)]
    return found + [digest for digest, _ in (result.blobs or {}).values()]
