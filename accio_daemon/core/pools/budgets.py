"""What hosts of a pool used of its budget, in core-seconds, and what those may still use that are there. Pure.

A host counts from its beginning to its end, whatever it did. One that isn't over counts up to the end of its walltime,
so that what was asked for never uses more than there is; days are those of UTC.
"""

import math

from accio_daemon.core.pools.records import Pool
from accio_daemon.core.terms import Instant

_DAY_MS = 24 * 3600 * 1000


def note_ended(pool: Pool, began_ms: int, ended_ms: int) -> None:
    """Count a host that is over."""
    cores = pool.spec.host.milli_cpus / 1000
    _turn_page(pool, ended_ms)
    pool.used += cores * max(0, ended_ms - began_ms) / 1000
    pool.used_today += cores * max(0, ended_ms - max(began_ms, pool.day * _DAY_MS)) / 1000


def _turn_page(pool: Pool, wall_ms: int) -> None:
    day = wall_ms // _DAY_MS
    if day > pool.day:
        pool.day, pool.used_today = day, 0.0


def affordable(pool: Pool, now: Instant) -> tuple[float, str]:
    """Return how many more hosts the budget pays for, and in words what is left; infinity where it doesn't matter."""
    budget = pool.spec.budget
    if budget is None:
        return math.inf, ""
    _turn_page(pool, now.wall_ms)
    midnight = (now.wall_ms // _DAY_MS + 1) * _DAY_MS
    found = [(math.inf, "")]
    for limit, used, until, which in (
        (budget.day, pool.used_today, midnight, "core-hours a day"),
        (budget.total, pool.used, None, "core-hours"),
    ):
        if limit is not None:
            since = 0 if until is None else until - _DAY_MS
            bound = sum(_may_use(pool, each.began_ms, now, since, until) for each in pool.live.values())
            left, one = limit * 3600 - used - bound, _may_use(pool, None, now, since, until)
            count = math.inf if not one and left > 0 else left // one if one else 0.0
            words = f"{used / 3600:,.1f} of its budget of {limit:,g} {which} are used, and {bound / 3600:,.1f} reserved"
            found.append((max(0.0, count), words))
    return min(found, key=lambda each: each[0])


def _may_use(pool: Pool, began_ms: int | None, now: Instant, since: int, until: int | None) -> float:
    """Return the core-seconds that a host uses between two times; one that hasn't begun would now."""
    began = now.wall_ms if began_ms is None else began_ms
    walltime = pool.spec.walltime
    end = now.wall_ms if walltime is None else max(now.wall_ms, began + int(walltime * 1000))
    if until is not None:
        end = min(end, until)
    return pool.spec.host.milli_cpus / 1000 * max(0, end - max(began, since)) / 1000
