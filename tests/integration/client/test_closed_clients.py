"""What a client is told that was closed, and one that is to go to another process."""

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from accio.errors import FailedPrecondition
from accio.v1 import accio_pb2
from accio_client import AsyncClient, Client
from tests.integration.client.fake_daemon import RUN, FakeDaemon, run

CLOSED = "^this client was closed: make another one$"


@pytest.fixture
def answering(daemon: FakeDaemon) -> FakeDaemon:
    """A daemon that knows a run."""
    daemon.answers["Get"] = accio_pb2.GetResponse(run=run())
    daemon.answers["ListAgents"] = accio_pb2.ListAgentsResponse()
    return daemon


@pytest.mark.parametrize("brief", [False, True])
@pytest.mark.parametrize(
    "asked",
    [
        lambda client, handle: client.list_agents(),
        lambda client, handle: next(client.watch(RUN)),
        lambda client, handle: handle.wait(),
        lambda client, handle: handle.refresh(),
        lambda client, handle: client.run(RUN),
    ],
    ids=["call", "stream", "wait", "refresh", "handle"],
)
@pytest.mark.filterwarnings("error")  # a coroutine that was never awaited is a warning
def test_a_closed_client_says_that_it_is_closed(
    answering: FakeDaemon, asked: Callable[[Any, Any], object], brief: bool
) -> None:
    """So do the handles that it made. It was "Event loop is closed", and a warning about a coroutine."""
    with Client(brief=brief) as client:
        handle = client.run(RUN)
    client.close()
    with pytest.raises(FailedPrecondition, match=CLOSED):
        asked(client, handle)


async def test_a_closed_asynchronous_client_says_that_it_is_closed(answering: FakeDaemon) -> None:
    """It says so for calls and for streams, rather than by gRPC's word for its channel."""
    async with AsyncClient() as client:
        handle = await client.run(RUN)
    await client.close()
    with pytest.raises(FailedPrecondition, match=CLOSED):
        await handle.refresh()
    with pytest.raises(FailedPrecondition, match=CLOSED):
        await anext(client.watch(RUN))


async def test_a_client_is_not_pickled(answering: FakeDaemon) -> None:
    """Neither a client nor a handle goes to another process, with its token; what to do instead is said."""
    with Client() as client:
        for thing in (client, client.run(RUN)):
            with pytest.raises(TypeError, match="make a client of its own in the other process"):
                pickle.dumps(thing)
    async with AsyncClient() as other:
        with pytest.raises(TypeError, match="hand over the ids of runs"):
            pickle.dumps(await other.run(RUN))
