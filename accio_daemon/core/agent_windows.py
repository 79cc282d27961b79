"""Windows of agents: times at which nothing begins at some of them.

To placing, the beginning of a window is what the end of a host is: what is known to take longer isn't begun there. What
runs goes on, what was sent ahead comes back, and after the window the agent gets nodes again, of itself. A window is
announced because machines are mended, so what an agent loses that falls silent during it counts as no loss.
"""

from collections.abc import Iterable

from accio.domain.agent_windows import MOST, next_for
from accio.domain.maintenance import Maintenance, text_of
from accio.errors import AlreadyExists, FailedPrecondition, NotFound, ResourceExhausted
from accio_daemon.core.commands import AddWindow, RemoveWindow
from accio_daemon.core.records import Agent
from accio_daemon.core.remaining import spoken
from accio_daemon.core.terms import Instant
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import World

KEPT_MS = 7 * 24 * 3600 * 1000
"""How long a window that is over is remembered: agents come back after it, and are forgiven what they lost."""

_NAMED = 3  # agents in a sentence
_KNOWN = 10  # windows in a sentence


def add(turn: Turn, command: AddWindow) -> None:
    """Add a window; one of its name that is over makes way."""
    world, window = turn.world, command.window
    if window.time.ends_ms <= turn.now.wall_ms:
        raise FailedPrecondition(f"expected a window that isn't over, found {window}")
    before = world.windows.get(window.name)
    if before is not None and before.time.ends_ms > turn.now.wall_ms:
        raise AlreadyExists(
            f"there is a window of this name: {before}; name this one otherwise, or remove that one first "
            f"(accio window remove {window.name!r})"
        )
    if before is None and len(world.windows) >= MOST:
        raise ResourceExhausted(f"there are {MOST} windows, the most that there may be: remove some first")
    world.windows[window.name] = turn.fx.windows[window.name] = window
    apply(turn)


def remove(turn: Turn, command: RemoveWindow) -> None:
    """Remove a window: its agents get nodes again."""
    world = turn.world
    if command.name not in world.windows:
        names = sorted(world.windows)
        more = f" and {len(names) - _KNOWN} more" if len(names) > _KNOWN else ""
        known = ", ".join(names[:_KNOWN]) or "none"
        raise NotFound(f"there is no window {command.name!r}; known windows: {known}{more}")
    _forget(turn, command.name)
    apply(turn)


def tick(turn: Turn) -> None:
    """Look at the clock: which windows began, which are over, and which were over long ago."""
    world = turn.world
    if not world.windows:
        return
    for window in list(world.windows.values()):
        if window.time.ends_ms + KEPT_MS <= turn.now.wall_ms:
            _forget(turn, window.name)
    apply(turn)


def _forget(turn: Turn, name: str) -> None:
    del turn.world.windows[name]
    turn.fx.windows[name] = None


def apply(turn: Turn) -> None:
    """Note at all agents which windows concern them."""
    for agent in turn.world.agents.values():
        apply_to(turn.world, agent, turn.now)


def apply_to(world: World, agent: Agent, now: Instant) -> None:
    """Note which window lasts at an agent, or comes next."""
    before, agent.window = agent.window, next_for(world.windows.values(), agent.name, now.wall_ms)
    agent.window_mono = None if agent.window is None else now.mono + (agent.window.begins_ms - now.wall_ms) / 1000
    agent.find_end()
    if agent.window != before:
        world.dirty_agents.add(agent)
        world.place_all = True


def is_on(agent: Agent, now: Instant) -> bool:
    """Return whether nothing begins at an agent, as one of its windows has begun."""
    return agent.window_mono is not None and agent.window_mono <= now.mono


def of_all(world: World) -> list[Maintenance]:
    """Return the times at which nothing begins at any agent, also at those of hosts that a pool would be given: what
    these will be called isn't known before.
    """
    return [each.time for each in world.windows.values() if not each.agents or "*" in each.agents]


def forgiven_ms(world: World, agent: Agent, now: Instant) -> int:
    """Return when the last window began during which, or just before which, an agent fell silent; 0 if there is none.

    What was sent to it before, and it has lost, counts as no loss: at most one a window, as nothing begins during it.
    """
    suspect_ms = int(world.settings.suspect * 1000)
    times = [each.time for each in world.windows.values() if each.concerns(agent.name)]
    begun = (each for each in times if each.begins_ms <= now.wall_ms)
    return max(
        (each.begins_ms for each in begun if each.begins_ms - suspect_ms <= agent.heard_ms < each.ends_ms), default=0
    )


def kept_by(agents: Iterable[Agent], now: Instant) -> str:
    """Say which agents are in a window, and until when; empty if none is."""
    within = sorted((agent for agent in agents if is_on(agent, now)), key=lambda agent: agent.name)
    if not within:
        return ""
    names = ", ".join(agent.name for agent in within[:_NAMED])
    more = f" and {len(within) - _NAMED} more" if len(within) > _NAMED else ""
    first = min((agent.window for agent in within if agent.window is not None), key=lambda window: window.ends_ms)
    left = spoken(max(0.0, (first.ends_ms - now.wall_ms) / 1000))
    over = f"at {text_of(first.ends_ms)}, in {left}"
    return f"nothing begins at {names}{more} until the window {first.name!r} is over ({over})"


def begins_before(agent: Agent, now: Instant) -> str:
    """Say which window ends an agent's time; empty if something else does."""
    window = agent.window
    if window is None or agent.ends_mono != agent.window_mono:
        return ""
    left = spoken(max(0.0, (window.begins_ms - now.wall_ms) / 1000))
    return f"the window {window.name!r} of {agent.name} begins in {left}, and is over at {text_of(window.ends_ms)}"
