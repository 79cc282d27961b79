"""What agents execute now: a pure reading of the World, for people who look at where time goes."""

from accio.late import dataclass
from accio_daemon.core.terms import RunNo
from accio_daemon.core.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Executing:
    """A node that an agent executes, and since when by the daemon's wall clock."""

    agent: str
    run: RunNo
    index: int
    node: int
    since_ms: int


def executing(world: World) -> list[Executing]:
    """Return what has a place at an agent; what waits there for one isn't executed yet."""
    return [
        Executing(
            agent=agent.name,
            run=execution.owner[0],
            index=execution.owner[1],
            node=execution.owner[2],
            since_ms=execution.dispatched_ms,
        )
        for agent in world.agents.values()
        for execution in agent.attempts.values()
        if execution.has_grant
    ]
