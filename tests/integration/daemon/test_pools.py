"""Sessions of those who serve pools: what they are told, and how they end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio

from accio.domain.access import TokenKind
from accio.v1 import accio_pb2, pools_pb2, pools_pb2_grpc, values_pb2
from accio.wire.token_kinds import TOKEN_KIND_MESSAGES
from tests.integration.daemon.harness import Serving, Stub, refused
from tests.integration.daemon.scripted_agent import joined

Call = Any


def hello(server: str = "s1", **fields: Any) -> pools_pb2.PoolsMessage:
    """Open a session with one pool."""
    given: dict[str, Any] = {
        "name": "cpu",
        "provider": "test",
        "max": 2,
        "pending": 2,
        "worth_ms": 1000,
        "keep_ms": 1000,
    }
    given |= fields
    pool = pools_pb2.PoolDescription(host=values_pb2.Resources(milli_cpus=1000), **given)
    return pools_pb2.PoolsMessage(hello=pools_pb2.PoolsHello(server=server, pools=[pool]))


@asynccontextmanager
async def session(daemon: Serving, *messages: pools_pb2.PoolsMessage, pools: Any = None) -> AsyncIterator[Call]:
    """Open a session and say something in it."""
    call = (pools or daemon.pools).Serve()
    try:
        for message in messages:
            await call.write(message)
        yield call
    finally:
        call.cancel()


async def test_a_session_is_told_what_is_wanted_and_tells_what_is_there(daemon: Serving) -> None:
    """After the welcome come wishes, whole each time; what the engine has is shown; the next session hears the same."""
    async with session(daemon, hello(min=1)) as call:
        welcome = (await call.read()).welcome
        assert len(welcome.cluster) == 8
        while not (wanted := (await call.read()).wanted).submit:
            continue
        assert [(each.number, each.lasting) for each in wanted.submit] == [(1, True)]
        found = pools_pb2.EngineAllocation(number=1, job="77", host="h1", reason="Priority")
        await call.write(
            pools_pb2.PoolsMessage(list=pools_pb2.EngineList(pool="cpu", complete=True, allocations=[found]))
        )
        while not (wanted := (await call.read()).wanted).keep:
            continue
        assert (list(wanted.submit), list(wanted.keep)) == ([], [1])
    page = await daemon.pools.ListAllocations(pools_pb2.ListAllocationsRequest())
    ((state, job, reason),) = [(each.state, each.job, each.reason) for each in page.allocations]
    assert (state, job, reason) == ("pending", "77", "Priority")
    async with session(daemon, hello("s2", min=1)) as call:
        await call.read()
        assert list((await call.read()).wanted.keep) == [1]


async def test_what_is_no_hello_is_refused(daemon: Serving) -> None:
    """A session opens with one hello that describes pools as they may be."""
    empty = pools_pb2.PoolsMessage(list=pools_pb2.EngineList(pool="cpu"))
    for messages, words in (
        ((empty,), "hello as the first message"),
        ((hello(), hello()), "one hello per session"),
        ((hello(server=""),), "identity"),
        ((hello(name="Cpu"),), "a pool's name"),
        ((hello(min=3),), "at most `max`"),
    ):
        async with refused(grpc.StatusCode.INVALID_ARGUMENT, words), session(daemon, *messages) as call:
            while await call.read() is not grpc.aio.EOF:
                continue
            await call


async def test_one_process_serves_a_pool(daemon: Serving) -> None:
    """A second process is refused while the first serves; the same one, which lost its connection, takes over."""
    async with session(daemon, hello()) as call:
        await call.read()
        async with (
            refused(grpc.StatusCode.FAILED_PRECONDITION, "another process"),
            session(daemon, hello("s2")) as other,
        ):
            await other.read()
            await other
        async with session(daemon, hello()) as again:
            assert (await again.read()).HasField("welcome")


async def test_an_agent_of_another_history_has_no_allocation(daemon: Serving) -> None:
    """A host that was asked for before a backup was restored, or by another daemon, isn't taken for this one's."""
    words = ("belongs to the history 00000000", "isn't needed here")
    async with (
        refused(grpc.StatusCode.FAILED_PRECONDITION, *words),
        joined(daemon.agents, "cpu-1", allocation="accio-00000000-cpu-1"),
    ):
        pass


async def test_a_session_ends_with_its_token(daemon: Serving) -> None:
    """A pool's token that is revoked ends the session at once."""
    request = accio_pb2.CreateTokenRequest(kind=TOKEN_KIND_MESSAGES[TokenKind.POOL])
    made = await daemon.accio.CreateToken(request)
    own = Stub(pools_pb2_grpc.PoolsStub(daemon.channel), made.secret)
    async with session(daemon, hello(), pools=own) as call:
        assert (await call.read()).HasField("welcome")
        await daemon.accio.RevokeToken(accio_pb2.RevokeTokenRequest(id=made.token.id))
        async with refused(grpc.StatusCode.UNAUTHENTICATED, "revoked"):
            while await call.read() is not grpc.aio.EOF:
                continue
            await call


async def test_pools_are_listed_and_changed(daemon: Serving) -> None:
    """Pools are listed with their state; pages of allocations follow each other; changes are kept with their author."""
    async with session(daemon, hello(min=2)) as call:
        while len((await call.read()).wanted.submit) < 2:
            continue
        (pool,) = (await daemon.pools.ListPools(pools_pb2.ListPoolsRequest())).pools
        assert (pool.state, pool.kept, dict(pool.allocations)) == ("serving", 2, {"requested": 2})
        first = await daemon.pools.ListAllocations(pools_pb2.ListAllocationsRequest(limit=1, pool="cpu", live=True))
        rest = await daemon.pools.ListAllocations(pools_pb2.ListAllocationsRequest(limit=1, cursor=first.next))
        assert [each.number for each in (*first.allocations, *rest.allocations)] == [2, 1]
        assert rest.next == ""
        changed = await daemon.pools.ChangePool(pools_pb2.ChangePoolRequest(name="cpu", paused=True))
        assert changed.state == "paused"
        changes = (await daemon.accio.ListChanges(accio_pb2.ListChangesRequest())).changes
        assert (changes[0].what, changes[0].subject) == ("pause pool", "cpu")
    async with refused(grpc.StatusCode.NOT_FOUND, "known pools: cpu"):
        await daemon.pools.ChangePool(pools_pb2.ChangePoolRequest(name="gpu", paused=True))
