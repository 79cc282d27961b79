"""What is told as it changes: one feed from the daemon per token, however many tabs listen and to whatever.

A topic is `cluster` (its numbers), `agents` or `runs` (a count that grows as any of them changes), or `run/ID`. A run
is asked about only when the feed says that it changed; of the other topics, what is answered is told only where it
differs from the last answer. A slow listener receives the latest only. While nobody listens to anything, there is no
feed.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing
from typing import Any

import orjson

from accio.errors import AccioError, BadRequest, Unavailable
from accio_client import documents
from accio_client.client import AsyncClient
from accio_client.views import FeedUpdate
from accio_web.shown import shown_run

AGAIN_S = 0.7
"""Seconds after which what failed is tried again."""
PAUSE_S = 0.8
"""Seconds for which a topic isn't looked at again after a look: with the feed's half second and the asking, what is new
is seen within a second and a half, and ten tabs beside a busy daemon cost half as much as at its pace.
"""
BEAT_S = 15.0
"""Seconds after which a silent stream says something, so that proxies keep it and dead ones are noticed."""
MOST_TOPICS = 8

Look = Callable[[], Awaitable[Any]]


class Listener:
    """One tab: what it hasn't been told yet, by topic."""

    def __init__(self) -> None:
        self._news: dict[str, bytes] = {}
        self._any = asyncio.Event()

    def tell(self, topic: str, message: bytes) -> None:
        """Note a message in the place of an earlier one about the same."""
        self._news[topic] = message
        self._any.set()

    async def news(self) -> list[bytes]:
        """Wait for messages; none after a while without any."""
        try:
            async with asyncio.timeout(BEAT_S):
                await self._any.wait()
        except TimeoutError:
            return []
        self._any.clear()
        told, self._news = self._news, {}
        return list(told.values())


class Topic:
    """Looks whenever the feed says that what it is about may have changed."""

    def __init__(self, name: str, look: Look) -> None:
        self._name = name
        self._look = look
        self._latest = b""
        self._due = asyncio.Event()
        self._due.set()
        self.listeners: set[Listener] = set()

    def add(self, listener: Listener) -> None:
        """Hand a new listener what is known already."""
        self.listeners.add(listener)
        if self._latest:
            listener.tell(self._name, self._latest)

    def wake(self) -> None:
        """Look again."""
        self._due.set()

    async def follow(self) -> None:
        """Look until this is cancelled."""
        while True:
            self._due.clear()
            message, failed = await self._asked()
            if message != self._latest:
                self._latest = message
                for listener in self.listeners:
                    listener.tell(self._name, message)
            await asyncio.sleep(PAUSE_S)
            try:
                async with asyncio.timeout(AGAIN_S if failed else None):
                    await self._due.wait()
            except TimeoutError:
                continue

    async def _asked(self) -> tuple[bytes, bool]:
        try:
            return orjson.dumps({"topic": self._name, "content": await self._look(), "error": None}), False
        except AccioError as error:
            told = {"kind": type(error).__name__, "message": error.message}
            return orjson.dumps({"topic": self._name, "content": None, "error": told}), True


class Source:
    """What the daemon tells one token, and the topics that somebody listens to."""

    def __init__(self, client: AsyncClient, group: asyncio.TaskGroup, numbers: Iterator[int]) -> None:
        """Hear as *client*; each update is given the next of the *numbers*, which no other source has given."""
        self._client = client
        self._group = group
        self._numbers = numbers
        self._topics: dict[str, tuple[Topic, asyncio.Task[None]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._latest: FeedUpdate | None = None
        self._error: AccioError | None = None
        self._heard = asyncio.Event()
        self._runs = 0
        self._agents = 0
        self._number = 0
        self._changes: Counter[str] = Counter()  # of runs, by topic: told with them, for not all of a change is in them
        self._ids: dict[str, str] = {}  # of runs and parents, by what topics call them: parts of ids, children, `last`

    def __repr__(self) -> str:
        return f"Source({sorted(self._topics)}, error={self._error})"

    def listen(self, listener: Listener, name: str) -> None:
        """Add a listener to a topic."""
        if name not in self._topics:
            topic = Topic(name, self._look_at(name))
            self._topics[name] = topic, self._group.create_task(topic.follow(), name=f"live:{name}")
        self._topics[name][0].add(listener)
        if self._task is None:
            self._task = self._group.create_task(self._follow(), name="live")

    def leave(self, listener: Listener, name: str) -> None:
        """Remove a listener from a topic."""
        if name in self._topics:
            topic, task = self._topics[name]
            topic.listeners.discard(listener)
            if not topic.listeners:
                task.cancel()
                del self._topics[name]
                self._ids.pop(name, None)
                self._changes.pop(name, None)

    def told(self) -> int | None:
        """Return the number of what the daemon has told of last; None while it can't."""
        return None if self._latest is None or self._error is not None else self._number

    def has_listeners(self) -> bool:
        """Return whether anybody listens to anything."""
        return bool(self._topics)

    def close(self) -> None:
        """Hear no more."""
        for _, task in self._topics.values():
            task.cancel()
        self._topics.clear()
        if self._task is not None:
            self._task.cancel()

    async def _follow(self) -> None:
        while True:
            try:
                async with aclosing(self._client.feed(patience=0)) as updates:
                    async for update in updates:
                        self._hear(update)
                error: AccioError = Unavailable("the daemon ended the feed of changes")
            except AccioError as raised:
                error = raised
            self._error = error
            self._heard.set()
            for topic, _ in self._topics.values():
                topic.wake()
            await asyncio.sleep(AGAIN_S)

    def _hear(self, update: FeedUpdate) -> None:
        self._number = next(self._numbers)
        everything = update.more or self._error is not None or self._latest is None
        self._latest, self._error = update, None
        self._runs += bool(everything or update.runs)
        self._agents += bool(everything or update.agents)
        self._heard.set()
        for name, (topic, _) in self._topics.items():
            known = self._ids.get(name)
            if everything or known is None or known in update.runs:
                self._changes[name] += 1
                topic.wake()

    async def _known(self) -> FeedUpdate:
        """Return what was heard last; raise what keeps the feed from saying anything."""
        await self._heard.wait()
        if self._error is not None:
            raise self._error
        assert self._latest is not None
        return self._latest

    def _look_at(self, name: str) -> Look:
        kind, which = require_topic(name)

        async def cluster() -> Any:
            return documents.cluster((await self._known()).cluster)

        async def agents() -> Any:
            await self._known()
            return self._agents

        async def runs() -> Any:
            await self._known()
            return self._runs

        async def run() -> Any:
            await self._known()
            change = self._changes[name]
            found = await self._client.get_run(which, nodes=False)
            self._ids[name] = found.run.id.partition(".")[0]
            return {**shown_run(found), "change": change}

        return {"cluster": cluster, "agents": agents, "runs": runs, "run": run}[kind]


class Hub:
    """The sources, by token. Tasks belong to *group*."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._sources: dict[str | None, Source] = {}
        self._numbers = itertools.count(1)

    def __repr__(self) -> str:
        return f"Hub({list(self._sources.values())})"

    def told(self, token: str | None) -> int | None:
        """Return the number of what the daemon has told a token last; None while it isn't listened to, or is away.

        A number never comes again, for what was answered as of it may be given again: neither after the last tab has
        left and another has come, nor for another token.
        """
        source = self._sources.get(token)
        return None if source is None else source.told()

    async def listen(self, client: AsyncClient, token: str | None, names: Iterable[str]) -> AsyncGenerator[list[bytes]]:
        """Yield messages about topics as they change; an empty list now and then."""
        names = sorted(set(names))
        if len(names) > MOST_TOPICS:
            raise BadRequest(f"expected at most {MOST_TOPICS} topics, found {len(names)}")
        listener = Listener()
        source = self._sources.setdefault(token, Source(client, self._group, self._numbers))
        try:
            for name in names:
                source.listen(listener, name)
            while True:
                yield await listener.news()
        finally:
            for name in names:
                source.leave(listener, name)
            if not source.has_listeners() and self._sources.get(token) is source:
                source.close()
                del self._sources[token]

    def close(self) -> None:
        """Hear no more."""
        for source in self._sources.values():
            source.close()
        self._sources.clear()


def require_topic(name: str) -> tuple[str, str]:
    """Return the kind of a topic, and which run it is about; raise BadRequest at what is none."""
    kind, _, which = name.partition("/")
    if kind not in ("cluster", "agents", "runs", "run") or bool(which) != (kind == "run"):
        raise BadRequest(f"expected a topic (cluster, agents, runs, run/ID), found {name!r}")
    return kind, which
