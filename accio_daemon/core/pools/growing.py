"""How many hosts a pool has: asked for within its limits, given up where nobody joins or nothing is there for them."""

import math

from accio.domain.pools import AllocationState
from accio_daemon.core.pools import budgets
from accio_daemon.core.pools.blame import NEVER_JOINED, take_back_shunned
from accio_daemon.core.pools.limits import look_at_clock
from accio_daemon.core.pools.planning import Want, closed, decide, ranked_pools
from accio_daemon.core.pools.records import Allocation, Pool
from accio_daemon.core.pools.wanted import give_up, request, tell
from accio_daemon.core.remaining import spoken
from accio_daemon.core.turn import Turn

_EVERY = 1.0  # seconds between two decisions about what pools should have
_JOINS_WITHIN = 300.0  # seconds from an allocation's beginning, else it is given up
_SHOWS_WITHIN = 3.0  # seconds from an agent's joining, in which it may show that no further host is needed
_UNUSED = 120.0  # seconds for which nothing may be there for an allocation that is on its way

_REQUESTED, _PENDING, _RUNNING = AllocationState.REQUESTED, AllocationState.PENDING, AllocationState.RUNNING


def tick(turn: Turn) -> None:
    """Decide what pools should have, now and then; give up what nobody joins."""
    world = turn.world
    if not world.pools or turn.now.mono - world.planned_mono < _EVERY:
        return
    world.planned_mono = turn.now.mono
    for pool in world.pools.values():
        look_at_clock(turn, pool)
        _give_up_silent(turn, pool)
        take_back_shunned(turn, pool)
    decision = decide(world, turn.now)
    world.unservable = tuple(decision.unservable)
    for pool in ranked_pools(world):
        _grow(turn, pool, decision.wants[pool.spec.name])
        unused = [each for each in decision.unused if each.pool == pool.spec.name]
        _shrink(turn, pool, unused)


def _give_up_silent(turn: Turn, pool: Pool) -> None:
    """Abandon allocations that began long ago, and from which no agent has joined."""
    for allocation in list(pool.live.values()):
        if allocation.state is not _RUNNING or not allocation.waits:
            continue
        began = turn.now.mono if allocation.began_mono is None else allocation.began_mono
        allocation.began_mono = began
        if turn.now.mono - began > _JOINS_WITHIN:
            give_up(turn, pool, allocation, f"{NEVER_JOINED} within {_JOINS_WITHIN:.0f} s of its beginning")


def _grow(turn: Turn, pool: Pool, want: Want) -> None:
    """Ask for more allocations, as far as limits allow; note why it is as many."""
    lines = list(want.lines)
    lasting = max(0, pool.least - len(_kept(pool)))
    if pool.least:
        lines.append(f"{_hosts(pool.least)} kept, whatever is queued")
    count, limits = _limited(turn, pool, max(lasting, want.count), guessed=want.guessed and not lasting)
    lines += limits
    for _ in range(count):
        request(turn, pool, lasting=lasting > 0)
        lasting -= 1
    if count:
        lines.append(f"{count} asked for")
        tell(turn, pool)
    if pool.blocked and not limits:
        lines.append(f"no host is asked for: {pool.blocked}")
    if pool.shunned:
        left = ", ".join(f"{host} for {spoken(until - turn.now.mono)}" for host, until in sorted(pool.shunned.items()))
        lines.append(f"left out, as agents didn't start there: {left} (accio pool resume takes that back)")
    pool.decision = tuple(lines) or ("nothing is queued that needs another host",)


def _hosts(count: int) -> str:
    return "1 host is" if count == 1 else f"{count or 'no'} hosts are"


def _kept(pool: Pool) -> list[Allocation]:
    """Return the allocations that stay whatever is queued, the oldest first."""
    return [each for each in pool.live.values() if each.lasting and not each.cancelling and not each.said_goodbye]


def _limited(turn: Turn, pool: Pool, wanted: int, *, guessed: bool) -> tuple[int, list[str]]:
    """Return how many of *wanted* may be asked for now, and what keeps it from being more."""
    if not wanted:
        return 0, []
    live = len(pool.live)
    coming = sum(each.waits for each in pool.live.values())
    queued = sum(each.state in (_REQUESTED, _PENDING) for each in pool.live.values())
    if pool.session is None:
        return 0, [f"no process serves it (accio pool serve): {wanted} wait for that"]
    if pool.paused:
        return 0, ["it is paused (accio pool resume)"]
    if not pool.open:
        return 0, [f"{wanted} wait: {closed(pool, 0.0, turn.now.mono)}"]
    if turn.now.mono < pool.retry_mono:
        return 0, [f"{_after_failures(pool)}: the next is asked for in {pool.retry_mono - turn.now.mono:.0f} s"]
    bounds = [
        (pool.spec.maximum - live, f"{live} of at most {pool.spec.maximum} are there"),
        (pool.spec.pending - queued, f"{queued} wait at the engine, which is as many as may"),
    ]
    if guessed and any(turn.now.mono - each.joined_mono < _SHOWS_WITHIN for each in pool.live.values()):
        bounds.append((0, "it is waited for what the newest agent shows of how long nodes take"))
    elif guessed:
        bounds.append(
            (max(1, live - coming) - coming, "as long as nobody knows how long nodes take, hosts are doubled")
        )
    paid, budget = budgets.affordable(pool, turn.now)
    if paid != math.inf:
        bounds.append((int(paid), budget))
    if pool.failures:
        bounds.append((1 - coming, f"{_after_failures(pool)}: one at a time is tried"))
    allowed, why = min(bounds, key=lambda bound: bound[0])
    if allowed >= wanted:
        return wanted, []
    return max(0, allowed), [f"{wanted} more would be used; {why}"]


def _after_failures(pool: Pool) -> str:
    return f"no agent joined from the last {pool.failures} ({pool.problem})"


def _shrink(turn: Turn, pool: Pool, unused: list[Allocation]) -> None:
    """Abandon what nothing has been there for in a while, and lasting allocations beyond those to be kept."""
    now = turn.now.mono
    for allocation in pool.live.values():
        if allocation not in unused:
            allocation.unused_mono = None
    for allocation in unused:
        if allocation.unused_mono is None:
            allocation.unused_mono = now
        idle = now - allocation.unused_mono
        if idle >= _UNUSED and not allocation.lasting and allocation.state is not _RUNNING:
            give_up(turn, pool, allocation, "nothing is queued for it any more")
    for allocation in _kept(pool)[pool.least :]:
        give_up(turn, pool, allocation, f"{_hosts(pool.least)} kept now")
