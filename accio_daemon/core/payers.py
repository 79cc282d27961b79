"""Who pays: against whose cap an execution counts that several owners want.

As long as it is queued it counts against one who may begin it, if any of those who want it may. So nobody waits for
another's cap, and who joins an execution of somebody else's gets it no later than one of his own.
"""

from accio.domain.states import Phase
from accio_daemon.core.commands import ChangeCap
from accio_daemon.core.node_queue import Group
from accio_daemon.core.owners import Owner
from accio_daemon.core.records import Execution
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import World


def change_cap(turn: Turn, command: ChangeCap) -> None:
    """Set or take away a cap: what is at agents stays there, and no more begins until less is there than it allows."""
    turn.world.owners.set_cap(command.owner, command.cap)
    turn.fx.caps[command.owner] = command.cap
    look_again(turn.world)


def choose(world: World, execution: Execution) -> None:
    """Decide against whose cap an execution counts that isn't at an agent: one of those who want it."""
    owner = _payer(execution)
    if owner is execution.payer:
        return
    if execution.phase is Phase.QUEUED:
        world.queue.hand_on(execution, owner)
    else:
        execution.payer = owner


def _payer(execution: Execution) -> Owner:
    """Return who it counts against: the same as before if he still wants it and may begin it, else the first who may,
    else the first of all.
    """
    owners = dict.fromkeys(instance.run.owner for instance, _ in execution.subscribers)
    demand = execution.node_class.resources
    if execution.payer in owners and execution.payer.may_begin(demand):
        return execution.payer
    return next((each for each in owners if each.may_begin(demand)), next(iter(owners)))


def look_again(world: World) -> None:
    """Hand on what waits for a cap, and is wanted by somebody who may begin it."""
    for group in [group for group in world.queue.groups.values() if _waits_for_a_cap(group)]:
        for execution in [entry[2] for entry in group.heap if len(entry[2].subscribers) > 1 and group.holds(entry[2])]:
            choose(world, execution)


def _waits_for_a_cap(group: Group) -> bool:
    return bool(group.count) and not group.owner.may_begin(group.node_class.resources)
