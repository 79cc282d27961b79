"""What is told live: how often the daemon is asked for it, and what becomes of a daemon that goes away."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import orjson
import pytest

from accio.errors import BadRequest, Unavailable
from accio.v1 import accio_pb2, runs_pb2
from accio_client import views
from accio_client.client import AsyncClient
from accio_client.from_wire import cluster as cluster_views
from accio_client.from_wire import runs as run_views
from accio_web import live
from accio_web.live import MOST_TOPICS, Hub

RUN = "01j9zk3m5q8w2xyz"


class FedClient:
    """A client whose daemon says what a test puts into its feed, and counts what it is asked."""

    def __init__(self) -> None:
        self.updates: asyncio.Queue[views.FeedUpdate | None] = asyncio.Queue()
        self.feeds = 0
        self.unfed = asyncio.Event()
        self.asked: list[str] = []
        self.progress = 0.0

    async def feed(self, *, patience: float) -> AsyncGenerator[views.FeedUpdate]:
        assert patience == 0
        self.feeds += 1
        try:
            while (update := await self.updates.get()) is not None:
                yield update
            raise Unavailable("no daemon answers")
        finally:
            self.feeds -= 1
            self.unfed.set()

    async def get_run(self, run: str, *, nodes: bool) -> views.RunDetails:
        assert not nodes
        self.asked.append(run)
        message = runs_pb2.Run(id=RUN, kind=runs_pb2.RUN_KIND_SINGLE, repeat=1, progress=self.progress)
        message.state = runs_pb2.RUN_STATE_RUNNING
        return views.RunDetails(run=run_views.run(message), nodes=())

    def say(self, *runs: str, more: bool = False, agents: bool = False, queued: int = 0) -> None:
        cluster = cluster_views.cluster(accio_pb2.ClusterState(queued_nodes=queued))
        told = tuple(cast("Any", each) for each in runs)
        self.updates.put_nowait(views.FeedUpdate(cluster=cluster, runs=told, more=more, agents=agents))


@asynccontextmanager
async def hub() -> AsyncIterator[tuple[Hub, FedClient]]:
    """A hub whose daemon is a test's."""
    client = FedClient()
    async with asyncio.TaskGroup() as group:
        made = Hub(group)
        yield made, client
        made.close()


class Tab:
    """A listener, and what it was told."""

    def __init__(self, hub: Hub, client: FedClient, *topics: str) -> None:
        self._messages = hub.listen(cast("AsyncClient", client), None, topics)
        self._told: list[dict[str, Any]] = []

    async def hears(self, topic: str) -> dict[str, Any]:
        """Return the next message about a topic."""
        while not any(each["topic"] == topic for each in self._told):
            self._told += [orjson.loads(each) for each in await anext(self._messages)]
        found = next(each for each in self._told if each["topic"] == topic)
        self._told.remove(found)
        return found

    async def close(self) -> None:
        await self._messages.aclose()


async def test_tabs_share_a_feed_and_its_looks() -> None:
    """Ten tabs cost one feed and, for each change, one look; without a tab there is no feed."""
    async with hub() as (made, client):
        tabs = [Tab(made, client, "cluster", f"run/{RUN}") for _ in range(10)]
        client.say(more=True)
        for tab in tabs:
            assert (await tab.hears(f"run/{RUN}"))["content"]["progress"] == 0
        assert (client.feeds, client.asked) == (1, [RUN])
        client.progress = 0.5
        client.say(RUN)
        for tab in tabs:
            assert (await tab.hears(f"run/{RUN}"))["content"]["progress"] == 0.5
        assert (client.feeds, client.asked) == (1, [RUN, RUN])
        for tab in tabs:
            await tab.close()
        await client.unfed.wait()
        assert client.feeds == 0


async def test_what_was_told_is_never_told_again_under_its_number() -> None:
    """After the last tab has left, another is told under new numbers: an answer as of an old one is no longer right."""
    async with hub() as (made, client):
        numbers: list[int | None] = []
        for _ in range(2):
            tab = Tab(made, client, "runs")
            assert made.told(None) is None
            client.say(more=True)
            await tab.hears("runs")
            numbers.append(made.told(None))
            await tab.close()
            assert made.told(None) is None
            await client.unfed.wait()
            client.unfed.clear()
    assert None not in numbers
    assert len(set(numbers)) == 2


async def test_a_change_is_told_also_where_counts_stay() -> None:
    """One node fails while another is retried: the run looks as before, and its page must ask for its nodes anew."""
    async with hub() as (made, client):
        tab = Tab(made, client, f"run/{RUN}")
        client.say(more=True)
        first = (await tab.hears(f"run/{RUN}"))["content"]
        client.say(RUN)
        second = (await tab.hears(f"run/{RUN}"))["content"]
        assert first.pop("change") != second.pop("change")
        assert first == second
        await tab.close()


async def test_a_run_is_asked_about_when_it_changes() -> None:
    """What is said of other runs, of agents and of numbers asks nothing about this one, by whatever name it goes."""
    async with hub() as (made, client):
        tab = Tab(made, client, "cluster", "runs", "agents", "run/last")
        client.say(more=True)
        await tab.hears("run/last")
        first = [(await tab.hears(topic))["content"] for topic in ("runs", "agents")]
        client.say("01other", agents=True, queued=3)
        assert (await tab.hears("runs"))["content"] == first[0] + 1
        assert (await tab.hears("agents"))["content"] == first[1] + 1
        told = await tab.hears("cluster")
        while told["content"]["queued_nodes"] != 3:
            told = await tab.hears("cluster")
        assert client.asked == ["last"]
        client.progress = 1.0
        client.say(RUN)
        assert (await tab.hears("run/last"))["content"]["progress"] == 1
        await tab.close()


async def test_a_daemon_that_goes_away_is_told_of_each_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every topic has the reason while the feed has ended, and is looked at again once there is another."""
    monkeypatch.setattr(live, "AGAIN_S", 0.01)
    async with hub() as (made, client):
        tab = Tab(made, client, "cluster", f"run/{RUN}")
        client.say(more=True)
        await tab.hears("cluster")
        await tab.hears(f"run/{RUN}")
        client.updates.put_nowait(None)
        assert (await tab.hears("cluster"))["error"]["message"] == "no daemon answers"
        assert (await tab.hears(f"run/{RUN}"))["error"]["kind"] == "Unavailable"
        client.say(more=True)
        assert (await tab.hears("cluster"))["error"] is None
        assert (await tab.hears(f"run/{RUN}"))["content"]["id"] == RUN
        await tab.close()


async def test_what_is_no_topic_is_refused() -> None:
    """A topic that there isn't is refused, and so are more than a page ever has."""
    async with hub() as (made, client):
        for topics in (["weather"], ["run/"], ["cluster/1"], [f"run/{number}" for number in range(MOST_TOPICS + 1)]):
            with pytest.raises(BadRequest):
                await Tab(made, client, *topics).hears("cluster")
        assert client.feeds == 0
