"""Workers ended by a signal that the agent hadn't sent: one operator's misfortune, or the end of the whole job?

A batch system signals every process of a job in one go, workers before or after their agent. So such a death is judged
a moment later: if the agent has been told to end by then, what the worker executed is given back. It costs the node
neither an attempt nor a loss. From then on nothing that fails is judged any more: an operator whose own programs were
signalled tells of that in whatever way it likes.
"""

import asyncio
import signal
from collections.abc import Callable

from accio.domain.states import Cause
from accio_agent.agent.core.decisions import AgentCore
from accio_agent.agent.core.outcome import Outcome

JUDGED_AFTER_S = 1.0
"""So long after a death the agent may learn that it is to end as well."""

_SENT_BY_ENGINES = frozenset(
    {
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGKILL,
        signal.SIGTERM,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGXCPU,
    }
)


class Deaths:
    """The attempts whose ends haven't been judged."""

    def __init__(self, core: AgentCore, loop: asyncio.AbstractEventLoop, settle_soon: Callable[[], None]) -> None:
        self._core = core
        self._loop = loop
        self._settle_soon = settle_soon
        self._waiting: set[int] = set()
        self.end_of_all = False  # the agent has been told to end, as all processes beside it may have been

    def end_all(self) -> None:
        """Withdraw what waits for a judgement: the agent has been told to end, and judges no more."""
        self.end_of_all = True
        for no in self._waiting:
            self._core.give_back(no)
        self._waiting.clear()

    def lose_lane(self, lane: int, attempt: int, outcome: Outcome) -> None:
        """Remove a lane whose worker is gone, and judge the attempt that it executed (0 for none) as *outcome* says:
        now, in a moment, or never.
        """
        suspicious = self._core.doom(attempt) is None and self._may_be_foreign(outcome)
        left = self._core.lane_lost(lane, attempt or None, None if suspicious else outcome)
        if not left:
            return
        if self.end_of_all:
            self._core.give_back(left)
        else:
            self._waiting.add(left)
            self._loop.call_later(JUDGED_AFTER_S, self._judge, left, outcome)

    def _may_be_foreign(self, outcome: Outcome) -> bool:
        failure = outcome.failure
        if failure.cause is Cause.SIGNAL:
            return failure.signal is None or failure.signal in _SENT_BY_ENGINES
        return self.end_of_all and failure.cause is Cause.EXIT_CODE

    def _judge(self, attempt: int, outcome: Outcome) -> None:
        if attempt in self._waiting:
            self._waiting.remove(attempt)
            self._core.ended(attempt, outcome)
            self._settle_soon()
