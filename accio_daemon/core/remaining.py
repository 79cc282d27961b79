"""Agents whose hosts end: how much time each has left, and whether that is enough for what is to be placed."""

import math

from accio_daemon.core.needs import NEARLY_ALL
from accio_daemon.core.outgoing import NodeClass
from accio_daemon.core.owners import Owner
from accio_daemon.core.records import Agent, Execution
from accio_daemon.core.terms import Instant
from accio_daemon.core.world import World

_LONG = 0.25  # of the longest time that a candidate has left: what needs more is long


def time_left(agent: Agent, now: Instant) -> float:
    """Return the seconds until an agent gives back what it runs; infinity if it is there for good."""
    return math.inf if agent.ends_mono is None else agent.ends_mono - now.mono


def needed(world: World, node_class: NodeClass, owner: Owner) -> float:
    """Return the seconds that somebody's node of a class should have; 0 if nothing is known.

    If that is more than any connected agent ever has, the node is tried on one that has nearly all of its time left:
    the estimate may be too high, and if it isn't, that is known afterwards.
    """
    need = world.needs.get(node_class.id)
    if need is None or not need.seconds:
        return 0.0
    serving = (agent for agent in world.offering(node_class.operator_no) if agent.serves(owner))
    longest = max((agent.lasts for agent in serving), default=math.inf)
    return min(need.seconds, longest * NEARLY_ALL)


def is_over(agent: Agent, now: Instant) -> bool:
    """Return whether an agent gets no more, as its time is over, or its host was given back."""
    return agent.given_back or (agent.ends_mono is not None and now.mono >= agent.ends_mono)


def host_is_over(agent: Agent, now: Instant) -> bool:
    """Return whether an agent's host has ended, or was given back: unlike a time of the week, that ends what runs."""
    return agent.given_back or (agent.host_ends_mono is not None and now.mono >= agent.host_ends_mono)


def ended_with_host(world: World, agent: Agent, now: Instant) -> bool:
    """Return whether an agent that is silent may have been ended by its host: its time is over, and it spoke until
    nearly then. Who fell silent long before has another reason, such as a node that ends its agents.
    """
    ends = agent.host_ends_mono
    return host_is_over(agent, now) and ends is not None and agent.heard_mono + world.settings.suspect >= ends


def has_time(world: World, agent: Agent, execution: Execution, now: Instant) -> bool:
    """Return whether an agent has as much time left as an execution should have."""
    if agent.ends_mono is None:
        return True
    return needed(world, execution.node_class, execution.payer) <= time_left(agent, now)


def longest_known(world: World, operator_no: int, owner: Owner, agent: Agent) -> float:
    """Return the longest time that any agent has altogether which offers an operator to somebody, connected or not, or
    *agent*; or that an agent of a pool would have.
    """
    name = world.specs[operator_no].name
    pools = [
        pool
        for pool in world.pools.values()
        if (pool.operators is None or operator_no in pool.operators) and pool.spec.takes(name) and pool.serves(owner)
    ]
    return max(
        [
            agent.lasts,
            *(each.lasts for each in world.agents.values() if operator_no in each.operators and each.serves(owner)),
            *(math.inf if pool.spec.lasts is None else pool.spec.lasts for pool in pools),
        ]
    )


def tail_rank(left: float, need: float, longest: float) -> float:
    """Return what to order agents by that have enough time (the least first): short nodes fill the ends of hosts'
    times; long ones, and those of which nothing is known, go where most is left.
    """
    if need and need <= longest * _LONG:
        return left
    return -left


def spoken(seconds: float) -> str:
    """Return a time in words for people, as exact as they want it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
