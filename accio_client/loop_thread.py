"""An event loop in a thread of its own, for callers that have none."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from accio.errors import Unavailable
from accio_client.deadlines import closed
from accio_client.other_processes import forked

if TYPE_CHECKING:
    from collections.abc import Coroutine

R = TypeVar("R")

CANCEL_WITHIN_S = 5.0
LOOK_AGAIN_S = 0.2


class LoopThread:
    """The loop and its thread; use it from any other thread, and `stop` it."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="accio-client", daemon=True)
        self._thread.start()

    @property
    def stopped(self) -> bool:
        """Whether nothing runs here any more."""
        return self._loop.is_closed() or self._is_left_behind

    @property
    def _is_left_behind(self) -> bool:
        """Whether this process was forked from the one that has the thread: nothing that it is asked is answered."""
        return os.getpid() != self._process

    def stop(self) -> None:
        """End the loop and the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def end_others(self) -> None:
        """Cancel what was left open (calls that somebody waits for, streams not read to the end); run it here."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=CANCEL_WITHIN_S)
        await self._loop.shutdown_asyncgens()

    def run(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Return the result of *coroutine*, run in the loop's thread; an interrupted caller cancels it and waits.

        It may have begun elsewhere, as long as it didn't use a loop yet.

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

        if self.stopped:
            coroutine.close()
            raise forked() if self._is_left_behind else closed()
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
