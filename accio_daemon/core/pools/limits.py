"""What hosts of a pool are for, and when: operators, times of the week and maintenance, as far as agents on them are
concerned.
"""

from collections.abc import Iterable

from accio.domain.maintenance import Maintenance, next_of
from accio_daemon.core.agent_windows import of_all
from accio_daemon.core.pools.records import Allocation, Pool
from accio_daemon.core.records import Agent
from accio_daemon.core.remaining import spoken
from accio_daemon.core.terms import Instant
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
    """Note whether hosts are asked for now; to agents of the pool the end of that time of the week, and the beginning
    of a maintenance, are those of their hosts, but for what they run.
    """
    spec, was_open = pool.spec, pool.open
    had_end = pool.changes_mono is not None or pool.begins_mono is not None
    pool.open, pool.changes_mono, pool.begins_mono, pool.blocked = True, None, None, ""
    if spec.during is not None:
        pool.open, left = spec.during.holds(turn.now.wall_ms), spec.during.changes_in(turn.now.wall_ms)
        pool.changes_mono = None if left is None else turn.now.mono + left
    closes: list[float | None] = [turn.now.mono if not pool.open else pool.changes_mono]
    if entries := [*spec.maintenance, *of_all(turn.world)]:
        _look_at_maintenance(turn.now, pool, entries)
        closes.append(pool.begins_mono)
    elif spec.during is None and was_open and not had_end:
        return
    turn.world.place_all = turn.world.place_all or pool.open is not was_open
    for allocation in pool.live.values():
        agent = agent_of(turn.world, allocation)
        if agent is not None:
            agent.pool_ends_mono = min((each for each in closes if each is not None), default=None)
            agent.find_end()


def _look_at_maintenance(now: Instant, pool: Pool, entries: Iterable[Maintenance]) -> None:
    """Note when the next maintenance begins, and whether a host that is asked for now would run into it."""
    found = next_of(entries, now.wall_ms)
    if found is None:
        return
    left, over = (found.begins_ms - now.wall_ms) / 1000, (found.ends_ms - now.wall_ms) / 1000
    pool.begins_mono = now.mono + max(0.0, left)
    if not pool.open:
        return  # at this time of the week there are none in any case
    if left <= 0:
        pool.blocked = f"the maintenance {found.name!r} is over in {spoken(over)}"
    elif (pool.spec.walltime or 0.0) > left:
        lasts = spoken(pool.spec.walltime or 0.0)
        pool.blocked = f"a host lasts up to {lasts}, and the maintenance {found.name!r} begins in {spoken(left)}"
    pool.open = not pool.blocked
