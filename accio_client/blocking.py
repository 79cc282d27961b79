"""How a caller without an event loop waits for the asynchronous client: one event loop in a thread of its own runs it.

Use it from any thread; `close` (or `with`) ends the thread.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Self, TypeVar

from accio.errors import Unavailable
from accio_client.client import AsyncClient
from accio_client.connection import DEADLINE_S

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine, Generator
    from types import TracebackType

R = TypeVar("R")

CANCEL_WITHIN_S = 5.0
LOOK_AGAIN_S = 0.2


class BlockingCaller:
    """A connection to a daemon, without an event loop of the caller's."""

    def __init__(
        self,
        address: str | None = None,
        *,
        token: str | None = None,
        user: str | None = None,
        cluster: str | None = None,
        deadline: float = DEADLINE_S,
    ) -> None:
        """As `AsyncClient`."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="accio-client", daemon=True)
        self._thread.start()

        async def connect() -> AsyncClient:  # a channel belongs to the loop in which it is made
            return AsyncClient(address, token=token, user=user, cluster=cluster, deadline=deadline)

        try:
            self._client = self._run(connect())
        except BaseException:
            self._stop()
            raise
        self.address = self._client.address
        self.exposed = self._client.exposed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and end the thread; closing again does nothing."""
        if not self._loop.is_closed():
            self._run(self._closed())
            self._stop()

    async def _closed(self) -> None:
        """Close the connection and what was left open: calls that somebody waits for, streams not read to the end."""
        await self._client.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=CANCEL_WITHIN_S)
        await self._loop.shutdown_asyncgens()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Return the result of *coroutine*, run in the loop's thread; an interrupted caller cancels it and waits.

        An interrupt may come between any two steps of the caller, and must leave nothing locked that the loop's thread
        needs: so the two share a plain lock, not a future, whose condition is no longer sound after one.
        """
        ended = threading.Lock()
        ended.acquire()
        tasks: list[asyncio.Task[R]] = []

        def begin() -> None:
            tasks.append(self._loop.create_task(coroutine))
            tasks[0].add_done_callback(lambda _: ended.release())

        def cancel() -> None:
            if tasks:
                tasks[0].cancel()
            else:  # the interrupt came before the loop was asked to begin
                coroutine.close()
                ended.release()

        try:
            self._loop.call_soon_threadsafe(begin)
            # A signal that comes just before the wait doesn't end it: so look again.
            while not ended.acquire(timeout=LOOK_AGAIN_S):
                pass
        except BaseException:
            self._loop.call_soon_threadsafe(cancel)
            if not (tasks and tasks[0].done()):
                ended.acquire(timeout=CANCEL_WITHIN_S)
            raise
        if tasks[0].cancelled():
            raise Unavailable("the client was closed while this call waited for an answer")
        return tasks[0].result()

    def _iterate(self, items: AsyncGenerator[R]) -> Generator[R]:
        """Yield the items, each fetched when it is asked for; whoever stops early closes the stream."""

        async def following() -> tuple[R, ...]:
            async for item in items:
                return (item,)
            return ()

        async def closed() -> None:
            await items.aclose()

        try:
            while found := self._run(following()):
                yield found[0]
        finally:
            if not self._loop.is_closed():  # an iterator may be dropped after its client was closed
                self._run(closed())
