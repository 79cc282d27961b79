"""What is told as it changes: one look at the daemon per topic, however many tabs listen to it.

A topic is `cluster`, `runs` (a number that changes with any of the newest runs) or `run/ID`. Each look's answer is
compared with the last one; only what differs is sent, and a slow listener receives the latest only.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from hashlib import blake2b
from typing import Any

import orjson

from accio.errors import AccioError, BadRequest
from accio_client import documents
from accio_client.client import AsyncClient
from accio_web.shown import shown_run

LOOK_EVERY_S = 0.7
BEAT_S = 15.0
"""Seconds after which a silent stream says something, so that proxies keep it and dead ones are noticed."""
MOST_TOPICS = 8

Look = Callable[[], Awaitable[Any]]
_NEWEST = 50


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
    """Looks again and again while anybody listens."""

    def __init__(self, name: str, look: Look) -> None:
        self._name = name
        self._look = look
        self._latest = b""
        self.listeners: set[Listener] = set()

    def add(self, listener: Listener) -> None:
        """Hand a new listener what is known already."""
        self.listeners.add(listener)
        if self._latest:
            listener.tell(self._name, self._latest)

    async def follow(self) -> None:
        """Look until this is cancelled."""
        while True:
            message = await self._asked()
            if message != self._latest:
                self._latest = message
                for listener in self.listeners:
                    listener.tell(self._name, message)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _asked(self) -> bytes:
        try:
            return orjson.dumps({"topic": self._name, "content": await self._look(), "error": None})
        except AccioError as error:
            told = {"kind": type(error).__name__, "message": error.message}
            return orjson.dumps({"topic": self._name, "content": None, "error": told})


class Hub:
    """All topics, of all tokens. Tasks belong to *group*."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._topics: dict[tuple[str | None, str], tuple[Topic, asyncio.Task[None]]] = {}

    def __repr__(self) -> str:
        return f"Hub({sorted(name for _, name in self._topics)})"

    async def listen(self, client: AsyncClient, token: str | None, names: Iterable[str]) -> AsyncGenerator[list[bytes]]:
        """Yield messages about topics as they change; an empty list now and then."""
        looks = {name: look_at(client, name) for name in names}
        if len(looks) > MOST_TOPICS:
            raise BadRequest(f"expected at most {MOST_TOPICS} topics, found {len(looks)}")
        listener = Listener()
        try:
            for name, look in looks.items():
                self._topic(token, name, look).add(listener)
            while True:
                yield await listener.news()
        finally:
            for name in looks:
                self._leave(token, name, listener)

    def _topic(self, token: str | None, name: str, look: Look) -> Topic:
        if (token, name) not in self._topics:
            topic = Topic(name, look)
            self._topics[token, name] = topic, self._group.create_task(topic.follow(), name=f"live:{name}")
        return self._topics[token, name][0]

    def _leave(self, token: str | None, name: str, listener: Listener) -> None:
        if (token, name) in self._topics:
            topic, task = self._topics[token, name]
            topic.listeners.discard(listener)
            if not topic.listeners:
                task.cancel()
                del self._topics[token, name]

    def close(self) -> None:
        """Stop looking."""
        for _, task in self._topics.values():
            task.cancel()
        self._topics.clear()


def look_at(client: AsyncClient, name: str) -> Look:
    """Return what asks the daemon about a topic."""
    kind, _, which = name.partition("/")

    async def cluster() -> Any:
        return documents.cluster(await client.cluster_state())

    async def runs() -> Any:
        page = documents.run_page(await client.list_runs(limit=_NEWEST))
        return blake2b(orjson.dumps(page), digest_size=8).hexdigest()

    async def run() -> Any:
        return shown_run(await client.get_run(which, nodes=False))

    looks: dict[str, Look] = {"cluster": cluster, "runs": runs, "run": run}
    if kind not in looks or bool(which) != (kind == "run"):
        raise BadRequest(f"expected a topic (cluster, runs, run/ID), found {name!r}")
    return looks[kind]
