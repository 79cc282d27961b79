"""Payers: against whose cap a shared execution counts.

While it is queued, the payer is one of the owners who want it and whose cap has room, if there is any. So nobody waits
because of another owner's cap, and joining somebody's execution never takes longer than beginning one's own.
"""

from accio.domain.states import Phase
from accio_daemon.core.commands import ChangeCap, ChangeGroups
from accio_daemon.core.node_queue import Group
from accio_daemon.core.owners import Owner
from accio_daemon.core.records import Execution
from accio_daemon.core.restricted_agents import shut_out
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import World


def change_cap(turn: Turn, command: ChangeCap) -> None:
    """Set or take away a cap: what is at agents stays there, and no more begins until less is there than it allows."""
    turn.world.owners.set_cap(command.owner, command.cap)
    turn.world.owners.look_at_clock(turn.now.wall_ms)
    turn.fx.caps[command.owner] = command.cap
    look_again(turn.world)


def change_groups(world: World, command: ChangeGroups) -> None:
    """Set who is in which groups: agents that take nodes of a group's members take those of other people now."""
    world.owners.set_groups(command.groups)
    look_again(world)
    world.place_all = True


def choose(world: World, execution: Execution) -> None:
    """Choose the payer of an execution that isn't at an agent; it is nice if everybody who wants it is."""
    owner, nice = _payer(world, execution), all(instance.run.nice for instance, _ in execution.subscribers)
    if owner is execution.payer and nice is execution.nice:
        return
    if execution.phase is Phase.QUEUED:
        world.queue.hand_on(execution, owner, nice=nice)
    else:
        execution.payer, execution.nice = owner, nice


def _payer(world: World, execution: Execution) -> Owner:
    """Return who it counts against: the same as before if he still wants it and may begin it, else the first who may,
    else the first of all. Who may begin it where no agent takes his nodes is behind who has one.
    """
    owners = dict.fromkeys(instance.run.owner for instance, _ in execution.subscribers)
    node_class = execution.node_class
    able = [each for each in owners if each.may_begin(node_class.resources)]
    served = [each for each in able if not shut_out(world, each, node_class, execution.avoid)] or able
    if execution.payer in served:
        return execution.payer
    return next(iter(served or owners))


def look_again(world: World) -> None:
    """Hand on what waits for its owner (for his cap, or for an agent that takes his nodes) to others who want it."""
    for group in [group for group in world.queue.groups.values() if _waits_for_its_owner(world, group)]:
        for execution in [
            entry[2] for entry in group.entries() if len(entry[2].subscribers) > 1 and group.holds(entry[2])
        ]:
            choose(world, execution)


def _waits_for_its_owner(world: World, group: Group) -> bool:
    owner, node_class = group.owner, group.node_class
    return bool(group.count) and (
        not owner.may_begin(node_class.resources) or shut_out(world, owner, node_class, group.avoid)
    )
