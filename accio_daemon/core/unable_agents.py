"""Agents that fail what others can execute: their nodes go elsewhere, and after some of them they get no new ones.

A machine whose disk is full fails whatever it gets, and does so quickly: it would draw in one node after the other.
That is no fault of the nodes, so each goes to agents that didn't fail it yet. Who fails several in a row while others
could have taken them drains, until a user takes that back or the agent is started again.

Where no agent is left that has the space, as where all of them write into one store, the node waits and is tried
again, everywhere: space comes back. An operator that fills each disk by itself would be executed for ever: what *ran*
each time is given up after some of them.
"""

from accio_daemon.core import attempts
from accio_daemon.core.handing_over import able
from accio_daemon.core.records import NOT_REFUSED, Agent, Execution
from accio_daemon.core.turn import Turn

# Nodes in a row that an agent may fail before it gets no new ones.
ENOUGH = 3
# Seconds until a node that no agent has space for is tried again: twice as long each time, up to a limit.
FIRST = 10.0
# How often a node may run everywhere, and find no space, before it is given up: for some 40 minutes, if it is short.
MOST_RUNS = 12


def note_refusal(turn: Turn, agent: Agent, execution: Execution, why: str) -> bool:
    """Note that an agent couldn't execute something though it isn't at fault; False if the agent has gone meanwhile."""
    if agent.session is None:
        return False
    execution.refused = {**execution.refused, agent.session: why}
    agent.unable_in_a_row += 1
    others = any(other is not agent for other in able(turn.world, execution, turn.now))
    if agent.unable_in_a_row >= ENOUGH and others and not agent.unable:
        agent.unable = (
            f"gets no new nodes: {agent.unable_in_a_row} in a row failed there that others can execute, the last one "
            f"because {why}; mend it, then start it again or say: accio agent drain -undo {agent.name}"
        )
        turn.fx.agents[agent.no] = agent
    return True


def try_again(turn: Turn, agent: Agent) -> None:
    """Forget what an agent failed, as it was started anew, or a user wants it to get work again: what waits for space
    may have some there.
    """
    _forget(agent)
    for execution in turn.world.backing_off:
        if execution.refused:
            execution.not_before = turn.now.mono


def wait_for_space(turn: Turn, execution: Execution, *, ran: bool = False) -> bool:
    """Put off an execution that no agent is left for, as some had no space for it; False if none said so, or if it
    *ran* so often that it fills the disks itself.
    """
    if not execution.refused:
        return False
    waits, runs = turn.world.short_of_space.get(execution.id, (0, 0))
    if ran and runs + 1 >= MOST_RUNS:
        return False
    turn.world.short_of_space[execution.id] = waits + 1, runs + ran
    execution.back_off(int(1000 * min(attempts.LONGEST_FOR_SPACE, FIRST * 2 ** min(waits, 10))), turn.now)
    attempts.requeue(turn, execution)
    return True


def look_again(turn: Turn, execution: Execution) -> None:
    """Have all agents tried again for an execution that has waited for space, those that get no new nodes included."""
    world = turn.world
    execution.refused = NOT_REFUSED
    for agent in world.offering(execution.node_class.operator_no):
        if agent.unable:
            _forget(agent)
            turn.fx.agents[agent.no] = agent
            world.dirty_agents.add(agent)
            world.place_all = True


def _forget(agent: Agent) -> None:
    agent.unable, agent.unable_in_a_row = "", 0


def tick(turn: Turn) -> None:
    """Forget what waited for space and is over."""
    world = turn.world
    if world.short_of_space:
        for number in [number for number in world.short_of_space if number not in world.executions]:
            del world.short_of_space[number]
