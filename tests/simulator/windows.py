"""Windows of the simulation's agents, which an administrator announces, and whether nothing begins during them."""

from functools import partial
from random import Random
from typing import TYPE_CHECKING

from accio.domain.agent_windows import AgentWindow
from accio.domain.maintenance import Maintenance
from accio_daemon.core.commands import AddWindow, RemoveWindow
from accio_daemon.core.world import World
from tests.simulator.new_attempts import NewAttempts

if TYPE_CHECKING:
    from tests.simulator.simulation import Simulation

_ROUNDING = 0.01  # seconds by which the same time may differ, as it is found anew from the other clock


class Announcements:
    """Announces windows while the story lasts, and takes them back at its end."""

    def __init__(self, story: "Simulation", apart: Random) -> None:
        """*apart* is chance that leaves all others as they are."""
        self._story = story
        self._apart = apart
        self._loop = story.loop

    def plan(self) -> None:
        """Plan some windows, in half of the stories."""
        for number in range(self._apart.choice((0, 0, 2, 4))):
            self._loop.after(self._apart.uniform(0.0, 35.0), partial(self._announce, f"window {number}"))

    def _announce(self, name: str) -> None:
        now_ms, apart = self._loop.clock.now().wall_ms, self._apart
        begins_ms = now_ms + apart.choice((0, 3_000, 10_000))
        agents = apart.choice(((), (apart.choice(self._story.agents).name,)))
        time = Maintenance(name, begins_ms, begins_ms + apart.choice((2_000, 8_000, 20_000)))
        self._story.judge.announced += 1
        self._story.post(AddWindow(window=AgentWindow(time, agents)))

    def end(self) -> None:
        """Remove all windows, again and again until the daemon has heard it."""
        daemon = self._story.daemon
        for name in () if daemon is None else tuple(daemon.world.windows):
            self._story.post(RemoveWindow(name=name))
        self._loop.after(1.0, self.end)


class WindowsKept:
    """Looks after each decision whether something was sent to an agent during one of its windows."""

    def __init__(self) -> None:
        """Know nothing of this life of the daemon yet."""
        self._attempts = NewAttempts()

    def violation(self, world: World) -> str:
        """Say which agent got what during which window; empty if none did."""
        for execution in self._attempts.look(world):
            agent = execution.agent
            if agent is None or agent.window_mono is None:
                continue
            if execution.dispatched_mono > agent.window_mono + _ROUNDING:
                return f"{agent.name} got {execution} during {agent.window}"
        return ""

    @staticmethod
    def keep_waiting(world: World) -> bool:
        """Return whether nodes wait now, and an agent that is there gets none as it is in a window."""
        if not world.queue.count:
            return False
        begun = (agent.window_mono for agent in world.sessions.values() if agent.window_mono is not None)
        return any(each <= world.ticked_mono for each in begun)
