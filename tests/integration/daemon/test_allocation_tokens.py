"""Tokens of allocations: made by pools, good for one allocation's agent alone, and over with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.message_factory import GetMessageClass

from accio.domain.access import TokenKind
from accio.v1 import accio_pb2, pools_pb2, pools_pb2_grpc
from tests.integration.daemon.harness import Serving, Stub, configured, refused, serving
from tests.integration.daemon.scripted_agent import joined
from tests.integration.daemon.test_pools import Call, hello, session
from tests.integration.daemon.test_rights import METHODS, made, outcome
from tests.integration.daemon.test_tokens import as_agent, as_user

WALLTIME_MS = 4 * 3_600_000


class Pool:
    """A session of a pool that keeps two allocations, and its own token."""

    def __init__(self, daemon: Serving, call: Call, secret: str, cluster: str) -> None:
        self.daemon = daemon
        self.call = call
        self.secret = secret
        self.cluster = cluster

    def key(self, number: int) -> str:
        """Return what an allocation is called."""
        return f"accio-{self.cluster}-cpu-{number}"

    async def token(self, number: int, secret: str = "", **fields: Any) -> accio_pb2.CreateTokenResponse:
        """Make a token of an allocation."""
        request = accio_pb2.CreateTokenRequest(kind=accio_pb2.TOKEN_KIND_AGENT, allocation=number, **fields)
        made_token: accio_pb2.CreateTokenResponse
        made_token = await as_user(self.daemon, secret or self.secret).CreateToken(request)
        return made_token

    async def has(self, *numbers: int) -> None:
        """Report twice that the engine has these allocations and no others."""
        found = [pools_pb2.EngineAllocation(number=number, job=f"j{number}", begun=True) for number in numbers]
        listed = pools_pb2.EngineList(pool="cpu", complete=True, allocations=found)
        for _ in range(2):
            await self.call.write(pools_pb2.PoolsMessage(list=listed))

    async def over(self, number: int) -> None:
        """Wait until an allocation isn't wanted any more, as all of them are told each time."""
        while True:
            wanted = (await self.call.read()).wanted
            if number not in wanted.keep and number not in [each.number for each in wanted.submit]:
                return


@asynccontextmanager
async def pool_of(daemon: Serving, secret: str = "", server: str = "s1") -> AsyncIterator[Pool]:
    """Serve a pool with a token of its own until two allocations are asked for."""
    own = secret or (await made(daemon, TokenKind.POOL)).secret
    stub = Stub(pools_pb2_grpc.PoolsStub(daemon.channel), own)
    async with session(daemon, hello(server, min=2, walltime_ms=WALLTIME_MS), pools=stub) as call:
        welcome = (await call.read()).welcome
        assert welcome.allocation_tokens
        wanted = (await call.read()).wanted
        while len(wanted.submit) + len(wanted.keep) < 2:
            wanted = (await call.read()).wanted
        yield Pool(daemon, call, own, welcome.cluster)


async def test_a_token_is_good_in_its_allocation_alone(daemon: Serving) -> None:
    """Its agent joins there and nowhere else, under one name; nobody joins there with another token."""
    async with pool_of(daemon) as pool:
        first, second = await pool.token(1), await pool.token(2)
        assert (first.token.allocation, first.token.kind) == (1, accio_pb2.TOKEN_KIND_AGENT)
        agent = as_agent(daemon, first.secret)
        for allocation, words in ((pool.key(2), "allocation 1 alone, found one of allocation 2"), ("", "one of none")):
            async with (
                refused(grpc.StatusCode.PERMISSION_DENIED, words),
                joined(agent, "h1", allocation=allocation),
            ):
                pass
        ordinary = await made(daemon, TokenKind.AGENT)
        for others in (daemon.agents, as_agent(daemon, ordinary.secret)):
            async with (
                refused(grpc.StatusCode.PERMISSION_DENIED, "allocation 1 has a token of its own", '"tokens": false'),
                joined(others, "h1", allocation=pool.key(1)),
            ):
                pass
        async with (
            refused(grpc.StatusCode.PERMISSION_DENIED, "allocation 1 alone", "found one of none"),
            joined(agent, "h1", allocation="accio-00000000-cpu-1"),
        ):
            pass
        async with joined(agent, "h1", allocation=pool.key(1)):
            pass
        async with (
            refused(grpc.StatusCode.FAILED_PRECONDITION, "allocation 1 is that of agent h1"),
            joined(agent, "h2", allocation=pool.key(1)),
        ):
            pass
        # The next job on a host goes on as the agent of the last one.
        async with joined(as_agent(daemon, second.secret), "h1", allocation=pool.key(2)):
            pass


async def test_a_pools_token_is_no_agents(daemon: Serving) -> None:
    """It makes tokens of allocations, and joins nothing itself; agents' and users' tokens make none."""
    async with pool_of(daemon) as pool:
        async with (
            refused(grpc.StatusCode.PERMISSION_DENIED, "takes an agent's token"),
            joined(as_agent(daemon, pool.secret), "h1", allocation=pool.key(1)),
        ):
            pass
        agent = await pool.token(1)
        user = await made(daemon, TokenKind.USER, owner="Eve <eve@x.org>")
        for other in (agent.secret, user.secret):
            async with refused(grpc.StatusCode.PERMISSION_DENIED, "to make a token takes"):
                await pool.token(2, other)


async def test_a_token_ends_with_its_allocation(tmp_path: Path) -> None:
    """When that is over, at once and after a restart; those of others hold, and nothing of the text is kept."""
    config = configured(tmp_path / "data")
    async with serving(config) as daemon, pool_of(daemon) as pool:
        first, second = await pool.token(1), await pool.token(2)
        async with joined(as_agent(daemon, first.secret), "h1", allocation=pool.key(1)) as agent:
            await agent.send(goodbye={"reason": "nothing to do"})
            await asyncio.wait((agent.receiving,))
        await pool.has(2)
        await pool.over(1)
        async with (
            refused(grpc.StatusCode.UNAUTHENTICATED, "this token was allocation 1's, which was over at"),
            joined(as_agent(daemon, first.secret), "h1", allocation=pool.key(1)),
        ):
            pass
        ended = (await daemon.accio.ListTokens(accio_pb2.ListTokensRequest(ended=True))).tokens
        assert {each.allocation: bool(each.revoked_at_ms) for each in ended if each.allocation} == {1: True, 2: False}
        async with refused(grpc.StatusCode.FAILED_PRECONDITION, "allocation 1 is over"):
            await pool.token(1)
    async with serving(config) as daemon, pool_of(daemon, server="s2") as pool:
        async with (
            refused(grpc.StatusCode.UNAUTHENTICATED, "doesn't know this token"),
            joined(as_agent(daemon, first.secret), "h1", allocation=pool.key(1)),
        ):
            pass
        async with joined(as_agent(daemon, second.secret), "h2", allocation=pool.key(2)):
            pass
    kept = b"".join(path.read_bytes() for path in config.data.rglob("*") if path.is_file())
    assert first.secret.encode() not in kept
    assert second.secret.encode() not in kept


async def test_a_token_expires_a_while_after_its_host(daemon: Serving) -> None:
    """From the agent's joining on the walltime and an hour; before, a job may wait as long as it has to."""
    async with pool_of(daemon) as pool:
        token = await pool.token(1)
        assert token.token.expires_at_ms == 0
        async with joined(as_agent(daemon, token.secret), "h1", allocation=pool.key(1)):
            listed = (await daemon.accio.ListTokens(accio_pb2.ListTokensRequest())).tokens
            (found,) = [each for each in listed if each.allocation == 1]
        assert found.name == "h1"
        after = found.expires_at_ms - found.created_at_ms - WALLTIME_MS - 3_600_000
        assert 0 <= after < 600_000


async def test_tokens_of_allocations_end_with_the_pools(daemon: Serving) -> None:
    """Whoever revokes a pool's token ends what was made with it, an agent's session included."""
    own = await made(daemon, TokenKind.POOL, expires_in_ms=WALLTIME_MS)
    async with pool_of(daemon, own.secret) as pool:
        token = await pool.token(1)
        assert (token.token.made_with, token.token.expires_at_ms) == (own.token.id, own.token.expires_at_ms)
        async with joined(as_agent(daemon, token.secret), "h1", allocation=pool.key(1)) as agent:
            await daemon.accio.RevokeToken(accio_pb2.RevokeTokenRequest(id=own.token.id))
            with pytest.raises(grpc.aio.AioRpcError, match="revoked"):
                await agent.receiving


async def test_what_is_wrong_with_a_request_is_said(daemon: Serving) -> None:
    """There is no token of what was never asked for, of another kind, or with a name."""
    async with pool_of(daemon) as pool:
        async with refused(grpc.StatusCode.FAILED_PRECONDITION, "allocation 77", "never was"):
            await pool.token(77)
        async with refused(grpc.StatusCode.INVALID_ARGUMENT, "that of an agent"):
            await pool.token(1, name="h1")
        async with refused(grpc.StatusCode.INVALID_ARGUMENT, "that of an agent"):
            await made(daemon, TokenKind.ADMIN, allocation=1)


async def test_agents_of_older_pools_join_as_before(daemon: Serving) -> None:
    """Where a pool makes no tokens, its agents come with those that they have anyway."""
    async with pool_of(daemon) as pool, joined(daemon.agents, "h1", allocation=pool.key(1)) as agent:
        assert agent.welcomed.done()


async def test_every_call_with_a_token_of_an_allocation(daemon: Serving) -> None:
    """It may make the calls that an agent's may, and no others; once the allocation is over, none."""
    async with pool_of(daemon) as pool:
        live, over = await pool.token(1), await pool.token(2)
        await pool.has(1, 2)
        await pool.has(1)
        await pool.over(2)
        may = {"Connect", "Missing", "Write", "Read", "Locate", "Health.Check", "Health.List", "Health.Watch"}
        for name, method in METHODS.items():
            request = GetMessageClass(method.input_type)()
            assert await outcome(daemon.channel, method, request, over.secret) == "UNAUTHENTICATED", name
            if name != "Health.Watch":
                found = await outcome(daemon.channel, method, request, live.secret)
                assert (found != "PERMISSION_DENIED") == (name in may), (name, found)
