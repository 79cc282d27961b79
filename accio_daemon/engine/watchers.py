"""Who watches which run, or all of them. A watch holds no history: it only knows that something changed since it last
looked. Who keeps the state of a run's nodes is told which of them may have changed, a feed which runs.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from accio.domain.states import RunState
from accio_daemon.core.effects import NodeKey
from accio_daemon.core.records import Run
from accio_daemon.core.terms import RunNo
from accio_daemon.engine.ports import Success


class Changes:
    """What changes of one run, and of the nodes of its child *index*, from when it was made until it is closed."""

    __slots__ = ("_close", "_earlier", "_newest", "count")

    def __init__(self, close: Callable[[], None]) -> None:
        self.count = 0  # how often something about the run was committed
        self._close = close
        self._earlier: set[int] = set()
        self._newest: set[int] = set()  # of the batch that was sealed last, which may not be committed yet

    def take(self) -> set[int]:
        """Return the nodes that may have changed since the last call; those of the newest batch come once more."""
        taken = self._earlier | self._newest
        self._earlier = set()
        return taken

    def seal(self) -> None:
        """Note that another batch is the newest one."""
        self._earlier |= self._newest
        self._newest = set()

    def add(self, node: int) -> None:
        """Note a node of the newest batch."""
        self._newest.add(node)

    def close(self) -> None:
        """Stop being told."""
        self._close()


class Feed:
    """What changes anywhere, for as long as somebody is fed."""

    MOST = 200
    """Runs that are told one by one; beyond them any may have changed."""

    __slots__ = ("_changed", "_more", "_runs")

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._runs: set[RunNo] = set()
        self._more = True  # whoever begins to listen knows nothing

    async def changed(self, at_most: float) -> None:
        """Return once something was committed that `take` hasn't returned, or after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                await self._changed.wait()

    def take(self) -> tuple[set[RunNo], bool]:
        """Return the runs that changed since the last call, and whether anything else may have."""
        taken = self._runs, self._more
        self._runs, self._more = set(), False
        self._changed.clear()
        return taken

    def add(self, run: RunNo) -> None:
        """Note a run about which something was committed."""
        self._runs.add(run)
        if len(self._runs) > self.MOST:
            self._runs, self._more = set(), True

    def committed(self, *, more: bool) -> None:
        """Note that a batch was committed, and whether it may have changed *more* than the runs that were added."""
        self._more = self._more or more
        self._changed.set()


class RunWatchers:
    """All watches, by run, and all feeds."""

    class Watch:
        """One watch of one run."""

        __slots__ = ("_ended", "_event", "run", "success")

        def __init__(self, run: RunNo) -> None:
            self.run = run
            self.success: Success | None = None
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

        @property
        def has_ended(self) -> bool:
            """Whether the run had ended when something about it was committed last, though its end may be to come."""
            return self._ended.is_set()

        def wake(self, *, ended: bool, success: Success | None) -> None:
            """Note a change, which may be that the run has succeeded."""
            self.success = success
            self._event.set()
            if ended:
                self._ended.set()
            else:  # it may have been retried
                self._ended.clear()

    def __init__(self) -> None:
        self._watches: dict[RunNo, set[RunWatchers.Watch]] = {}
        self._changes: dict[RunNo, dict[int | None, list[Changes]]] = {}
        self._newest: Collection[NodeKey] = ()
        self._successes: dict[RunNo, Success] = {}  # of that batch, single runs that are watched
        self._feeds: list[Feed] = []

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

    @contextmanager
    def feeding(self) -> Iterator[Feed]:
        """Note what changes anywhere for as long as the context lasts."""
        feed = Feed()
        self._feeds.append(feed)
        try:
            yield feed
        finally:
            self._feeds.remove(feed)

    def follow(self, run: RunNo, index: int | None) -> Changes:
        """Begin to note what changes of a run, and of the nodes of its child *index*."""

        def close() -> None:
            of_run[index].remove(changes)
            if not of_run[index]:
                del of_run[index]
            if not of_run:
                del self._changes[run]

        of_run = self._changes.setdefault(run, {})
        changes = Changes(close)
        of_run.setdefault(index, []).append(changes)
        for node_run, child, node in self._newest:
            if node_run == run and child == index:
                changes.add(node)
        return changes

    def sealed(self, nodes: Collection[NodeKey], runs: Collection[Run] = ()) -> None:
        """Note the nodes and runs of a batch that is about to be committed, as the one before it has been."""
        self._newest = nodes
        self._successes = {
            run.no: Success(run.started_ms, run.ended_ms, dict(run.nodes_ended))
            for run in runs
            if run.single and run.state is RunState.SUCCESS and run.no in self._watches
        }
        for of_run in self._changes.values():
            for of_child in of_run.values():
                for changes in of_child:
                    changes.seal()
        followed = {
            (run, index): of_child
            for run, of_run in self._changes.items()
            for index, of_child in of_run.items()
            if index is not None  # who follows a sweep isn't told of nodes
        }
        if followed:
            for run, index, node in nodes:
                for changes in followed.get((run, index), ()):
                    changes.add(node)

    def wake(self, run: RunNo, *, ended: bool) -> None:
        """Wake the watches of a run."""
        for of_child in self._changes.get(run, _NOBODY).values():
            for changes in of_child:
                changes.count += 1
        watches = self._watches.get(run)
        if watches:
            success = self._successes.get(run)
            for watch in watches:
                watch.wake(ended=ended, success=success)
        for feed in self._feeds:
            feed.add(run)

    def committed(self, *, more: bool) -> None:
        """Wake the feeds: a batch was committed, which changed the runs that were woken, and perhaps *more*."""
        for feed in self._feeds:
            feed.committed(more=more)


_NOBODY: dict[int | None, list[Changes]] = {}
