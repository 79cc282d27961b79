"""Whose fault it is that no agent came of an allocation, and what follows: the pool pauses, a host is left out."""

from accio_daemon.core.pools.records import Allocation, Pool
from accio_daemon.core.pools.wanted import tell
from accio_daemon.core.turn import Turn

_TRIED_ON_HOST = 2  # allocations in a row that no agent joined from on one host, while others have agents
_SHUNNED = 3600.0  # seconds for which such a host is left out
_PAUSES = (5.0, 30.0, 900.0, 1800.0, 3600.0)
"""Seconds in which nothing is asked for after that many allocations without an agent; then one is, as a probe."""

NEVER_JOINED = "no agent joined"
"""How the reason of an allocation begins that was given up for that."""


def note_failure(turn: Turn, pool: Pool, allocation: Allocation) -> None:
    """Note that no agent came of an allocation, and pause the pool: shortly if the fault is its host's."""
    blamed = _is_the_hosts(turn, pool, allocation)
    pause = _PAUSES[0 if blamed else min(pool.failures, len(_PAUSES) - 1)]
    pool.failures += not blamed
    pool.retry_mono = turn.now.mono + pause
    pool.problem = f"allocation {allocation.no}: {allocation.reason}"


def _is_the_hosts(turn: Turn, pool: Pool, allocation: Allocation) -> bool:
    """Return whether a failure is its host's, as agents of the pool live on others; the second one shuns the host."""
    host = allocation.host
    if not host or not any(each.agent and each.host not in ("", host) for each in pool.live.values()):
        return False
    pool.stillborn[host] = pool.stillborn.get(host, 0) + 1
    if pool.stillborn[host] >= _TRIED_ON_HOST:
        del pool.stillborn[host]
        pool.shunned[host] = turn.now.mono + _SHUNNED
        tell(turn, pool)
    return True


def take_back_shunned(turn: Turn, pool: Pool) -> None:
    """Admit hosts again that were left out for long enough."""
    over = [host for host, until in pool.shunned.items() if until <= turn.now.mono]
    for host in over:
        del pool.shunned[host]
    if over:
        tell(turn, pool)


def forgive(pool: Pool) -> None:
    """Forget the failures: the next allocation is asked for without a pause."""
    pool.failures, pool.retry_mono, pool.problem = 0, 0.0, ""
