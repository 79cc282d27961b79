"""What hosts of a pool are for, and when: operators and times of the week, as far as agents on them are concerned."""

from collections.abc import Iterable

from accio_daemon.core.pools.records import Allocation, Pool
from accio_daemon.core.records import Agent
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import World


def agent_of(world: World, allocation: Allocation) -> Agent | None:
    """Return the agent that is connected from an allocation."""
    agent = world.agent_names.get(allocation.agent)
    if agent is None or agent.session is None or agent.allocation != (allocation.pool, allocation.no):
        return None
    return agent


def allowed(world: World, allocation: tuple[str, int] | None, operators: Iterable[int]) -> frozenset[int]:
    """Return which of its operator versions an agent may execute: from an allocation, those that its pool is for."""
    pool = None if allocation is None else world.pools.get(allocation[0])
    return frozenset(each for each in operators if pool is None or pool.spec.takes(world.specs[each].name))


def look_at_clock(turn: Turn, pool: Pool) -> None:
    """Note whether hosts are asked for at this time of the week; to agents of the pool its end is that of their hosts,
    but for what they run.
    """
    windows, was_open, ended = pool.spec.during, pool.open, pool.changes_mono is not None
    pool.open, pool.changes_mono = True, None
    if windows is not None:
        pool.open, left = windows.holds(turn.now.wall_ms), windows.changes_in(turn.now.wall_ms)
        pool.changes_mono = None if left is None else turn.now.mono + left
    if windows is None and was_open and not ended:
        return
    turn.world.place_all = turn.world.place_all or pool.open is not was_open
    closes = turn.now.mono if not pool.open else pool.changes_mono
    for allocation in pool.live.values():
        agent = agent_of(turn.world, allocation)
        if agent is not None:
            ends = [each for each in (agent.host_ends_mono, closes) if each is not None]
            agent.ends_mono = min(ends, default=None)
