"""Agents that fail what others can execute: their nodes go elsewhere, and after some of them they get no new ones.

A machine whose disk is full fails whatever it gets, and does so quickly: it would draw in one node after the other.
That is no fault of the nodes, so each goes to agents that didn't fail it yet. Who fails several in a row while others
could have taken them drains, until a user takes that back or the agent is started again.
"""

from accio_daemon.core.handing_over import able
from accio_daemon.core.records import Agent, Execution
from accio_daemon.core.turn import Turn

# Nodes in a row that an agent may fail before it gets no new ones.
ENOUGH = 3


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


def try_again(agent: Agent) -> None:
    """Forget what an agent failed: it was started anew, or a user wants it to get work again."""
    agent.unable, agent.unable_in_a_row = "", 0
