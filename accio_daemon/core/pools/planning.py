"""How many hosts the queue is worth, and of which pool: pure readings of the World, once a second at most.

What waits is compared with what is there. Agents with room, and allocations whose agents may still come, are *supply*;
each is one host, of which classes of nodes take shares. What is left over is asked of the first pool in order that can
serve it, and only if an allocation really could: hosts that are too small, too short, or without the operator are never
asked for. The work of `worth` seconds is what makes another host worthwhile where it is known how long nodes take;
where it isn't, pools begin with one host and double.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import field

from accio.domain.resources import Resources
from accio.late import dataclass
from accio_daemon.core.owners import Owner
from accio_daemon.core.placement import is_usable
from accio_daemon.core.pools.demand import Demand, demands, lasts, need_of
from accio_daemon.core.pools.records import Allocation, Pool
from accio_daemon.core.pools.serving import cannot_serve
from accio_daemon.core.records import Agent
from accio_daemon.core.remaining import spoken, time_left
from accio_daemon.core.terms import Instant
from accio_daemon.core.world import World

_NOTHING_LEFT = 1e-9


@dataclass(slots=True)
class Host:
    """One host that is there or on its way, and the share of it that isn't spoken for."""

    room: Resources
    lasts: float
    operators: frozenset[int] | None  # None: not known yet
    free: Resources  # what of the room is free at this moment
    left: float = 1.0
    allocation: Allocation | None = None  # on its way
    agent: Agent | None = None  # of one that is there
    pool: Pool | None = None  # of one on its way

    def takes(self, demand: Demand) -> bool:
        """Return whether nodes of a demand may be executed there at all, whatever room there is."""
        whose = self.agent or self.pool
        if demand.need > self.lasts or (whose and demand.owner and not whose.serves(demand.owner)):
            return False
        if self.pool is not None and not self.pool.spec.takes(demand.operator):
            return False
        return self.operators is None or demand.node_class.operator_no in self.operators


@dataclass(slots=True)
class Want:
    """The allocations that a pool should have besides its present ones."""

    hosts: float = 0.0
    guessed: bool = False  # for nodes of which nobody knows how long they take
    lines: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Hosts, as a whole number: a part of one is worth one."""
        return math.ceil(self.hosts - _NOTHING_LEFT)


@dataclass(slots=True, kw_only=True)
class Decision:
    """What the queue wants of each pool, which allocations it has no use for, and what no pool can serve."""

    wants: dict[str, Want]
    unused: list[Allocation]
    unservable: list[str]


def decide(world: World, now: Instant) -> Decision:
    """Compare what waits with what is there."""
    ranked = ranked_pools(world)
    hosts = [*_agents(world, now), *_coming(ranked, now)]
    wants = {pool.spec.name: Want() for pool in ranked}
    unservable: list[str] = []
    for demand in demands(world):
        count = float(demand.count)
        for host in hosts:
            count -= _taken(host, demand, count, _worth(ranked))
            if count < _NOTHING_LEFT:
                break
        else:
            _ask(world, ranked, wants, demand, count, unservable)
    unused = [host.allocation for host in hosts if host.allocation is not None and host.left == 1.0]
    return Decision(wants=wants, unused=unused, unservable=unservable)


def ranked_pools(world: World) -> list[Pool]:
    """Return all pools in order of preference."""
    return sorted(world.pools.values(), key=lambda pool: (pool.place, pool.spec.name))


def _worth(pools: Sequence[Pool]) -> float:
    """Return for how much work an agent that is there counts: as much as the least makes another host worthwhile."""
    return min((pool.spec.worth for pool in pools), default=0.0)


def _agents(world: World, now: Instant) -> Iterable[Host]:
    for agent in world.sessions.values():
        if is_usable(world, agent, now):
            free = _less(agent.resources, agent.account.used())
            yield Host(agent.resources, time_left(agent, now), agent.operators, free, agent=agent)


def _less(room: Resources, used: Resources) -> Resources:
    taken = dict(used.custom)
    return Resources(
        milli_cpus=max(0, room.milli_cpus - used.milli_cpus),
        memory=max(0, room.memory - used.memory),
        disk=max(0, room.disk - used.disk),
        gpus=max(0, room.gpus - used.gpus),
        custom=tuple(
            (name, amount - taken.get(name, 0)) for name, amount in room.custom if amount > taken.get(name, 0)
        ),
    )


def _coming(pools: Iterable[Pool], now: Instant) -> Iterable[Host]:
    for pool in pools:
        time = min(lasts(pool), left_open(pool, now))
        for allocation in pool.live.values():
            if allocation.waits:
                yield Host(pool.shape, time, pool.operators, pool.shape, allocation=allocation, pool=pool)


def left_open(pool: Pool, now: Instant) -> float:
    """Return for how long hosts of a pool are there from now on, at this time of the week and before maintenance."""
    if not pool.open and not pool.blocked:
        return 0.0
    ends = [each for each in (pool.changes_mono, pool.begins_mono) if each is not None]
    return max(0.0, min(ends) - now.mono) if ends else math.inf


def _taken(host: Host, demand: Demand, count: float, worth: float) -> float:
    """Reserve what nodes of a demand can take of a host; return how many did."""
    if host.left <= 0 or not host.takes(demand):
        return 0.0
    at_once = demand.node_class.resources.times_in(host.room)
    if not at_once:
        return 0.0
    if demand.mean is None:
        free_now = demand.node_class.resources.times_in(host.free)
        host.left = min(host.left, free_now / at_once)
    capacity = at_once * _rounds(demand, worth)
    taken = min(count, capacity * host.left)
    host.left -= taken / capacity
    return taken


def _rounds(demand: Demand, worth: float) -> float:
    """Return how many nodes of a demand one place takes one after the other before another host is worthwhile."""
    return 1.0 if not demand.mean else max(1.0, worth / demand.mean)


def _ask(
    world: World,
    pools: Sequence[Pool],
    wants: dict[str, Want],
    demand: Demand,
    count: float,
    unservable: list[str],
) -> None:
    reasons = []
    for pool in pools:
        node_class = demand.node_class
        why_not = cannot_serve(
            world, pool, node_class.operator_no, node_class.resources, demand.need, owner=demand.owner
        ) or closed(pool, demand.need, world.ticked_mono)
        if not why_not:
            want = wants[pool.spec.name]
            at_once = demand.node_class.resources.times_in(pool.shape)
            want.hosts += count / (at_once * _rounds(demand, pool.spec.worth))
            want.guessed = want.guessed or demand.mean is None
            takes = "nobody knows how long one takes" if demand.mean is None else f"one takes {spoken(demand.mean)}"
            want.lines.append(
                f"{math.ceil(count)} of {demand.count} queued nodes of {demand.operator} find no place: {at_once} fit "
                f"on a host, {takes}"
            )
            return
        reasons.append(f"{pool.spec.name}: {why_not}")
    if reasons:
        nodes = "queued node" if demand.count == 1 else "queued nodes"
        have = "has" if demand.count == 1 else "have"
        unservable.append(f"{demand.count} {nodes} of {demand.operator} {have} no pool ({'; '.join(reasons)})")


def closed(pool: Pool, need: float, mono: float) -> str:
    """Say why a pool asks for no host now; empty if it does."""
    if pool.paused:
        return "it is paused"
    if pool.blocked:
        return pool.blocked
    if pool.begins_mono is not None and need > pool.begins_mono - mono:
        return f"they need about {spoken(need)}, and a maintenance begins in {spoken(pool.begins_mono - mono)}"
    if pool.changes_mono is None:
        return ""
    left = spoken(max(0.0, pool.changes_mono - mono))
    if not pool.open:
        return f"hosts are asked for during {pool.spec.during}, which is in {left}"
    if need > pool.changes_mono - mono:
        return f"they need about {spoken(need)}, and {pool.spec.during} is over in {left}"
    return ""


def hosts_for(world: World, operator_no: int, demand: Resources, class_id: int = 0, owner: Owner | None = None) -> str:
    """Say which pool brings hosts for a kind of node (of this *owner*, if given), or why none can; empty if there are
    no pools.
    """
    need = need_of(world, class_id, operator_no)
    reasons = []
    for pool in ranked_pools(world):
        name = pool.spec.name
        why_not = cannot_serve(world, pool, operator_no, demand, need, owner=owner) or closed(
            pool, need, world.ticked_mono
        )
        if not why_not:
            coming = sum(each.waits for each in pool.live.values())
            hosts = f"{coming} host{'' if coming == 1 else 's'} on the way" if coming else "no host on the way"
            return f"the pool {name} has {hosts} (accio pool why {name})"
        reasons.append(f"{name}: {why_not}")
    return f"no pool brings a host for it ({'; '.join(reasons)})" if reasons else ""
