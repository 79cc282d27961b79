"""The World as users may see it: frozen snapshots, made on demand."""

from collections import Counter
from collections.abc import Set

from accio.domain.agent_windows import AgentWindow
from accio.domain.caps import EVERYBODY, named
from accio_daemon.core.owners import Owner
from accio_daemon.core.pools.planning import ranked_pools
from accio_daemon.core.pools.records import Pool
from accio_daemon.core.readings import offers
from accio_daemon.core.records import Agent
from accio_daemon.core.terms import Instant, SessionNo
from accio_daemon.core.world import World
from accio_daemon.engine.snapshots import AgentView, ClusterView, OwnersView, OwnerView, PoolsView, PoolView


def cluster_view(world: World, now: Instant, *, welcomed: Set[SessionNo], refusing: str) -> ClusterView:
    """Count what the World holds. An agent counts as connected once that is durable (its session is *welcomed*)."""
    return ClusterView(
        queued_nodes=world.queue.count,
        running_nodes=sum(sum(agent.running.values()) for agent in world.agents.values()),
        active_runs=len(world.runs),
        agents=tuple(_agent(world, world.agent_names[name], welcomed, now) for name in sorted(world.agent_names)),
        refusing=refusing,
        epoch=world.epoch,
    )


def _agent(world: World, agent: Agent, welcomed: Set[SessionNo], now: Instant) -> AgentView:
    left = 0 if agent.lost else max(0.0, world.settings.lease - (now.mono - agent.heard_mono))
    return AgentView(
        name=agent.name,
        state=_state(world, agent, welcomed, now),
        resources=agent.resources,
        reserved=agent.account.used(),
        running=sum(agent.running.values()),
        prefetched=sum(len(line) for line in agent.prefetched.values()),
        last_seen_ms=agent.heard_ms,
        operators=len(agent.operators),
        reason=agent.unable or agent.reason or offers.passed_over(world, agent) or offers.behind(world, agent),
        version=agent.version,
        lease_left_ms=int(left * 1000),
        owners=tuple(sorted(agent.owners)),
        left_out=() if agent.session is None else agent.left_out,
        window=agent.window,
    )


def _state(world: World, agent: Agent, welcomed: Set[SessionNo], now: Instant) -> str:
    if agent.session is None or agent.session not in welcomed:
        return "lost" if agent.lost else "disconnected"
    if now.mono - agent.heard_mono > world.settings.suspect:
        return "suspect"
    return "draining" if agent.draining else "connected"


def windows_view(world: World) -> tuple[AgentWindow, ...]:
    """Return the windows of agents, those that begin first before others."""
    return tuple(sorted(world.windows.values(), key=lambda each: (each.time.begins_ms, each.name)))


def pools_view(world: World, now: Instant) -> PoolsView:
    """Return what is known of pools."""
    return PoolsView(pools=tuple(_pool(pool, now) for pool in ranked_pools(world)), unservable=world.unservable)


def _pool(pool: Pool, now: Instant) -> PoolView:
    return PoolView(
        spec=pool.spec,
        state=_pool_state(pool, now),
        least=pool.least,
        allocations=Counter(each.state for each in pool.live.values()),
        numbers=frozenset(pool.live),
        offers=pool.offers,
        decision=(*pool.decision, f"the engine doesn't answer: {pool.silent}") if pool.silent else pool.decision,
        problem=pool.problem,
        used=pool.used / 3600,
    )


def _pool_state(pool: Pool, now: Instant) -> str:
    if pool.session is None:
        return "away"
    if pool.paused:
        return "paused"
    if not pool.open:
        return "closed"
    if now.mono < pool.retry_mono:
        return "backing off"
    return "serving" if pool.heard else "silent"


def owners_view(world: World, now: Instant) -> OwnersView:
    """Return whose work there is, and what caps there are; those who have most at agents first."""
    runs = Counter(run.owner for run in world.runs.values())
    queued: Counter[Owner] = Counter()
    for group in world.queue.groups.values():
        queued[group.owner] += group.count
    active = {owner.key: owner for owner in {*runs, *queued} if runs[owner] or queued[owner] or owner.nodes}
    for key in world.owners.caps:
        if key not in active and key != EVERYBODY:
            known = world.owners.known.get(key)
            active[key] = known or world.owners.of(named(key))
    found = [
        OwnerView(
            person=owner.person,
            runs=runs[owner],
            queued=queued[owner],
            nodes=owner.nodes,
            milli_cpus=owner.milli_cpus,
            cap=owner.cap,
            is_own=world.owners.counts(owner.key),
            other_times=None if world.owners.counts(owner.key) else world.owners.caps.get(owner.key),
            used=owner.used(now.mono),
        )
        for owner in active.values()
    ]
    found.sort(key=lambda each: (-each.milli_cpus, -each.nodes, -each.queued, str(each.person)))
    return OwnersView(owners=tuple(found), everybody=world.owners.caps.get(EVERYBODY), policy=world.settings.policy)
