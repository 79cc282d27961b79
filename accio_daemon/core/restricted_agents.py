"""Agents that take nodes of some owners only: whom they leave without a place, and how that is said.

An agent says so itself, as it is its user's machine. What it already has when it comes back with other owners goes on.
"""

from collections.abc import Iterable, Set

from accio_daemon.core.outgoing import NodeClass
from accio_daemon.core.owners import Owner
from accio_daemon.core.records import NOBODY, Agent
from accio_daemon.core.terms import SessionNo
from accio_daemon.core.world import World

_NAMED = 3


def shut_out(world: World, owner: Owner, node_class: NodeClass, avoid: Set[SessionNo] = NOBODY) -> bool:
    """Return whether agents are there for nodes of a class, and all of them take only those of others than *owner*."""
    found = False
    for agent in world.offering(node_class.operator_no):
        if agent.draining or agent.session in avoid or not agent.account.could_ever_fit(node_class.resources):
            continue
        if agent.serves(owner):
            return False
        found = True
    return found


def served_alone(agents: Iterable[Agent]) -> frozenset[str]:
    """Return whose nodes alone agents take; empty if one of them takes everybody's, or there are none."""
    owners: frozenset[str] = frozenset()
    for agent in agents:
        if not agent.owners:
            return agent.owners
        owners |= agent.owners
    return owners


def not_for(owner: Owner, agents: Iterable[Agent]) -> str:
    """Say that agents which could execute a node don't take those of its owner."""
    named = sorted(agents, key=lambda agent: agent.name)
    said = ", ".join(f"{agent.name} takes only those of {_some(agent.owners)}" for agent in named[:_NAMED])
    more = f", and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f"no agent that could execute it takes nodes of {owner.person}: {said}{more}"


def _some(owners: Iterable[str]) -> str:
    ordered = sorted(owners)
    more = f" and {len(ordered) - _NAMED} more" if len(ordered) > _NAMED else ""
    return f"{', '.join(ordered[:_NAMED])}{more}"
