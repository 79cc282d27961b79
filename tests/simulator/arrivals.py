"""Who may begin a session under a name, as services.sessions.agents decides it: no copy of an agent that lives."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from accio_daemon.core.commands import AgentLost
from accio_daemon.core.lives import Life
from accio_daemon.core.outgoing import Outgoing
from accio_daemon.core.terms import SessionNo
from tests.simulator.network import Message, Stream

if TYPE_CHECKING:
    from tests.simulator.simulation import Simulation

PATIENCE = 4.0  # two heartbeats


class Arrivals:
    """The sessions that one life of the daemon has, by their agents' names."""

    def __init__(self, story: "Simulation") -> None:
        """Begin without any."""
        self._story = story
        self._sessions: dict[str, SessionNo] = {}
        self._lives: dict[SessionNo, Life] = {}
        self._heard: dict[SessionNo, float] = {}
        self._arriving: set[str] = set()

    def arrive(self, name: str, stream: Stream, session: SessionNo, life: Life, greet: Callable[[], None]) -> None:
        """Greet who says hello, now or once it is clear that it takes nobody's place; or refuse it."""
        if name in self._arriving:  # one after the other
            self._story.in_this_life(0.1, partial(self.arrive, name, stream, session, life, greet))
            return
        other = self._sessions.get(name)
        if other is None or life.succeeds(self._lives[other]):
            self._admit(name, session, life, greet)
            return
        self._arriving.add(name)
        since = self._story.loop.now
        wait = max(0.0, self._heard.get(other, since) + PATIENCE - since)
        self._story.in_this_life(wait, partial(self._judge, name, stream, session, life, greet, other, since))

    def _judge(
        self,
        name: str,
        stream: Stream,
        session: SessionNo,
        life: Life,
        greet: Callable[[], None],
        other: SessionNo,
        since: float,
    ) -> None:
        self._arriving.discard(name)
        if stream.broken:
            return
        if self._sessions.get(name) == other:
            if self._heard.get(other, 0.0) > since:
                self._story.loop.note("a copy of an agent was refused")
                stream.send_down(Message(kind="refused"))
                stream.shut(by_daemon=True)
                return
            self._story.loop.note("a silent agent made way for another life of it")
            self._throw_out(other)
        self.arrive(name, stream, session, life, greet)

    def _throw_out(self, session: SessionNo) -> None:
        daemon = self._story.daemon
        assert daemon is not None
        link = daemon.links.find(session)
        if link is not None:
            link.deliver(Outgoing(goodbye=("silent, while another life of the agent dials", True)))
        self.ended(session)
        self._story.post(AgentLost(session=session, reason="silent"))

    def _admit(self, name: str, session: SessionNo, life: Life, greet: Callable[[], None]) -> None:
        self._sessions[name] = session
        self._lives[session] = life
        self.hear(session)
        greet()

    def hear(self, session: SessionNo) -> None:
        """Note a sign of life."""
        self._heard[session] = self._story.loop.now

    def ended(self, session: SessionNo) -> None:
        """Note the end of a session."""
        for name, current in list(self._sessions.items()):
            if current == session:
                del self._sessions[name]
