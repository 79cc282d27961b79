"""The sessions of a simulated daemon with its agents: what arrives on streams becomes commands, and words messages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from accio_daemon.core.commands import (
    AgentDraining,
    AgentHeard,
    AgentJoined,
    AgentLost,
    AgentRecalled,
    AgentReports,
    Holding,
)
from accio_daemon.core.history import History
from accio_daemon.core.outgoing import Outgoing
from accio_daemon.core.terms import AttemptNo, SessionNo
from accio_daemon.core.world import World
from accio_daemon.engine.delivery import Links
from tests.simulator.agent import SimulatedAgent
from tests.simulator.daemon import Daemon
from tests.simulator.network import Message, Stream
from tests.simulator.truth import report_of, saved_of

if TYPE_CHECKING:
    from tests.simulator.simulation import Simulation


@dataclass(frozen=True, slots=True)
class Link:
    """The sending half of a session."""

    deliver: Callable[[Outgoing], None]


class UnboundLinks(Links):
    """Sends to whatever session an agent has now, whatever became of the work since."""

    def __init__(self, names: Mapping[SessionNo, str]) -> None:
        """Know agents by their sessions."""
        super().__init__()
        self._names = names

    def deliver(self, world: World, outgoing: Mapping[SessionNo, Outgoing]) -> int:
        """Send words."""
        for session, words in outgoing.items():
            name = self._names.get(session)
            current = next((s for s, agent in world.sessions.items() if agent.name == name), session)
            link = self.find(current)
            if link is not None and (current == session or not words.welcome):
                link.deliver(words)
        return len(outgoing)


class Sessions:
    """All sessions of one simulation, those of earlier daemons included."""

    def __init__(self, story: "Simulation") -> None:
        """Begin without any."""
        self._story = story
        self._loop = story.loop
        self._judge = story.judge
        self.names: dict[SessionNo, str] = {}  # agents by their sessions with this daemon

    def dial(self, agent: SimulatedAgent) -> Stream | None:
        daemon = self._story.daemon
        if daemon is None or agent.link.up_cut > self._loop.now or agent.link.down_cut > self._loop.now:
            return None
        stream = Stream(self._loop, agent.link, duplicates=0.01 if self._story.faults else 0.0)
        self._story.streams.append(stream)
        life, session = self._story.life, daemon.next_session()
        stream.to_daemon = lambda message: (
            self._arrived(agent, stream, session, message) if life == self._story.life else None
        )
        stream.daemon_ended = lambda reason: self._session_ended(session, reason) if life == self._story.life else None
        return stream

    def _session_ended(self, session: SessionNo, reason: str) -> None:
        if self._story.daemon is not None:
            self._story.daemon.links.detach(session)
            self._story.arrivals.ended(session)
            self._story.post(AgentLost(session=session, reason=reason))

    def _arrived(self, agent: SimulatedAgent, stream: Stream, session: SessionNo, message: Message) -> None:
        daemon = self._story.daemon
        if daemon is None:
            return
        body = message.body
        self._story.arrivals.hear(session)
        match message.kind:
            case "hello":
                self._said_hello(daemon, agent, stream, session, body)
            case "reports":
                reports = [report_of(*each) for each in body]
                late = [r for r in reports if r.attempt not in daemon.world.by_attempt]
                if late:
                    self._loop.note("a late report was refused")
                self._story.post(AgentReports(session=session, reports=reports))
            case "heartbeat":
                stream.send_down(Message(kind="heartbeat"))
                if session in daemon.world.sessions:
                    self._judge.heard(agent.name)
                self._story.post(AgentHeard(session=session))
            case "recalled":
                withdrawn, started = body
                if withdrawn:
                    self._loop.note("work sent ahead was given back")
                numbers = tuple(AttemptNo(no) for no in withdrawn), tuple(AttemptNo(no) for no in started)
                self._story.post(AgentRecalled(session=session, withdrawn=numbers[0], started=numbers[1]))
            case "checkpoint":
                self._story.post(saved_of(session, body))
            case "draining":
                self._story.post(AgentDraining(session=session, draining=body))
            case "goodbye":
                self._said_goodbye(daemon, agent, session, walltime=body)
            case _:
                raise AssertionError(f"unknown message {message.kind}")

    def _said_hello(self, daemon: Daemon, agent: SimulatedAgent, stream: Stream, session: SessionNo, body: Any) -> None:
        told, life, hello = body
        if History(id=self._judge.history).is_other(told):
            stream.send_down(Message(kind="another history"))
            stream.shut(by_daemon=True)
            return
        greet = partial(self._greet, daemon, agent, stream, session, hello)
        self._story.arrivals.arrive(agent.name, stream, session, life, greet)

    def _said_goodbye(self, daemon: Daemon, agent: SimulatedAgent, session: SessionNo, *, walltime: bool) -> None:
        daemon.links.detach(session)
        self._story.arrivals.ended(session)
        self._judge.gave_back(agent.disk.reports.values())
        if walltime:
            self._loop.note("an agent's host ended")
            self._judge.host_ended(agent.name)
        else:
            self._loop.note("an agent said goodbye")
        self._story.post(AgentLost(session=session, reason="goodbye", clean=True, walltime=walltime))

    def _greet(
        self,
        daemon: Daemon,
        agent: SimulatedAgent,
        stream: Stream,
        session: SessionNo,
        hello: Callable[[SessionNo], AgentJoined],
    ) -> None:
        if session in self.names:
            return
        joined = hello(session)
        self.names[session] = agent.name
        if "reconcile" in self._story.off:
            known = daemon.world.agent_names.get(agent.name)
            joined = replace(joined, held=dict.fromkeys(known.attempts if known else (), Holding.RUNNING))
        daemon.links.attach(session, Link(partial(self._send, daemon, stream, session)))
        record = daemon.world.agent_names.get(agent.name)
        if record is not None and record.session is not None:
            self._loop.note("a session was superseded")
        if any(holding is Holding.RUNNING for holding in joined.held.values()):
            self._loop.note("an agent came back with running work")
        self._judge.heard(agent.name)
        self._story.ask(joined, None, lambda _: self._end(stream, session))

    def _end(self, stream: Stream, session: SessionNo) -> None:
        self._story.arrivals.ended(session)
        stream.shut(by_daemon=True)

    def _send(self, daemon: Daemon, stream: Stream, session: SessionNo, words: Outgoing) -> None:
        """Send what a batch says to one session, message by message, in the order of services.sessions.link."""
        for sent in words.work:
            self._judge.sends(sent, daemon.world)
            if not sent.reserved:
                self._loop.note("work was sent ahead")
        parts: list[tuple[str, Any]] = [
            ("welcome", words.welcome and (words.welcome, self._judge.history)),
            ("drain", words.drain),
            ("ack", list(words.acks)),
            ("work", [replace(each) for each in words.work]),
            ("stop", list(words.stops)),
            ("recall", list(words.recalls)),
        ]
        for kind, body in parts:
            if body is not None and body != []:
                stream.send_down(Message(kind=kind, body=body))
        if words.goodbye is not None:
            stream.send_down(Message(kind="goodbye"))
            self._end(stream, session)
