"""What leaves the daemon for agents once it is durable: each word to the session that it was meant for, or nobody."""

from collections.abc import Mapping

from accio_daemon.core.outgoing import Outgoing
from accio_daemon.core.terms import SessionNo
from accio_daemon.core.world import World
from accio_daemon.engine.ports import AgentLink


class Links:
    """The sending halves of all sessions."""

    def __init__(self) -> None:
        self.welcomed: set[SessionNo] = set()  # sessions whose agents, with their operators, are durable
        self._links: dict[SessionNo, AgentLink] = {}

    def attach(self, session: SessionNo, link: AgentLink) -> None:
        """Make a session known."""
        self._links[session] = link

    def detach(self, session: SessionNo) -> None:
        """Forget a session."""
        self._links.pop(session, None)
        self.welcomed.discard(session)

    def find(self, session: SessionNo) -> AgentLink | None:
        """Return a session's link, unless it has ended."""
        return self._links.get(session)

    def deliver(self, world: World, outgoing: Mapping[SessionNo, Outgoing]) -> int:
        """Send sessions what is durable now; return how many had work among it.

        A session that has ended since hears nothing: its attempts are placed anew.
        """
        with_work = 0
        for session, words in outgoing.items():
            link = self.find(session)
            if link is None:
                continue
            with_work += bool(words.work)
            agent = world.sessions.get(session)
            if agent is None and words.goodbye is None and not words.wanted:
                continue
            words.work = [] if agent is None else [a for a in words.work if a.attempt in agent.attempts]
            if words.welcome is not None:
                self.welcomed.add(session)
            link.deliver(words)
        return with_work
