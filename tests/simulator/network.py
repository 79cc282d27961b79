"""One session's stream between an agent and a daemon: ordered, delayed, cut, dead at one end before the other knows.

Within a stream nothing is reordered. What was under way when it broke is lost, or, from the agent, arrives late: behind
messages of the next session. A message may arrive twice, as a proxy might have it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.simulator.events import Loop


@dataclass(slots=True, kw_only=True)
class Message:
    """One message of the contract, by its kind."""

    kind: str
    body: Any = None


# What may arrive a second time, later: all that names attempts or reports by their numbers.
REPEATABLE = frozenset({"work", "ack", "stop", "recall", "reports", "recalled", "checkpoint"})

Receive = Callable[[Message], None]


class Link:
    """Whether an agent's machine and the daemon's can reach each other."""

    def __init__(self) -> None:
        """Begin connected."""
        self.up_cut = 0.0  # until when nothing passes from the agent
        self.down_cut = 0.0


class Stream:
    """A session's stream; `to_daemon` and `to_agent` are called with what arrives."""

    def __init__(self, loop: Loop, link: Link, *, duplicates: float) -> None:
        """Open it."""
        self._loop = loop
        self._link = link
        self._duplicates = duplicates
        self.to_daemon: Receive = lambda message: None
        self.to_agent: Receive = lambda message: None
        self.daemon_ended: Callable[[str], None] = lambda reason: None
        self.agent_ended: Callable[[str], None] = lambda reason: None
        self.broken = False
        self._up_due = 0.0
        self._down_due = 0.0

    def send_up(self, message: Message) -> None:
        """Send from the agent to the daemon."""
        if not self.broken:
            self._up_due = self._due(self._up_due, self._link.up_cut)
            self._plan(self._up_due, lambda: self.to_daemon, message, survives=self._loop.chance(0.3))

    def send_down(self, message: Message) -> None:
        """Send from the daemon to the agent."""
        if not self.broken:
            self._down_due = self._due(self._down_due, self._link.down_cut)
            self._plan(self._down_due, lambda: self.to_agent, message, survives=False)

    def _due(self, last: float, cut: float) -> float:
        delay = self._loop.between(0.0005, 0.003)
        if self._loop.chance(0.05):
            delay = self._loop.between(0.003, 0.5)
        return max(self._loop.now + delay, last, cut)

    def _plan(self, due: float, receiver: Callable[[], Receive], message: Message, *, survives: bool) -> None:
        times = 2 if message.kind in REPEATABLE and self._loop.chance(self._duplicates) else 1

        def arrive() -> None:
            if self.broken and not survives:
                return
            if self.broken:
                self._loop.note("a message of a broken stream arrived")
            receiver()(message)
            if times == 2:
                self._loop.note("a message arrived twice")
                self._loop.after(self._loop.between(0, 1), lambda: receiver()(message))

        self._loop.after(due - self._loop.now, arrive)

    def shut(self, *, by_daemon: bool, reason: str = "connection lost") -> None:
        """Close it at one end: the other end learns of it behind what is under way."""
        if self.broken:
            return
        if by_daemon:
            self._down_due = self._due(self._down_due, self._link.down_cut)
            self._loop.after(self._down_due - self._loop.now, lambda: self.agent_ended(reason))
        else:
            self._up_due = self._due(self._up_due, self._link.up_cut)
            self._loop.after(self._up_due - self._loop.now, lambda: self.daemon_ended(reason))

    def snap(self, *, notice: float) -> None:
        """Break it: each end notices by itself, up to *notice* seconds later."""
        if not self.broken:
            self.broken = True
            self._loop.after(self._loop.between(0, notice), lambda: self.agent_ended("connection lost"))
            self._loop.after(self._loop.between(0, notice), lambda: self.daemon_ended("connection lost"))
