"""Accounts: what nodes used of agents, by owner, pool and hour.

Used is what was reserved, from when a node had its place until it was over there, whatever came of it. It counts when
it is over, for who paid for it, and is written in the transaction that ends it.
"""

from accio_daemon.core.effects import Usage
from accio_daemon.core.records import Agent, Execution
from accio_daemon.core.turn import Turn

HOUR_MS = 3_600_000


def charge(turn: Turn, agent: Agent, execution: Execution, *, with_grant: bool) -> None:
    """Uncount an execution that has ended at its agent, and record what it used.

    Without a grant that is nothing: its agent executed it in another one's place, for which the time counts.
    """
    now, payer, demand = turn.now, execution.payer, execution.node_class.resources
    seconds = now.mono - execution.granted_mono if with_grant else 0.0
    core_seconds = payer.give_back(demand, execution.granted_mono, seconds)
    key = (payer.key, agent.allocation[0] if agent.allocation is not None else "", now.wall_ms // HOUR_MS)
    used = turn.fx.usage.get(key)
    if used is None:
        used = turn.fx.usage[key] = Usage()
    used.nodes += 1
    used.cpu_s += core_seconds
    if demand.gpus:
        used.gpu_s += demand.gpus * seconds
