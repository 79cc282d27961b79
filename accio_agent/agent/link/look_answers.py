"""Answers the daemon whether the code of operators is what was announced, as it asks whenever somebody submits.

One look answers all that was asked before it began: as many as come at once cost no more than one.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from accio.look_line import UNSURE
from accio.v1 import agents_pb2
from accio_agent.agent.link.outbound import Outbound

Look = Callable[[], Awaitable[None]]
"""Looks, and tells the daemon what it finds."""


class LookAnswers:
    """State: the last request of this session, and whether a look is under way."""

    def __init__(self, outbound: Outbound, spawn: Callable[[Coroutine[Any, Any, None], str], None]) -> None:
        """*spawn* runs a task."""
        self.look: Look | None = None
        self.nothing_new: Callable[[], bool] = lambda: False
        self.expect: Callable[[], None] = lambda: None
        self.is_over: Callable[[], bool] = lambda: False  # whether another session is about to tell what is new
        self._told = 0  # how often something was told of the code in this session
        self._outbound = outbound
        self._spawn = spawn
        self._session = 0
        self._asked = 0
        self._looking = False

    def begin_session(self) -> None:
        """Forget what an earlier session asked; this one may ask soon."""
        self.expect()
        self._session += 1
        self._asked = 0
        self._told = 0

    def ask(self, request: int) -> None:
        """Look for a request: at once if that is quick and finds nothing, else once what is being looked at is done."""
        if self._is_still():
            self._tell(request)
            return
        self._asked = request
        if not self._looking and self.look is not None:
            self._looking = True
            self._spawn(self._answer(self.look), "look at code")

    def tell(self, stale: agents_pb2.Stale) -> None:
        """Say which operators' code isn't what was announced, in the session that there is."""
        self._told += self._outbound.is_open
        self._outbound.put(agents_pb2.AgentMessage(stale=stale))

    def settled(self) -> int:
        """Return how often something was told in this session up to which nothing is new; UNSURE if it may be."""
        return self._told if self._outbound.is_open and not self.is_over() and self._is_still() else UNSURE

    def _is_still(self) -> bool:
        return not self._looking and self.nothing_new()

    async def _answer(self, look: Look) -> None:
        try:
            while request := self._asked:
                session, self._asked = self._session, 0
                await look()
                if session == self._session:
                    self._tell(request)
        finally:
            self._looking = False

    def _tell(self, request: int) -> None:
        self._outbound.put(agents_pb2.AgentMessage(looked=agents_pb2.CodeLooked(request=request)))
