"""Who watches which run. A watch holds no history: it only knows that something changed since it last looked."""

import asyncio
from collections.abc import Iterable

from accio_daemon.core.commands import RunNo


class RunWatchers:
    """All watches, by run."""

    class Watch:
        """One watch of one run."""

        __slots__ = ("_event", "run")

        def __init__(self, run: RunNo) -> None:
            self.run = run
            self._event = asyncio.Event()

        async def changed(self) -> None:
            """Return once something about the run was committed that this watch hasn't returned for."""
            await self._event.wait()
            self._event.clear()

        def wake(self) -> None:
            """Note a change."""
            self._event.set()

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

    def wake(self, runs: Iterable[RunNo]) -> None:
        """Wake the watches of these runs."""
        if self._watches:
            for run in runs:
                for watch in self._watches.get(run, ()):
                    watch.wake()
