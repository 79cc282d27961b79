"""What attempts on this agent have saved: brought into the daemon's store, then told to the daemon.

Of each attempt the latest counts. It is told again in each new session until the attempt has ended, as what was on its
way when a session broke is lost; and before the attempt's end is reported, as the daemon keeps nothing of an attempt
that has ended.
"""

import asyncio
from collections.abc import Callable, Coroutine

import structlog

from accio.late import dataclass
from accio.v1 import agents_pb2
from accio_agent.agent.link.outbound import Outbound
from accio_agent.agent.staging.staging import Staging

log = structlog.get_logger("accio.agent")


@dataclass(slots=True, eq=False)
class _Saved:
    message: agents_pb2.SavedCheckpoint
    delivered: asyncio.Event


class Checkpoints:
    """The latest checkpoint of each attempt that hasn't ended."""

    def __init__(
        self, staging: Staging, outbound: Outbound, spawn: Callable[[Coroutine[None, None, None], str], None]
    ) -> None:
        """*spawn* runs a task."""
        self._staging = staging
        self._outbound = outbound
        self._spawn = spawn
        self._latest: dict[int, _Saved] = {}

    def saved(self, attempt: int, digest: str, size: int, saved_ms: int) -> None:
        """Keep what an attempt saved."""
        message = agents_pb2.SavedCheckpoint(attempt=attempt, digest=digest, bytes=size, saved_at_ms=saved_ms)
        before = self._latest.get(attempt)
        found = self._latest[attempt] = _Saved(message, asyncio.Event())
        if before is not None:
            before.delivered.set()  # nobody waits for it any more
        if self._staging.shared:  # the daemon's store has all that is saved here at once
            self._told(found)
        else:
            self._spawn(self._bring(found), f"checkpoint of {attempt}")

    def session_opened(self) -> None:
        """Repeat to the daemon what it may not have heard."""
        for saved in self._latest.values():
            if saved.delivered.is_set():
                self._tell(saved.message)

    def pending(self, attempt: int) -> bool:
        """Return whether what an attempt saved is still on its way into the daemon's store."""
        saved = self._latest.get(attempt)
        return saved is not None and not saved.delivered.is_set()

    @property
    def any_pending(self) -> bool:
        """Whether `pending` may be true of some attempt."""
        return bool(self._latest)

    async def settled(self, attempt: int) -> None:
        """Wait until what an attempt saved has been told."""
        while (saved := self._latest.get(attempt)) is not None and not saved.delivered.is_set():
            await saved.delivered.wait()

    async def all_settled(self) -> None:
        """Wait until everything that was saved has been told."""
        for attempt in list(self._latest):
            await self.settled(attempt)

    def forget(self, attempt: int) -> None:
        """Forget an attempt that has ended."""
        self._latest.pop(attempt, None)

    async def _bring(self, saved: _Saved) -> None:
        problem = await self._staging.deliver([saved.message.digest], [])
        if self._latest.get(saved.message.attempt) is not saved:
            return  # the attempt has ended, or saved again
        if problem:
            log.warning(
                "a checkpoint can't be brought to the store", attempt=saved.message.attempt, reason=problem.reason
            )
            saved.delivered.set()
            self.forget(saved.message.attempt)
            return
        self._told(saved)

    def _told(self, saved: _Saved) -> None:
        self._tell(saved.message)
        saved.delivered.set()

    def _tell(self, message: agents_pb2.SavedCheckpoint) -> None:
        self._outbound.put(agents_pb2.AgentMessage(checkpoint=message))
