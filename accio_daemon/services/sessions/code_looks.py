"""Has agents look at the code of their operators before it is pinned or checked against: what was edited a moment ago
is told, or loaded.

Agents look by themselves twice a second, and tell. Whoever edits a file and submits within that time would get what the
code computed before, without a word. So those that are near (`Hello.answers_looks`) are asked at each submission, dry
run, check and push, and at a retry with the latest operators. One that loads new code is waited for; one that is silent
isn't waited for twice, and the answer says so.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, TypeVar

from accio.errors import InvalidDefinition
from accio_daemon.core.commands import AgentHeard
from accio_daemon.engine.ports import EnginePort
from accio_daemon.services.sessions.registry import Looked, Session, Sessions

T = TypeVar("T")
Answer: TypeAlias = "asyncio.Future[Looked] | None"

SILENT_S = 5.0
LOADING_S = 20.0
MOST_ASKED = 8
"""Of how many agents: with more of them on one machine, who submits has not edited what they all run."""


class CodeLooks:
    """Stateless; what agents owe an answer for stands in their sessions."""

    def __init__(self, engine: EnginePort, sessions: Sessions) -> None:
        """Ask the agents of *sessions*."""
        self._engine = engine
        self._sessions = sessions

    def begin(self) -> "CodeLook":
        """Ask agents to look; something else may be done until they have."""
        asked: list[tuple[Session, Answer]] = [
            (each, each.ask_look()) for each in self._sessions.answering_looks(MOST_ASKED)
        ]
        now = asyncio.get_running_loop().time()
        asked += ((each, each.ended_look()) for each in self._sessions.between_sessions(now, LOADING_S))
        return CodeLook(self._engine, self._sessions, asked)


class CodeLook:
    """What was asked of some agents for one call. `changed`, once it is over: whether something else is known of
    operators since it began; `doubts`: of whom it isn't known, a warning.
    """

    def __init__(self, engine: EnginePort, sessions: Sessions, asked: Sequence[tuple[Session, Answer]]) -> None:
        """See `CodeLooks.begin`."""
        self._engine = engine
        self._sessions = sessions
        self._asked = asked
        self.changed = False
        self.doubts: list[str] = []

    async def asked_all(self) -> None:
        """Return once all have been asked, also those whose sessions need a turn of the event loop for it: what is done
        beside the look may leave it none.
        """
        if not all(session.is_asked_at_once for session, _ in self._asked):
            await asyncio.sleep(0)

    async def checked(self, check: Callable[[], Awaitable[T]]) -> T:
        """Return what a *check* against operators says, made beside the look; once more if that has found something."""
        found: T | InvalidDefinition
        try:
            found = await check()
        except InvalidDefinition as error:
            found = error
        await self.over()
        if self.changed:
            found = await check()
        if isinstance(found, InvalidDefinition):
            raise found
        return found

    async def over(self) -> None:
        """Wait until the agents have looked, and have announced what they found."""
        silent_at = asyncio.get_running_loop().time() + SILENT_S  # of all: they were asked together
        silent = [each.name for each, answer in self._asked if not await self._settled(each, answer, silent_at)]
        self.doubts = [_doubt(silent)] if silent else []

    async def _settled(self, session: Session, answer: Answer, silent_at: float) -> bool:
        """Wait until *silent_at* for an answer, and over the sessions by which an agent announces what it loaded."""
        now = asyncio.get_running_loop().time
        while answer is not None:
            session.take_answers(answer)
            if not answer.done():
                await asyncio.wait((answer,), timeout=max(0.0, session.patience(silent_at, LOADING_S) - now()))
            if not answer.done():
                if session.patience(silent_at, LOADING_S) > now():
                    continue  # it has begun to load
                session.silent = True
                return False
            if answer.result() is Looked.DONE:
                if session.told_known < (told := session.told):
                    self.changed = True
                    await self._engine.ask(AgentHeard(session=session.number))  # which comes after what it told
                    session.told_known = told
                return True
            self.changed = True
            if not session.loading:
                return True  # it has left
            following = await self._sessions.returned(session.name, session.patience(silent_at, LOADING_S))
            if following is None:
                return False
            session, silent_at = following, now() + SILENT_S
            answer = session.ask_look()
        return False


def _doubt(agents: Sequence[str]) -> str:
    names = " and ".join(sorted(agents))
    say = "don't say" if len(agents) > 1 else "doesn't say"
    return f"{names} {say} whether operators' code on disk is still what was announced: this may run it as it was"
