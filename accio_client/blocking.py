"""How a caller without an event loop waits for the asynchronous client: one event loop in a thread of its own runs it.

Use it from any thread; `close` (or `with`) ends the thread.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self, TypeVar

from accio.errors import AccioError
from accio_client.client import AsyncClient
from accio_client.deadlines import DEADLINE_S
from accio_client.other_processes import not_copied

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine, Generator
    from types import TracebackType

    from accio_client.loop_thread import LoopThread

R = TypeVar("R")


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
        brief: bool = False,
    ) -> None:
        """Find the daemon as `AsyncClient` does.

        One that is *brief* makes short calls without a thread, a loop and gRPC, as long as none of its calls needs
        them: for a program that asks a few times and ends.
        """
        self._thread: LoopThread | None = None
        self._starting = threading.Lock()
        if brief:
            self._client = AsyncClient(address, token=token, user=user, cluster=cluster, deadline=deadline, brief=True)
        else:
            self._client = self._connected(address, token=token, user=user, cluster=cluster, deadline=deadline)
        self.address = self._client.address
        self.exposed = self._client.exposed

    def _connected(self, address: str | None, **options: Any) -> AsyncClient:
        """Return a client that lives in the loop of a thread, as a channel belongs to the loop in which it is made."""

        async def connect() -> AsyncClient:
            return AsyncClient(address, **options)

        thread = self._loop_thread()
        try:
            return thread.run(connect())
        except BaseException:
            thread.stop()
            raise

    def __repr__(self) -> str:
        return f"<Client of {self.address}>"

    __reduce__ = not_copied

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and end the thread; closing again does nothing."""
        if self._thread is None:
            self._run(self._client.close())
        elif not self._thread.stopped:
            self._thread.run(self._closed(self._thread))
            self._thread.stop()

    async def _closed(self, thread: LoopThread) -> None:
        await self._client.close()
        await thread.end_others()

    def _run(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Return the result of *coroutine*; where it waits, a loop's thread goes on with it."""
        try:
            thread = self._thread
            if thread is None:
                try:
                    coroutine.send(None)
                except StopIteration as ended:
                    result: R = ended.value
                    return result
                thread = self._loop_thread()
            return thread.run(coroutine)
        except AccioError as error:
            raise error.with_traceback(None) from None  # the way through the client tells nobody anything

    def _loop_thread(self) -> LoopThread:
        """Return the thread of the loop, which is started for whoever needs it first."""
        from accio_client.loop_thread import LoopThread

        with self._starting:
            if self._thread is None:
                self._thread = LoopThread()
            return self._thread

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
            # An iterator may be dropped after its client was closed.
            if self._thread is None or not self._thread.stopped:
                self._run(closed())
