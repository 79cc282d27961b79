"""Who watches which run. A watch holds no history: it only knows that something changed since it last looked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from accio_daemon.core.commands import RunNo


class RunWatchers:
    """All watches, by run."""

    class Watch:
        """One watch of one run."""

        __slots__ = ("_ended", "_event", "run")

        def __init__(self, run: RunNo) -> None:
            self.run = run
            self._event = asyncio.Event()
            self._ended = asyncio.Event()

        async def changed(self) -> None:
            """Return once something about the run was committed that this watch hasn't returned for."""
            await self._event.wait()
            self._event.clear()

        async def pause(self, seconds: float) -> None:
            """Wait so many seconds, but no longer once the run has ended."""
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._ended.wait()

        def wake(self, *, ended: bool) -> None:
            """Note a change."""
            self._event.set()
            if ended:
                self._ended.set()
            else:  # it may have been retried
                self._ended.clear()

    def __init__(self) -> None:
        self._watches: dict[RunNo, set[RunWatchers.Watch]] = {}

    def add(self, run: RunNo) -> "RunWatchers.Watch":
        """Begin to watch a run."""
        watch = self.Watch(run)
        self._watches.setdefault(run, set()).add(watch)
        return watch

    def remove(self, watch: "RunWatchers.Watch") -> None:
        """End a watch."""
        watches = self._watches.get(watch.run)
        if watches is not None:
            watches.discard(watch)
            if not watches:
                del self._watches[watch.run]

    @asynccontextmanager
    async def watching(self, run: RunNo) -> "AsyncIterator[RunWatchers.Watch]":
        """Watch a run for as long as the context lasts."""
        watch = self.add(run)
        try:
            yield watch
        finally:
            self.remove(watch)

    def wake(self, run: RunNo, *, ended: bool) -> None:
        """Wake the watches of a run."""
        for watch in self._watches.get(run, ()):
            watch.wake(ended=ended)
