"""The agents' sessions as other services see them: who is connected, and logs on request."""

import asyncio
from collections.abc import Sequence
from dataclasses import field
from enum import Enum
from itertools import count, islice
from weakref import WeakValueDictionary

from accio.late import dataclass
from accio.v1 import agents_pb2
from accio_daemon.core.lives import Life
from accio_daemon.core.outgoing import Outgoing
from accio_daemon.core.terms import SessionNo
from accio_daemon.services.sessions.link import Link
from accio_daemon.services.sessions.look_lines import LookLine

LogPlace = tuple[int, int]  # an attempt, and an offset in its log
LogPart = agents_pb2.LogAnswer | agents_pb2.LogPart

LOG_ANSWER_S = 5.0


class Looked(Enum):
    """What came of a look at the code of an agent's operators."""

    DONE = 1
    ENDED = 2  # the session did, perhaps as what was found is announced by another


@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """One connected agent. `pending` holds the log requests that it hasn't answered, `looks` the looks at its code;
    `ended` is set at its end.
    """

    name: str
    number: SessionNo
    link: Link
    agent_id: str = ""
    life: Life = field(default_factory=Life)
    heard_at: float = 0.0  # on the event loop's clock
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    pending: dict[int, asyncio.Future[agents_pb2.LogAnswer]] = field(default_factory=dict)
    answers_looks: bool = False
    looks_key: bytes = b""  # with which it comes to be asked for looks beside the session
    line: LookLine | None = None  # once it has
    silent: bool = False  # whether it let a look go unanswered
    looks: dict[int, asyncio.Future[Looked]] = field(default_factory=dict)
    asked: int = 0
    told: int = 0  # how often it said something of its code
    told_known: int = 0  # how much of that the engine has read for sure
    loading_since: float | None = None  # on the event loop's clock
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def loading(self) -> bool:
        """Whether it is loading new code of its operators, or was as it ended."""
        return self.loading_since is not None

    def note_loading(self, loading: bool, now: float) -> None:
        """Note that it told something of its code, and whether it is loading it."""
        self.told += 1
        self.loading_since = (now if self.loading_since is None else self.loading_since) if loading else None

    def patience(self, silent_at: float, loading_s: float) -> float:
        """Return until when to wait for a look: until *silent_at*, or *loading_s* from where it began to load."""
        return silent_at if self.loading_since is None else self.loading_since + loading_s

    def ask_look(self) -> asyncio.Future[Looked] | None:
        """Have it look at its operators' code; None if it hasn't answered for long."""
        if self.silent:
            return None
        self.asked += 1
        answer = self.looks[self.asked] = asyncio.get_running_loop().create_future()
        if self.line is None or not self.line.ask(self.asked):
            self._ask_in_session()
        return answer

    @property
    def is_asked_at_once(self) -> bool:
        """Whether what is asked has gone out when `ask_look` returns: messages of the session go in another turn."""
        return self.line is not None

    def take_answers(self, wanted: asyncio.Future[Looked]) -> None:
        """Read answers in that have come by the line, until it is the one that is wanted."""
        while not wanted.done() and self.line is not None and self.line.take():
            continue

    def _ask_in_session(self) -> None:
        """Ask for a look whose answer comes after what the agent has told; it is one for all that was asked before."""
        self.link.send(agents_pb2.DaemonMessage(look=agents_pb2.CodeLook(request=self.asked)))

    def line_answered(self, number: int, told: int) -> None:
        """Settle a look for which the agent needed none, as nothing was new since it told something for the last time,
        so many times in this session. Where it wasn't sure, or that is still on its way, it is asked in the session.
        """
        self.silent = False
        if number not in self.looks:
            return
        if 0 <= told <= self.told:
            waiting = self.looks.pop(number)
            if not waiting.done():
                waiting.set_result(Looked.DONE)
        else:
            self.asked += 1
            self._ask_in_session()

    def line_lost(self) -> None:
        """Ask in the session for what was asked by the line."""
        if self.looks:
            self.asked += 1
            self._ask_in_session()

    def ended_look(self) -> asyncio.Future[Looked]:
        """Return the answer to a look that came after its end."""
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(Looked.ENDED)
        return answer

    def answer_look(self, answer: agents_pb2.CodeLooked) -> None:
        """Settle the looks up to the one that was answered."""
        self.silent = False
        self._settle_looks(answer.request, Looked.DONE)

    def end_looks(self) -> None:
        """Release who waits for looks."""
        self._settle_looks(self.asked, Looked.ENDED)

    def _settle_looks(self, last: int, found: Looked) -> None:
        for number in [each for each in self.looks if each <= last]:
            waiting = self.looks.pop(number)
            if not waiting.done():
                waiting.set_result(found)

    def hear(self, now: float) -> None:
        """Note a sign of life."""
        self.heard_at = now
        self.heard.set()

    async def lives(self, patience: float) -> bool:
        """Wait for a sign of life, until there was none for *patience* seconds; False if there isn't, or it ends."""
        self.heard.clear()
        try:
            async with asyncio.timeout_at(self.heard_at + patience), asyncio.TaskGroup() as tasks:
                ends = [tasks.create_task(event.wait()) for event in (self.heard, self.ended)]
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                for each in ends:
                    each.cancel()
        except TimeoutError:
            return False
        return not self.ended.is_set()

    def answer_log(self, answer: agents_pb2.LogAnswer) -> None:
        """Settle a log request; answers that nobody waits for any more are dropped."""
        waiting = self.pending.pop(answer.request, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)


class Sessions:
    """Every session that is alive, by the agent's name; the newest wins."""

    def __init__(self) -> None:
        self._by_name: dict[str, Session] = {}
        self._requests = count(1)
        self._arrivals: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._added = asyncio.Event()  # the next one is; then it is replaced
        self._loading: dict[str, Session] = {}  # ended, as their agents announce by others what they loaded

    def arrival(self, name: str) -> asyncio.Lock:
        """Return the lock under which agents of one name arrive, one after the other."""
        return self._arrivals.setdefault(name, asyncio.Lock())

    def add(self, session: Session) -> None:
        """Register a session."""
        self._by_name[session.name] = session
        self._loading.pop(session.name, None)
        self._added.set()
        self._added = asyncio.Event()

    async def returned(self, name: str, until: float) -> Session | None:
        """Wait for the session of an agent that is about to open another one; None if there is none by *until*, on the
        event loop's clock.
        """
        try:
            async with asyncio.timeout_at(until):
                while (found := self.of(name)) is None:
                    await self._added.wait()
        except TimeoutError:
            return None
        return found

    def answering_looks(self, most: int) -> list[Session]:
        """Return at *most* that many sessions of agents that look at their operators' code when they are asked."""
        return list(islice((each for each in self._by_name.values() if each.answers_looks), most))

    def between_sessions(self, now: float, loading_s: float) -> list[Session]:
        """Return the ended sessions of agents that haven't yet opened another one to announce what they loaded; not of
        those that began to load more than *loading_s* ago.
        """
        for name in [each.name for each in self._loading.values() if each.patience(now, loading_s) <= now]:
            del self._loading[name]
        return list(self._loading.values())

    def remove(self, session: Session) -> None:
        """Forget a session, and release who waits for its logs and looks."""
        if self._by_name.get(session.name) is session:
            del self._by_name[session.name]
            if session.answers_looks and session.loading:
                self._loading[session.name] = session
        for waiting in session.pending.values():
            waiting.cancel()
        session.pending.clear()
        session.end_looks()

    def of(self, name: str) -> Session | None:
        """Find the session of an agent."""
        return self._by_name.get(name)

    def say_goodbye(self, reason: str, *, reconnect: bool) -> None:
        """End every session in a friendly way."""
        for session in self._by_name.values():
            session.link.deliver(Outgoing(goodbye=(reason, reconnect)))

    def tell_freed(self) -> None:
        """Send every agent word that the store has freed content."""
        for session in self._by_name.values():
            session.link.send(agents_pb2.DaemonMessage(freed=agents_pb2.ContentFreed()))

    def __len__(self) -> int:
        """Return how many agents are connected."""
        return len(self._by_name)

    async def read_logs(self, agent: str, places: Sequence[LogPlace]) -> list[LogPart]:
        """Ask an agent for logs from their offsets on; those that it answers in time, none if it isn't connected.

        An agent answers for as many places as a message holds, beginning with the first.
        """
        session = self.of(agent)
        if session is None:
            return []
        request = next(self._requests)
        answer: asyncio.Future[agents_pb2.LogAnswer] = asyncio.get_running_loop().create_future()
        session.pending[request] = answer
        (attempt, offset), *further = places
        wanted = agents_pb2.LogRequest(request=request, attempt=attempt, offset=offset)
        for attempt, offset in further:
            wanted.further.add(attempt=attempt, offset=offset)
        session.link.send(agents_pb2.DaemonMessage(log=wanted))
        try:
            async with asyncio.timeout(LOG_ANSWER_S):
                await asyncio.wait((answer,))
        except TimeoutError:
            return []
        finally:
            session.pending.pop(request, None)
        if answer.cancelled():
            return []
        found = answer.result()
        return [found, *found.further[: len(further)]]
