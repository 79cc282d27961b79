"""What happens to pools and allocations: they are found at the engine, refused, joined by agents, changed, gone.

The process that serves a pool is told which allocations there should be, all of them each time, once that is durable.
It keeps nothing: whatever of it dies, that and the engine's list are enough to go on. An allocation that isn't wanted
any more never comes back: its agent is turned away, so that a host asked for twice by mistake costs seconds.
"""

from accio.domain.pools import AllocationState, PoolSpec
from accio.errors import BadRequest, FailedPrecondition, NotFound
from accio_daemon.core.commands import AgentJoined
from accio_daemon.core.facts import AllocationFacts
from accio_daemon.core.moves import move_allocation
from accio_daemon.core.pools import budgets
from accio_daemon.core.pools.blame import NEVER_JOINED, forgive, note_failure
from accio_daemon.core.pools.commands import AllocationsFound, AllocationsRefused, ChangePool, PoolsJoined, PoolsLeft
from accio_daemon.core.pools.limits import agent_of, look_at_clock
from accio_daemon.core.pools.records import Allocation, Pool
from accio_daemon.core.pools.wanted import tell
from accio_daemon.core.records import Agent
from accio_daemon.core.terms import SessionNo
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import World

_GONE = 2  # complete lists in a row that lack an allocation which is over: one may be taken amid a start

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
        forgive(pool)
    pool.spec, pool.place, pool.server, pool.session = spec, place, command.server, command.session
    turn.fx.pools[spec.name] = pool
    for allocation in pool.live.values():
        allocation.missing = 0
    look_at_clock(turn, pool)
    tell(turn, pool)


def left(turn: Turn, command: PoolsLeft) -> None:
    """Note that pools are away: nothing is asked for, and nothing concluded."""
    for pool in _served(turn.world, command.session):
        pool.session, pool.silent, pool.heard = None, "", True


def _served(world: World, session: SessionNo) -> list[Pool]:
    return [pool for pool in world.pools.values() if pool.session == session]


def _pool_of(world: World, session: SessionNo, name: str) -> Pool | None:
    pool = world.pools.get(name)
    return pool if pool is not None and pool.session == session else None


# --- what the engine says --------------------------------------------------------------------------------------------


def found(turn: Turn, command: AllocationsFound) -> None:
    """Compare the engine's list with what is known: what runs, runs; what is over, is over."""
    pool = _pool_of(turn.world, command.session, command.pool)
    if pool is None:
        return
    pool.silent, pool.heard = command.problem, command.complete
    listed = {each.number: each for each in command.found}
    for allocation in list(pool.live.values()):
        facts = listed.get(allocation.no)
        if facts is not None:
            _seen(turn, pool, allocation, facts)
        elif allocation.state is _REQUESTED and not allocation.cancelling:  # it may not have been asked for yet
            _note_reason(turn, allocation, command.reasons.get(allocation.no, command.problem))
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
        tell(turn, pool)


def _note_reason(turn: Turn, allocation: Allocation, reason: str) -> None:
    """Note why the engine hasn't taken in an allocation yet, if that is known."""
    if allocation.reason != reason:
        allocation.reason = reason
        turn.fx.allocations[allocation.no] = allocation


def _begin(turn: Turn, allocation: Allocation) -> None:
    move_allocation(allocation, _RUNNING)
    allocation.began_ms, allocation.began_mono = turn.now.wall_ms, turn.now.mono


def _lacking(turn: Turn, pool: Pool, allocation: Allocation, reason: str) -> None:
    """Note that the engine lacks an allocation. Its agent's word counts for more: who is connected, runs."""
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
    elif allocation.cancelling and not allocation.reason.startswith(NEVER_JOINED):
        _end(turn, pool, allocation, AllocationState.ENDED, allocation.reason)
    else:
        _end(
            turn,
            pool,
            allocation,
            AllocationState.FAILED,
            reason or allocation.reason or "ended before an agent joined",
        )
        note_failure(turn, pool, allocation)


def refused(turn: Turn, command: AllocationsRefused) -> None:
    """Note what the engine refused."""
    pool = _pool_of(turn.world, command.session, command.pool)
    if pool is None:
        return
    for number, reason in command.refused.items():
        allocation = pool.live.get(number)
        if allocation is not None and allocation.state is _REQUESTED:
            _end(turn, pool, allocation, AllocationState.FAILED, reason)
            note_failure(turn, pool, allocation)


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
    tell(turn, pool)


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
    forgive(pool)
    turn.fx.pools[name] = pool
    if allocation.state is not _RUNNING:
        _begin(turn, allocation)
    if not allocation.agent:
        pool.stillborn.pop(allocation.host, None)
        allocation.agent, allocation.reason, allocation.joined_mono = agent.name, "", turn.now.mono
    look_at_clock(turn, pool)
    turn.fx.allocations[number] = allocation
    tell(turn, pool)


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
        raise NotFound(
            f"there is no pool {command.name!r}; known pools: {known}. It is known once `accio pool serve` tells of it"
        )
    if command.floor is not None and command.floor > pool.spec.maximum:
        raise BadRequest(
            f"expected at most {pool.spec.maximum} allocations, the `max` of the pool {command.name} in its file, "
            f"found {command.floor}"
        )
    if command.paused is not None:
        pool.paused = command.paused
        if not command.paused:
            forgive(pool)
            pool.operators = None
            pool.shunned.clear()
            tell(turn, pool)
    if command.floor is not None or command.by_file:
        pool.floor = command.floor
    turn.fx.pools[command.name] = pool
    turn.world.planned_mono = float("-inf")
