"""The agents' side: one call is one session, with one reader, one writer, and one exit.

A session is known to the engine from its Hello to its end; whatever ends it (a goodbye, a lost connection, a bug, the
daemon's own end), the engine is told. Commits come before messages: what the engine delivers here is durable.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

import grpc.aio
import structlog

from accio.domain.access import Caller
from accio.domain.failures import clip
from accio.domain.pools import CLUSTER_DIGITS, parse_key
from accio.errors import AccioError, BadRequest, FailedPrecondition, ResourceExhausted, Unauthenticated, Unavailable
from accio.late import dataclass
from accio.one_error import single_errors
from accio.v1 import agents_pb2
from accio.wire.report_columns import reports_in
from accio.wire.reports import reports_of
from accio.wire.series import packed_of
from accio_daemon.core.commands import (
    AgentDraining,
    AgentHeard,
    AgentJoined,
    AgentLost,
    AgentRecalled,
    AgentReports,
    AgentStale,
    Report,
)
from accio_daemon.core.history import History
from accio_daemon.core.lives import Life
from accio_daemon.core.outgoing import Outgoing, Welcome
from accio_daemon.core.starts import Starts
from accio_daemon.core.terms import AttemptNo
from accio_daemon.engine.ports import EnginePort
from accio_daemon.services.messages.agents import digested_of, joined_of, saved_of
from accio_daemon.services.sessions.content_looks import ContentLooks
from accio_daemon.services.sessions.handshake import read_hello
from accio_daemon.services.sessions.link import Link
from accio_daemon.services.sessions.live import Live
from accio_daemon.services.sessions.look_lines import LookLines
from accio_daemon.services.sessions.pace import Pace
from accio_daemon.services.sessions.registry import Session, Sessions
from accio_daemon.services.sessions.result_checks import ResultChecks
from accio_daemon.services.sessions.unread import Unread
from accio_daemon.services.transport.auth import CALLER, STANDING, Standing
from accio_daemon.services.transport.rpc import Stream

log = structlog.get_logger(__name__)

PROTOCOLS = range(1, 2)
"""The protocol versions that this daemon speaks."""

# How many messages other than reports are read in how many seconds. Agents send a few a second, and logs in pieces.
CHATTER_AT_ONCE = 20
CHATTER_S = 0.006
_MISSED_HEARTBEATS = 2
"""After how many an agent is silent enough to make way for another life of it. Less than a handshake may take."""

Claim = Callable[[Caller, str, int | None], Awaitable[None]]
"""Raises PermissionDenied unless a caller may be the agent of a name, in an allocation or in none."""

AgentStream = Stream[agents_pb2.AgentMessage, agents_pb2.DaemonMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """What every agent is told when it joins, how often its signs of life are passed on, and what to call if one tells
    that the database was set back.
    """

    lease_ms: int
    heartbeat_ms: int
    life_noted_s: float
    store_folder: str
    store_nonce: str
    history: History
    starts: Starts
    set_back: Callable[[], None]


class SessionEnded(Exception):
    """Why a session is over; `clean` if the agent said so itself (with `walltime`, as its host ends), `error` if it is
    to be told as a status.
    """

    def __init__(
        self, reason: str, *, clean: bool = False, walltime: bool = False, error: AccioError | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.clean = clean
        self.walltime = walltime
        self.error = error


class AgentCalls:
    """The service `Agents`."""

    def __init__(
        self,
        engine: EnginePort,
        sessions: Sessions,
        live: Live,
        settings: SessionSettings,
        announced: Callable[[], None],
        checks: ResultChecks,
        claim: Claim,
        lines: LookLines,
    ) -> None:
        """Serve sessions by *settings*; keep in *live* what running attempts say, call *announced* after operators
        were, judge reports by *checks*, ask *claim* whether the caller may be the agent of a name, and have it come to
        *lines*.
        """
        self._engine = engine
        self._sessions = sessions
        self._live = live
        self._settings = settings
        self._announced = announced
        self._checks = checks
        self._claim = claim
        self._lines = lines
        self._unread = Unread()

    async def connect(self, stream: AgentStream) -> None:
        """Serve one session until it ends, to an agent that may open one."""
        hello = await read_hello(stream, agents_pb2.Hello)
        history = self._settings.history
        await self._claim(CALLER.get(), hello.name, _allocation_here(hello, history))
        self._refuse_the_past(hello)
        protocol = _protocol(hello)
        if history.is_other(hello.history):
            await _send_away(stream, hello, history)
            return
        await self._keep(stream, *self._begin(hello, protocol))

    def _begin(self, hello: agents_pb2.Hello, protocol: int) -> tuple[AgentJoined, Session]:
        """Return what the engine is told of a new session, without attempts of other histories, and the session."""
        history = self._settings.history
        number = self._engine.next_session()
        joined = replace(joined_of(number, hello), unread=self._unread.problem(hello.name))
        _check_cluster(hello, history)
        foreign = history.foreign(hello.history, joined.held)
        if foreign:
            joined = replace(joined, held={no: held for no, held in joined.held.items() if no not in set(foreign)})
        key = self._lines.key() if hello.answers_looks else b""
        link = Link(lambda welcome: self._welcome(welcome, protocol, foreign, key))
        life = Life(token=hello.life, predecessors=frozenset(hello.predecessors), place=hello.place)
        session = Session(
            name=joined.name,
            number=number,
            link=link,
            agent_id=joined.agent_id,
            life=life,
            answers_looks=hello.answers_looks,
            looks_key=key,
        )
        return joined, session

    async def _keep(self, stream: AgentStream, joined: AgentJoined, session: Session) -> None:
        """Serve a session; whatever ends it, the engine is told."""
        number, ended = session.number, SessionEnded("connection lost")
        self._engine.attach(number, session.link)
        self._lines.expect(session)
        try:
            async with self._sessions.arrival(joined.name):
                await self._make_way(session)
                await self._engine.ask(joined)
                session.hear(asyncio.get_running_loop().time())
                self._sessions.add(session)
            self._announced()
            log.info("agent joined", agent=joined.name, session=number, operators=len(joined.operators))
            await self._serve(stream, session)
        except* SessionEnded as group:
            found = [each for each in single_errors(group) if isinstance(each, SessionEnded)]
            ended = min(found, key=lambda each: (not each.clean, each.error is None))  # the reason that says most
        finally:
            # Enqueue only: this handler may be dying.
            if isinstance(ended.error, BadRequest):
                self._unread.note(joined.name, ended.error.message)
            self._sessions.remove(session)
            self._lines.forget(session)
            self._engine.detach(number)
            self._engine.post(
                AgentLost(session=number, reason=ended.reason, clean=ended.clean, walltime=ended.walltime)
            )
            session.ended.set()
            log.info("agent left", agent=joined.name, session=number, reason=ended.reason)
        if ended.error is not None:
            raise ended.error

    async def _serve(self, stream: AgentStream, session: Session) -> None:
        """Read and write until something ends the session."""
        looks = ContentLooks(self._checks, partial(self._pass_on, session))
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._receive(stream, session, looks), name=f"{session.name}: receive")
            loops.create_task(looks.run(), name=f"{session.name}: look for content")
            loops.create_task(_send(stream, session.link), name=f"{session.name}: send")
            loops.create_task(_watch_queue(session.link), name=f"{session.name}: watch")
            loops.create_task(_watch_token(STANDING.get()), name=f"{session.name}: token")

    def _refuse_the_past(self, hello: agents_pb2.Hello) -> None:
        """Begin no session if the agent has seen a later state of the database: its attempts have numbers that this
        daemon would give to others.
        """
        if self._settings.starts.lacks(hello.start):
            log.error("the database was set back to an earlier state", told_by=hello.name[:200])
            self._settings.set_back()
            raise Unavailable("the daemon's database was set back to an earlier state: it begins anew, come again")

    async def _make_way(self, session: Session) -> None:
        """Refuse a copy of an agent that is connected and lives; one that has fallen silent makes way for it."""
        while (other := self._sessions.of(session.name)) is not None:
            if other.agent_id != session.agent_id or session.life.succeeds(other.life):
                return  # the core refuses the one, and lets the other take over
            if await other.lives(_MISSED_HEARTBEATS * self._settings.heartbeat_ms / 1000):
                raise FailedPrecondition(
                    f"agent {session.name} is connected, and lives: this one is a copy of it, as of a machine or a "
                    "folder that was copied. Stop one of them; to keep both, give this one a name and an empty folder "
                    "of its own (--name, --state-dir)"
                )
            if not other.ended.is_set():
                reason = "silent, while another life of the agent dials"
                other.link.deliver(Outgoing(goodbye=(reason, True)))
                self._sessions.remove(other)
                self._engine.post(AgentLost(session=other.number, reason=reason))

    def _welcome(
        self, welcome: Welcome, protocol: int, foreign: Sequence[AttemptNo], looks_key: bytes
    ) -> agents_pb2.Welcome:
        settings = self._settings
        return agents_pb2.Welcome(
            protocol=protocol,
            epoch=self._engine.cluster().epoch,
            session=welcome.session,
            lease_ms=settings.lease_ms,
            heartbeat_ms=settings.heartbeat_ms,
            keep=welcome.keep,
            drop=[*welcome.drop, *foreign],
            store_folder=settings.store_folder,
            store_nonce=settings.store_nonce,
            history=settings.history.id,
            start=settings.starts.told,
            looks_at=self._lines.place if looks_key else "",
            looks_key=looks_key,
            reads_columns=True,
        )

    def _pass_on(self, session: Session, reports: list[Report]) -> None:
        if reports:
            self._engine.post(AgentReports(session=session.number, reports=reports))
            self._live.forget(session.number, [report.attempt for report in reports])

    async def _receive(self, stream: AgentStream, session: Session, looks: ContentLooks) -> None:
        now = asyncio.get_running_loop().time
        heard = now()
        chatter = Pace(CHATTER_AT_ONCE, CHATTER_S)
        try:
            while True:
                message = await stream.read()
                if message is grpc.aio.EOF:
                    raise SessionEnded("connection lost")
                session.hear(now())
                if now() - heard >= self._settings.life_noted_s:  # any message is a sign of life
                    heard = now()
                    self._engine.post(AgentHeard(session=session.number))
                if message.HasField("reports"):
                    reports = reports_of(message.reports)
                    if message.reports.HasField("columns"):
                        reports += reports_in(message.reports.columns)
                    self._unread.clear(session.name)
                    self._pass_on(session, looks.keep(reports, self._checks.judge(reports)))
                    await session.link.admit(len(reports))
                    continue
                await chatter.keep()
                if message.HasField("heartbeat"):
                    ack = agents_pb2.HeartbeatAck(seq=message.heartbeat.seq)
                    session.link.send(agents_pb2.DaemonMessage(heartbeat=ack))
                else:
                    self._handle(message, session)
        except AccioError as error:
            raise SessionEnded(error.message, error=error) from error

    def _handle(self, message: agents_pb2.AgentMessage, session: Session) -> None:
        """Handle a message of the rarer kinds."""
        number = session.number
        match message.WhichOneof("kind"):
            case "recalled":
                withdrawn = tuple(AttemptNo(attempt) for attempt in message.recalled.withdrawn)
                started = tuple(AttemptNo(attempt) for attempt in message.recalled.started)
                self._engine.post(AgentRecalled(session=number, withdrawn=withdrawn, started=started))
            case "digests":
                self._engine.post(digested_of(number, message.digests))
            case "logs":
                session.answer_log(message.logs)
            case "progress":
                self._live.note_progress(number, message.progress)
            case "draining":
                self._engine.post(AgentDraining(session=number, draining=message.draining.draining))
            case "stale":
                stale = message.stale
                session.note_loading(stale.loading, asyncio.get_running_loop().time())
                self._engine.post(
                    AgentStale(
                        session=number,
                        operators=frozenset(stale.operators),
                        loading=stale.loading,
                        problem=stale.problem,
                    )
                )
            case "looked":
                session.answer_look(message.looked)
            case "checkpoint":
                self._engine.post(saved_of(number, message.checkpoint))
            case "series":
                measured = [(each.attempt, packed_of(each.series)) for each in message.series.series]
                self._live.note_series(number, measured)
            case "goodbye":
                said = message.goodbye
                raise SessionEnded(clip(said.reason, 500) or "the agent ended", clean=True, walltime=said.walltime)
            case "hello":
                raise BadRequest("expected one hello per session, found a second")
            case _:  # a kind of a newer protocol
                return


async def _send_away(stream: AgentStream, hello: agents_pb2.Hello, history: History) -> None:
    """Send away an agent that holds attempts of another history: it comes back without."""
    reason = f"it holds attempts of history {hello.history[:12]}, and this daemon's is {history.id[:12]}"
    log.info("agent sent away to set its journal aside", agent=hello.name[:200], reason=reason)
    goodbye = agents_pb2.DaemonGoodbye(reason=reason, reconnect=True, history=history.id)
    await stream.write(agents_pb2.DaemonMessage(goodbye=goodbye))


def _check_cluster(hello: agents_pb2.Hello, history: History) -> None:
    """Refuse an agent whose host another daemon's pool asked for, or this one's before a backup was restored."""
    key = parse_key(hello.allocation)
    if key is not None and key.cluster != history.id[:CLUSTER_DIGITS]:
        raise FailedPrecondition(
            f"the allocation {key} belongs to the history {key.cluster}, and this daemon's is "
            f"{history.id[:CLUSTER_DIGITS]}: its agent isn't needed here"
        )


def _allocation_here(hello: agents_pb2.Hello, history: History) -> int | None:
    """Return the number of the agent's allocation, if this daemon asked for one."""
    key = parse_key(hello.allocation)
    return key.number if key is not None and key.cluster == history.id[:CLUSTER_DIGITS] else None


def _protocol(hello: agents_pb2.Hello) -> int:
    """Return the newest protocol that both sides speak."""
    protocol = min(hello.protocol_max, PROTOCOLS[-1])
    if protocol < max(hello.protocol_min, PROTOCOLS[0]):
        old = "agent" if hello.protocol_max < PROTOCOLS[0] else "daemon"
        raise FailedPrecondition(
            f"the agent speaks protocols {hello.protocol_min} to {hello.protocol_max}, "
            f"the daemon {PROTOCOLS[0]} to {PROTOCOLS[-1]}: upgrade the {old}"
        )
    return protocol


async def _send(stream: AgentStream, link: Link) -> None:
    while True:
        for message in await link.next():
            try:
                await stream.write(message)
            except Exception as error:  # gRPC has no common class for "the other side is gone"
                raise SessionEnded(f"connection lost ({type(error).__name__})") from error
            if message.HasField("goodbye"):
                raise SessionEnded(message.goodbye.reason)


async def _watch_queue(link: Link) -> None:
    await link.full.wait()
    reason = "the agent doesn't read what it is sent"
    raise SessionEnded(reason, error=ResourceExhausted(reason))


async def _watch_token(standing: Standing) -> None:
    reason = await standing.ended()
    raise SessionEnded(reason, error=Unauthenticated(reason))
