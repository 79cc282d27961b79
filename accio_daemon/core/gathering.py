"""What nodes of a parent gather from its children: asked for once per run and output, read outside, kept with the run.

The values stand in the database, not in memory. So a node that gathers waits, queued, until they have been read and put
together: the request leaves with the effects, and is carried out once all that was decided before it is durable.
"""

from collections.abc import Iterable

from accio.domain.failures import Failure
from accio.domain.states import Cause, NodeState
from accio_daemon.core import endings
from accio_daemon.core.commands import ValuesGathered
from accio_daemon.core.effects import GatherRequest
from accio_daemon.core.records import Asked, Instance, Run
from accio_daemon.core.terms import Gather
from accio_daemon.core.turn import Turn


def wait_for(turn: Turn, instance: Instance, no: int, lacking: Iterable[Gather]) -> None:
    """Note that a ready node waits for its gathered values; request those that aren't requested yet."""
    world, run = turn.world, instance.run
    for gather in lacking:
        waiting = run.gathering.get(gather)
        if waiting is None:
            waiting = run.gathering[gather] = []
            number = world.numbers.next_request()
            world.gather_requests[number] = Asked(run, gather, turn.now.wall_ms)
            turn.fx.gathers.append(GatherRequest(number, run.no, gather))
        waiting.append((instance, no))


def gathered(turn: Turn, command: ValuesGathered) -> None:
    """Pass what was read to the nodes that wait for it; they fail if it couldn't be read."""
    world = turn.world
    asked = world.gather_requests.pop(command.request, None)
    if asked is None or world.runs.get(asked.run.no) is not asked.run:
        return  # its children go on meanwhile, or nobody wants it any more
    run, gather = asked.run, asked.gather
    waiting = run.gathering.pop(gather, [])
    if command.value is not None:
        run.gathered[gather] = command.value
        turn.fx.gathered.append((run.no, gather, command.value))
        world.ready.extend(waiting)
        return
    failure = Failure(cause=Cause.STAGING, message=command.problem)
    for instance, no in waiting:
        if instance.states[no] is NodeState.QUEUED and instance.executions[no] is None:
            endings.node_failed(turn, instance, no, NodeState.FAILED, failure)


def forget(turn: Turn, run: Run) -> None:
    """Forget what was gathered of a run, and what is being gathered, as its children go on."""
    world, fx = turn.world, turn.fx
    for number in [number for number, asked in world.gather_requests.items() if asked.run is run]:
        del world.gather_requests[number]
    run.gathering.clear()
    run.gathered.clear()
    fx.gathered = [each for each in fx.gathered if each[0] != run.no]
