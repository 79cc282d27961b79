"""What goes wrong in the simulation: processes die or freeze, links are cut, disks fill up, databases are restored."""

from functools import partial
from random import Random
from typing import TYPE_CHECKING

from accio_daemon.core.commands import DrainAgent
from tests.simulator.agent import SimulatedAgent
from tests.simulator.caps import Administrator
from tests.simulator.histories import Backup
from tests.simulator.windows import Announcements

if TYPE_CHECKING:
    from tests.simulator.simulation import Simulation


class Misfortune:
    """All bad luck of one story."""

    def __init__(self, story: "Simulation", apart: Random, seed: int) -> None:
        """*apart* is chance that leaves all others as they are; so is what the *seed* gives."""
        self._story = story
        self._apart = apart
        self._loop = story.loop
        self._disk = story.disk
        self._judge = story.judge
        self._off = story.off
        self._copies: list[SimulatedAgent] = []
        self._administrator = Administrator(story, Random(apart.random()))  # noqa: S311 - as the other
        self._announcements = Announcements(story, Random(seed))  # noqa: S311 - as the other

    def plan(self) -> None:
        """Plan what happens in few stories only."""
        apart = self._apart
        self._administrator.plan()
        self._announcements.plan()
        if apart.random() < 0.2:
            self._loop.after(apart.uniform(1.0, 25.0), self.back_up)
        if apart.random() < 0.1:
            self._loop.after(apart.uniform(2.0, 40.0), self._lend)
        if apart.random() < 0.15:
            self._loop.after(apart.uniform(2.0, 35.0), self._copy)

    def end(self) -> None:
        """Whoever runs copies of agents notices, and stops them; nobody is capped any more."""
        for copy in self._copies:
            copy.die()
        self._administrator.end()
        self._announcements.end()

    def strike(self) -> None:
        """Cause something bad, and plan the next one."""
        if not self._story.faults:
            return
        agent = self._loop.random.choice(self._story.agents)
        roll = self._loop.random.random()
        if roll < 0.2:
            self._story.crash_daemon()
        elif roll < 0.35:
            agent.die()
        elif roll < 0.45 and not agent.standstill.is_on:
            agent.standstill.begin(self._loop.between(0.5, 25.0))
            self._loop.note("an agent froze")
        elif roll < 0.8:
            self._cut(agent)
        elif roll < 0.85 and agent.alive:
            agent.say_goodbye()
        elif roll < 0.89 and agent.alive:
            agent.drain()
        elif roll < 0.95:
            self._fill_disk()
        elif roll < 0.97:
            self._story.slow_until = self._loop.now + self._loop.between(5.0, 20.0)
            self._loop.note("the disk was slow")
        else:
            self._drain_by_user(agent)
        self._loop.after(self._loop.between(0.2, 5.0), self.strike)

    def _fill_disk(self) -> None:
        """Leave hardly any space for a while."""
        if self._disk.is_full:
            return
        self._loop.note("the disk was full")
        self._disk.fill(self._loop.random.randint(0, 10))
        self._loop.after(self._loop.between(8.0, 30.0), self._disk.empty)
        for _ in range(2):  # late, when new work would long have taken what was set aside
            self._loop.after(self._apart.uniform(3.0, 20.0), self._story.clients.free_space)

    def back_up(self) -> None:
        """Copy the database, and lose it some time later."""
        self._loop.after(self._apart.uniform(1.0, 15.0), partial(self._restore, Backup(self._disk, self._judge)))

    def _restore(self, backup: Backup) -> None:
        """Kill the daemon, and put a backup in the place of its database. Numbers of attempts are used again.

        Now and then it was the wrong one, and the database that it replaced comes back.
        """
        if not self._story.faults:
            return
        self._loop.note("a backup was restored")
        self._story.crash_daemon()
        if self._apart.random() < 0.3:
            self._loop.after(self._apart.uniform(1.0, 8.0), partial(self._restore, Backup(self._disk, self._judge)))
        for key in sorted(backup.restore(self._disk, self._judge)):
            self._loop.after(self._loop.between(0.0, 4.0), partial(self._story.clients.submit, key))
        self._story.restored += 1
        self._judge.restored += 1
        if "histories" not in self._off:
            self._judge.history = f"history {1 + self._story.restored}"
        for agent in self._story.agents:
            self._drain_ends(agent.name)

    def _lend(self) -> None:
        """Have an agent's folder serve another daemon for a while, whose numbers are the same."""
        if not self._story.faults:
            return
        agent = self._apart.choice(self._story.agents)
        self._loop.note("an agent served another daemon")
        self._judge.gave_back(agent.disk.reports.values())
        self._judge.lent += 1
        agent.serve_another(same_history="histories" in self._off)

    def _copy(self) -> None:
        """Copy an agent's folder under it, as with its machine, and start what was copied."""
        if not self._story.faults:
            return
        agent = self._apart.choice(self._story.agents)
        self._loop.note("an agent was copied")
        self._judge.copied(agent.name)
        copy = agent.copied()
        self._copies.append(copy)
        copy.start()

    def _drain_by_user(self, agent: SimulatedAgent) -> None:
        self._story.post(DrainAgent(name=agent.name, draining=True))
        self._loop.after(3.0, partial(self._drain_ends, agent.name))

    def _drain_ends(self, name: str) -> None:
        """Repeat it until a daemon heard it."""
        if self._story.daemon is None:
            self._loop.after(1.0, partial(self._drain_ends, name))
            return
        life = self._story.life
        self._story.post(DrainAgent(name=name, draining=False))
        self._loop.after(2.0, lambda: self._drain_ends(name) if life != self._story.life else None)

    def _cut(self, agent: SimulatedAgent) -> None:
        """Cut a link, one way or both, for a while: streams survive short cuts, or break."""
        loop = self._loop
        until = loop.now + (loop.between(0.1, 4.0) if loop.chance(0.6) else loop.between(4.0, 25.0))
        which = self._loop.random.choice(("up", "down", "both", "both"))
        if which != "down":
            agent.link.up_cut = until
        if which != "up":
            agent.link.down_cut = until
        self._loop.note(f"a link was cut ({which})")
        if self._loop.chance(0.6):
            for stream in [s for s in self._story.streams if s is agent._stream]:
                stream.snap(notice=6.0)
