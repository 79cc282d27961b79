"""Answers the daemon whether the code of operators is what was announced, as it asks whenever somebody submits.

One look answers all that was asked before it began: as many as come at once cost no more than one.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

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

    def ask(self, request: int) -> None:
        """Look for a request: at once if that is quick and finds nothing, else once what is being looked at is done."""
        if not self._looking and self.nothing_new():
            self._tell(request)
            return
        self._asked = request
        if not self._looking and self.look is not None:
            self._looking = True
            self._spawn(self._answer(self.look), "look at code")

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
