"""What happens to pools and allocations: they are asked for, found at the engine, joined by agents, given up, gone.

The process that serves a pool is told which allocations there should be, all of them each time, once that is durable.
It keeps nothing: whatever of it dies, that and the engine's list are enough to go on. An allocation that isn't wanted
any more never comes back: its agent is turned away, so that a host asked for twice by mistake costs seconds.
"""

import math

from accio.domain.pools import AllocationState, PoolSpec
from accio.errors import BadRequest, FailedPrecondition, NotFound
from accio_daemon.core.commands import (
    AgentJoined,
    AllocationFacts,
    AllocationsFound,
    AllocationsRefused,
    ChangePool,
    PoolsJoined,
    PoolsLeft,
)
from accio_daemon.core.moves import move_allocation
from accio_daemon.core.outgoing import Wanted
from accio_daemon.core.pools import budgets
from accio_daemon.core.pools.limits import agent_of, look_at_clock
from accio_daemon.core.pools.planning import Want, closed, decide, ranked_pools
from accio_daemon.core.pools.records import Allocation, Pool
from accio_daemon.core.records import Agent
from accio_daemon.core.remaining import spoken
from accio_daemon.core.terms import SessionNo
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import World

_EVERY = 1.0  # seconds between two decisions about what pools should have
_GONE = 2  # complete lists in a row that lack an allocation which is over: one may be taken amid a start
_JOINS_WITHIN = 300.0  # seconds from an allocation's beginning, else it is given up
_SHOWS_WITHIN = 3.0  # seconds from an agent's joining, in which it may show that no further host is needed
_TRIED_ON_HOST = 2  # allocations in a row that no agent joined from on one host, while others have agents
_SHUNNED = 3600.0  # seconds for which such a host is left out
_UNUSED = 120.0  # seconds for which nothing may be there for an allocation that is on its way
_PAUSES = (5.0, 30.0, 900.0, 1800.0, 3600.0)
"""Seconds in which nothing is asked for after so many allocations without an agent; then one is, as a probe."""

_REQUESTED, _PENDING, _RUNNING = AllocationState.REQUESTED, AllocationState.PENDING, AllocationState.RUNNING


# --- the process that serves pools -----------------------------------------------------------------------------------


def joined(turn: Turn, command: PoolsJoined) -> None:
    """Admit a process that serves pools; another one that serves one of them already is refused."""
    world = turn.world
    for spec in command.pools:
        known = world.pools.get(spec.name)
        if known is not None and known.session is not None and known.server != command.server:
            raise FailedPrecondition(
                f"another process serves the pool {spec.name}: stop one of the two, or give this pool another name"
            )
    for place, spec in enumerate(command.pools):
        _admit(turn, command, spec, place)
    world.planned_mono = float("-inf")


def _admit(turn: Turn, command: PoolsJoined, spec: PoolSpec, place: int) -> None:
    pool = turn.world.pools.get(spec.name)
    if pool is None:
        pool = turn.world.pools[spec.name] = Pool(spec, place=place)
    if (pool.spec.host, pool.spec.provider) != (spec.host, spec.provider):
        pool.offers = None
    if pool.server != command.server:
        pool.operators = None  # it may have been started again for that very reason
        _forgive(pool)
    pool.spec, pool.place, pool.server, pool.session = spec, place, command.server, command.session
    turn.fx.pools[spec.name] = pool
    for allocation in pool.live.values():
        allocation.missing = 0
    look_at_clock(turn, pool)
    _tell(turn, pool)


def left(turn: Turn, command: PoolsLeft) -> None:
    """Note that pools are away: nothing is asked for, and nothing concluded."""
    for pool in _served(turn.world, command.session):
        pool.session = None


def _served(world: World, session: SessionNo) -> list[Pool]:
    return [pool for pool in world.pools.values() if pool.session == session]


def _pool_of(world: World, session: SessionNo, name: str) -> Pool | None:
    pool = world.pools.get(name)
    return pool if pool is not None and pool.session == session else None


def _tell(turn: Turn, pool: Pool) -> None:
    """Send which allocations there should be."""
    if pool.session is None:
        return
    wanted = [each for each in pool.live.values() if not each.cancelling]
    turn.fx.to(pool.session).wanted[pool.spec.name] = Wanted(
        pool=pool.spec.name,
        submit=tuple((each.no, each.lasting) for each in wanted if each.state is _REQUESTED),
        keep=tuple(each.no for each in wanted if each.state is not _REQUESTED),
        exclude=tuple(sorted(pool.shunned)),
    )


# --- what the engine says --------------------------------------------------------------------------------------------


def found(turn: Turn, command: AllocationsFound) -> None:
    """Compare the engine's list with what is known: what runs, runs; what is over, is over."""
    pool = _pool_of(turn.world, command.session, command.pool)
    if pool is None:
        return
    listed = {each.number: each for each in command.found}
    for allocation in list(pool.live.values()):
        facts = listed.get(allocation.no)
        if facts is not None:
            _seen(turn, pool, allocation, facts)
        elif command.complete:
            allocation.host = allocation.host or command.hosts.get(allocation.no, "")
            _lacking(turn, pool, allocation, command.reasons.get(allocation.no, ""))


def _seen(turn: Turn, pool: Pool, allocation: Allocation, facts: AllocationFacts) -> None:
    allocation.missing = 0
    before = (allocation.state, allocation.job, allocation.host, allocation.reason)
    allocation.job, allocation.host = facts.job, facts.host or allocation.host
    if not allocation.agent and not allocation.cancelling:
        allocation.reason = facts.reason
    if facts.begun and allocation.state is not _RUNNING:
        _begin(turn, allocation)
    elif allocation.state is _REQUESTED:
        move_allocation(allocation, _PENDING)
    if (allocation.state, allocation.job, allocation.host, allocation.reason) != before:
        turn.fx.allocations[allocation.no] = allocation
    if allocation.state is not before[0]:
        _tell(turn, pool)


def _begin(turn: Turn, allocation: Allocation) -> None:
    move_allocation(allocation, _RUNNING)
    allocation.began_ms, allocation.began_mono = turn.now.wall_ms, turn.now.mono


def _lacking(turn: Turn, pool: Pool, allocation: Allocation, reason: str) -> None:
    """Note that the engine lacks an allocation. Its agent's word counts for more: who is connected, runs."""
    if allocation.state is _REQUESTED and not allocation.cancelling:
        return  # it may not have been asked for yet
    if agent_of(turn.world, allocation) is not None:
        return
    allocation.missing += 1
    if allocation.missing < _GONE:
        return
    if allocation.agent:
        if allocation.said_goodbye or allocation.cancelling:
            _end(turn, pool, allocation, AllocationState.ENDED, allocation.reason)
        else:
            words = f": {reason}" if reason else ""
            _end(turn, pool, allocation, AllocationState.LOST, f"its agent {allocation.agent} vanished{words}")
    elif allocation.cancelling and not allocation.reason.startswith(_NEVER_JOINED):
        _end(turn, pool, allocation, AllocationState.ENDED, allocation.reason)
    else:
        _end(
            turn,
            pool,
            allocation,
            AllocationState.FAILED,
            reason or allocation.reason or "ended before an agent joined",
        )
        _note_failure(turn, pool, allocation)


_NEVER_JOINED = "no agent joined"


def refused(turn: Turn, command: AllocationsRefused) -> None:
    """Note what the engine refused."""
    pool = _pool_of(turn.world, command.session, command.pool)
    if pool is None:
        return
    for number, reason in command.refused.items():
        allocation = pool.live.get(number)
        if allocation is not None and allocation.state is _REQUESTED:
            _end(turn, pool, allocation, AllocationState.FAILED, reason)
            _note_failure(turn, pool, allocation)


def _note_failure(turn: Turn, pool: Pool, allocation: Allocation) -> None:
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
        _tell(turn, pool)
    return True


def _take_back_shunned(turn: Turn, pool: Pool) -> None:
    over = [host for host, until in pool.shunned.items() if until <= turn.now.mono]
    for host in over:
        del pool.shunned[host]
    if over:
        _tell(turn, pool)


def _forgive(pool: Pool) -> None:
    pool.failures, pool.retry_mono, pool.problem = 0, 0.0, ""


def _end(turn: Turn, pool: Pool, allocation: Allocation, state: AllocationState, reason: str) -> None:
    move_allocation(allocation, state)
    allocation.ended_ms = turn.now.wall_ms
    allocation.reason = reason
    del pool.live[allocation.no]
    if allocation.began_ms is not None:
        budgets.note_ended(pool, allocation.began_ms, allocation.ended_ms)
        turn.fx.pools[pool.spec.name] = pool
    turn.fx.allocations[allocation.no] = allocation
    agent = turn.world.agent_names.get(allocation.agent)
    if agent is not None and agent.session is None and agent.allocation in (None, (allocation.pool, allocation.no)):
        agent.given_back = True
    turn.world.planned_mono = float("-inf")
    _tell(turn, pool)


# --- agents in allocations -------------------------------------------------------------------------------------------


def check_claim(world: World, command: AgentJoined) -> None:
    """Raise FailedPrecondition if an agent's allocation isn't wanted (any more), or is another agent's."""
    if command.allocation is None:
        return
    name, number = command.allocation
    pool = world.pools.get(name)
    allocation = None if pool is None else pool.live.get(number)
    if allocation is None or (allocation.cancelling and not allocation.agent):
        raise FailedPrecondition(
            f"allocation {number} of the pool {name} was given up: its agent isn't needed any more"
        )
    if allocation.agent not in ("", command.name):
        raise FailedPrecondition(
            f"allocation {number} of the pool {name} is that of agent {allocation.agent}, "
            "and this one was started for it, too: one of them is enough"
        )


def agent_joined(turn: Turn, agent: Agent, command: AgentJoined) -> None:
    """Note which agent an allocation has, and what hosts of its pool offer; `check_claim` has let it in."""
    agent.allocation = command.allocation
    if command.allocation is None:
        return
    name, number = command.allocation
    pool = turn.world.pools[name]
    allocation = pool.live[number]
    allocation.missing = 0
    agent.owners = agent.owners or pool.spec.owners
    pool.offers, pool.operators = agent.resources, agent.operators
    _forgive(pool)
    turn.fx.pools[name] = pool
    if allocation.state is not _RUNNING:
        _begin(turn, allocation)
    if not allocation.agent:
        pool.stillborn.pop(allocation.host, None)
        allocation.agent, allocation.reason, allocation.joined_mono = agent.name, "", turn.now.mono
    look_at_clock(turn, pool)
    turn.fx.allocations[number] = allocation
    _tell(turn, pool)


def agent_left(turn: Turn, agent: Agent, reason: str) -> None:
    """Note that an agent said goodbye: its allocation ends."""
    if agent.allocation is None:
        return
    name, number = agent.allocation
    pool = turn.world.pools.get(name)
    allocation = None if pool is None else pool.live.get(number)
    if allocation is not None:
        allocation.said_goodbye = True
        if not allocation.cancelling:
            allocation.reason = reason
        turn.fx.allocations[number] = allocation


# --- users -----------------------------------------------------------------------------------------------------------


def change(turn: Turn, command: ChangePool) -> None:
    """Pause a pool, let it go on, or set how many allocations it keeps."""
    pool = turn.world.pools.get(command.name)
    if pool is None:
        known = ", ".join(sorted(turn.world.pools)) or "none"
        raise NotFound(f"there is no pool {command.name!r}; known pools: {known}")
    if command.floor is not None and command.floor > pool.spec.maximum:
        raise BadRequest(
            f"expected at most {pool.spec.maximum} allocations, the `max` of the pool {command.name} in its file, "
            f"found {command.floor}"
        )
    if command.paused is not None:
        pool.paused = command.paused
        if not command.paused:
            _forgive(pool)
            pool.operators = None
            pool.shunned.clear()
            _tell(turn, pool)
    if command.floor is not None or command.by_file:
        pool.floor = command.floor
    turn.fx.pools[command.name] = pool
    turn.world.planned_mono = float("-inf")


# --- time ------------------------------------------------------------------------------------------------------------


def tick(turn: Turn) -> None:
    """Decide what pools should have, now and then; give up what nobody joins."""
    world = turn.world
    if not world.pools or turn.now.mono - world.planned_mono < _EVERY:
        return
    world.planned_mono = turn.now.mono
    for pool in world.pools.values():
        look_at_clock(turn, pool)
        _give_up_silent(turn, pool)
        _take_back_shunned(turn, pool)
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
            _give_up(turn, pool, allocation, f"{_NEVER_JOINED} within {_JOINS_WITHIN:.0f} s of its beginning")


def _give_up(turn: Turn, pool: Pool, allocation: Allocation, reason: str) -> None:
    allocation.cancelling = True
    allocation.reason = reason
    turn.fx.allocations[allocation.no] = allocation
    _tell(turn, pool)


def _grow(turn: Turn, pool: Pool, want: Want) -> None:
    """Ask for more allocations, as far as limits allow; note why it is as many."""
    lines = list(want.lines)
    lasting = max(0, pool.least - len(_kept(pool)))
    if pool.least:
        lines.append(f"{_hosts(pool.least)} kept, whatever is queued")
    count, limits = _limited(turn, pool, max(lasting, want.count), guessed=want.guessed and not lasting)
    lines += limits
    for _ in range(count):
        _request(turn, pool, lasting=lasting > 0)
        lasting -= 1
    if count:
        lines.append(f"{count} asked for")
        _tell(turn, pool)
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


def _request(turn: Turn, pool: Pool, *, lasting: bool) -> None:
    world = turn.world
    number = world.next_allocation
    world.next_allocation += 1
    made = Allocation(no=number, pool=pool.spec.name, lasting=lasting, requested_ms=turn.now.wall_ms)
    pool.live[number] = made
    turn.fx.allocations[number] = made


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
            _give_up(turn, pool, allocation, "nothing is queued for it any more")
    for allocation in _kept(pool)[pool.least :]:
        _give_up(turn, pool, allocation, f"{_hosts(pool.least)} kept now")
