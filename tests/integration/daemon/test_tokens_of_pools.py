"""A pool's token is its pool's: it serves that, tells of that alone, and makes tokens of its live allocations only."""

import asyncio
from pathlib import Path

import grpc
import grpc.aio

from accio.domain.access import TokenKind
from accio.v1 import accio_pb2, pools_pb2, pools_pb2_grpc
from tests.integration.daemon.harness import Serving, Stub, configured, refused, serving
from tests.integration.daemon.test_allocation_tokens import pool_of
from tests.integration.daemon.test_pools import hello, session
from tests.integration.daemon.test_rights import made
from tests.integration.daemon.test_tokens import as_user


def asking(number: int) -> accio_pb2.CreateTokenRequest:
    """Return a request for an allocation's token."""
    return accio_pb2.CreateTokenRequest(kind=accio_pb2.TOKEN_KIND_AGENT, allocation=number)


async def states(daemon: Serving) -> list[str]:
    """Return the states of all allocations."""
    listed = await daemon.pools.ListAllocations(pools_pb2.ListAllocationsRequest())
    return [each.state for each in listed.allocations]


async def test_a_pool_makes_tokens_of_its_own_allocations(daemon: Serving) -> None:
    """Those of another pool are refused, also of one that it served and serves no more; an administrator makes any."""
    other = await made(daemon, TokenKind.POOL)
    async with pool_of(daemon) as pool:
        async with refused(grpc.StatusCode.PERMISSION_DENIED, "allocation 1 is one of pool cpu"):
            await as_user(daemon, other.secret).CreateToken(asking(1))
        stub = Stub(pools_pb2_grpc.PoolsStub(daemon.channel), other.secret)
        async with session(daemon, hello("s2", name="gpu"), pools=stub) as call:
            assert (await call.read()).HasField("welcome")
            async with refused(grpc.StatusCode.PERMISSION_DENIED, "allocation 1 is one of pool cpu"):
                await as_user(daemon, other.secret).CreateToken(asking(1))
        assert (await pool.token(1)).token.allocation == 1
        assert (await daemon.accio.CreateToken(asking(1))).token.allocation == 1
        own = pool.secret
    async with asyncio.timeout(60), refused(grpc.StatusCode.PERMISSION_DENIED, "nobody serves with this token"):
        while True:  # until the daemon has learnt that the session has ended
            await as_user(daemon, own).CreateToken(asking(2))


async def test_a_pool_tells_of_its_own_allocations(daemon: Serving) -> None:
    """What another says of a pool counts for nothing: not that the engine lacks its allocations, nor refused them."""
    async with pool_of(daemon) as pool:
        stub = Stub(pools_pb2_grpc.PoolsStub(daemon.channel), (await made(daemon, TokenKind.POOL)).secret)
        async with session(daemon, hello("s2", name="gpu", min=1), pools=stub) as call:
            assert (await call.read()).HasField("welcome")
            while not (wanted := (await call.read()).wanted.submit):
                continue
            lies = pools_pb2.EngineList(pool="cpu", complete=True)
            refusals = pools_pb2.EngineRefusals(pool="cpu", refused={1: "no", 2: "no"})
            for _ in range(3):
                await call.write(pools_pb2.PoolsMessage(list=lies))
            await call.write(pools_pb2.PoolsMessage(refusals=refusals))
            found = pools_pb2.EngineAllocation(number=wanted[0].number, job="j3", begun=True)
            own = pools_pb2.EngineList(pool="gpu", complete=True, allocations=[found])
            await call.write(pools_pb2.PoolsMessage(list=own))
            async with asyncio.timeout(60):
                while "running" not in await states(daemon):  # what was said after the lies has been taken in
                    continue
            assert sorted(await states(daemon)) == ["requested", "requested", "running"]
        await pool.has(1, 2)


async def test_a_token_serves_the_pools_that_it_names(tmp_path: Path) -> None:
    """Others are refused, also after a restart; a token without names serves any."""
    config = configured(tmp_path / "data")
    async with serving(config) as daemon:
        own = await made(daemon, TokenKind.POOL, pools=["cpu", "night"])
        assert list(own.token.pools) == ["cpu", "night"]
    async with serving(config) as daemon:
        listed = (await daemon.accio.ListTokens(accio_pb2.ListTokensRequest())).tokens
        assert [list(each.pools) for each in listed] == [["cpu", "night"]]
        stub = Stub(pools_pb2_grpc.PoolsStub(daemon.channel), own.secret)
        words = ("good for the pools cpu, night alone, found gpu", "accio token create -kind=pool -pool=NAME")
        async with (
            refused(grpc.StatusCode.PERMISSION_DENIED, *words),
            session(daemon, hello(name="gpu"), pools=stub) as it,
        ):
            await it.read()
            await it
        async with pool_of(daemon, own.secret) as pool:
            assert (await pool.token(1)).token.allocation == 1


async def test_names_of_pools_are_checked(daemon: Serving) -> None:
    """They are of a pool's token, and such as pools have."""
    async with refused(grpc.StatusCode.INVALID_ARGUMENT, "expected none of a token of kind agent"):
        await made(daemon, TokenKind.AGENT, pools=["cpu"])
    async with refused(grpc.StatusCode.INVALID_ARGUMENT, "expected names of pools", "'No Pool'"):
        await made(daemon, TokenKind.POOL, pools=["No Pool"])
