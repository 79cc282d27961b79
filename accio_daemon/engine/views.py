"""The World as users may see it: frozen snapshots, made on demand."""

from accio_daemon.core.commands import Instant
from accio_daemon.core.records import Agent
from accio_daemon.core.world import World
from accio_daemon.engine.ports import AgentView, ClusterView


def cluster_view(world: World, now: Instant, *, refusing: str) -> ClusterView:
    """Give numbers about the World."""
    return ClusterView(
        queued_nodes=world.queue.count,
        running_nodes=sum(sum(agent.running.values()) for agent in world.agents.values()),
        active_runs=len(world.runs),
        agents=tuple(_agent(world, world.agent_names[name], now) for name in sorted(world.agent_names)),
        refusing=refusing,
        epoch=world.epoch,
    )


def _agent(world: World, agent: Agent, now: Instant) -> AgentView:
    left = 0 if agent.lost else max(0.0, world.settings.lease - (now.mono - agent.heard_mono))
    return AgentView(
        name=agent.name,
        state=_state(world, agent, now),
        resources=agent.resources,
        reserved=agent.account.used(),
        running=sum(agent.running.values()),
        prefetched=sum(len(line) for line in agent.prefetched.values()),
        last_seen_ms=agent.heard_ms,
        operators=len(agent.operators),
        reason=agent.reason,
        version=agent.version,
        lease_left_ms=int(left * 1000),
    )


def _state(world: World, agent: Agent, now: Instant) -> str:
    if agent.session is None:
        return "lost" if agent.lost else "disconnected"
    if now.mono - agent.heard_mono > world.settings.suspect:
        return "suspect"
    return "draining" if agent.draining else "connected"
