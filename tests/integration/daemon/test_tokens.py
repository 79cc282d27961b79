"""The life of tokens: made, named, used, ended; and what is kept of who changed what."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import orjson
import pytest

from accio.domain.access import TokenKind
from accio.errors import AlreadyExists, Unavailable
from accio.v1 import accio_pb2, accio_pb2_grpc, agents_pb2_grpc, workflows_pb2
from accio_daemon.requesting import make_agent_token
from tests.integration.daemon.harness import Serving, Stub, configured, refused, serving
from tests.integration.daemon.scripted_agent import joined
from tests.integration.daemon.test_rights import made
from tests.integration.daemon.workflows import PAIR

ADA, EVE = "Ada <ada@x.org>", "Eve <eve@x.org>"


def as_user(daemon: Serving, secret: str) -> Any:
    """Call the daemon with a token."""
    return Stub(accio_pb2_grpc.AccioStub(daemon.channel), secret)


def as_agent(daemon: Serving, secret: str) -> Any:
    """Join the daemon with a token."""
    return Stub(agents_pb2_grpc.AgentsStub(daemon.channel), secret)


def claiming(stub: Any, person: str) -> Any:
    """Call with the token of *stub* as somebody who says who he is."""

    class Claiming:
        def __getattr__(self, method: str) -> Any:
            call: partial[Any] = getattr(stub, method)
            metadata = (*call.keywords["metadata"], ("accio-user-bin", person.encode()))
            return partial(call.func, metadata=metadata)

    return Claiming()


async def test_a_secret_is_kept_nowhere(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither the data folder nor the log has a token's text, which holds on after a restart."""
    config = configured(tmp_path / "data")
    async with serving(config) as daemon:
        secret = (await made(daemon, TokenKind.USER, owner=ADA)).secret
        assert secret.startswith("accio_u_")
        assert len(secret) > 48
        await as_user(daemon, secret).ListTokens(accio_pb2.ListTokensRequest())
    async with serving(config) as daemon:
        (listed,) = (await as_user(daemon, secret).ListTokens(accio_pb2.ListTokensRequest())).tokens
        assert listed.owner.email == "ada@x.org"
    kept = b"".join(path.read_bytes() for path in config.data.rglob("*") if path.is_file())
    assert secret.encode() not in kept
    assert secret not in "".join(capfd.readouterr())


async def test_an_agents_token_is_one_agents(daemon: Serving) -> None:
    """The first agent that comes with a token gives it its name; neither can be had by anybody else then."""
    first, second = await made(daemon, TokenKind.AGENT), await made(daemon, TokenKind.AGENT)
    async with joined(as_agent(daemon, first.secret), name="a1"):
        pass
    async with (
        refused(grpc.StatusCode.PERMISSION_DENIED, "agent a1", "a2"),
        joined(as_agent(daemon, first.secret), name="a2"),
    ):
        pass
    async with (
        refused(grpc.StatusCode.PERMISSION_DENIED, f"token {first.token.id}"),
        joined(as_agent(daemon, second.secret), name="a1"),
    ):
        pass
    async with refused(grpc.StatusCode.ALREADY_EXISTS, "a1"):
        await made(daemon, TokenKind.AGENT, name="a1")
    await daemon.accio.RevokeToken(accio_pb2.RevokeTokenRequest(id=first.token.id))
    async with joined(as_agent(daemon, second.secret), name="a1"):
        pass


async def test_a_revoked_token_ends_its_session(daemon: Serving) -> None:
    """An agent whose token is revoked is told so at once, and can't come back; others go on."""
    gone, stays = await made(daemon, TokenKind.AGENT), await made(daemon, TokenKind.AGENT)
    async with joined(as_agent(daemon, stays.secret), name="stays") as other:
        async with joined(as_agent(daemon, gone.secret), name="gone") as agent:
            await daemon.accio.RevokeToken(accio_pb2.RevokeTokenRequest(id=gone.token.id))
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await agent.receiving
        assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert "revoked by" in (raised.value.details() or "")
        async with (
            refused(grpc.StatusCode.UNAUTHENTICATED, "revoked by", "accio token create"),
            joined(as_agent(daemon, gone.secret), name="gone"),
        ):
            pass
        assert not other.receiving.done()


async def test_an_expired_token_ends_what_goes_on_under_it(daemon: Serving) -> None:
    """Open calls and sessions end when their token expires, with the reason."""
    async with joined(daemon.agents, behaviour=None):
        await daemon.push(PAIR)
        run = await daemon.submit({"workflow": "pair"})
        user = await made(daemon, TokenKind.USER, owner=EVE, expires_in_ms=3_000)
        agent = await made(daemon, TokenKind.AGENT, expires_in_ms=3_000)
        async with joined(as_agent(daemon, agent.secret), name="brief") as brief:
            submitting = as_user(daemon, user.secret).SubmitAndWatchEach()
            async with refused(grpc.StatusCode.UNAUTHENTICATED, "expired at"):
                await submitting.read()
            async with refused(grpc.StatusCode.UNAUTHENTICATED, "expired at"):
                async for _ in as_user(daemon, user.secret).Watch(accio_pb2.WatchRequest(id=run.id)):
                    pass
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await brief.receiving
        assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert "expired at" in (raised.value.details() or "")


@pytest.mark.parametrize("lasting", [253_402_300_800_000, 2**56 - 1])
async def test_a_token_expires_while_there_is_a_calendar(daemon: Serving, lasting: int) -> None:
    """An end that no client has a date for is refused: with it kept, nobody could list tokens any more."""
    async with refused(grpc.StatusCode.INVALID_ARGUMENT, "before the year 10000"):
        await made(daemon, TokenKind.USER, owner=EVE, expires_in_ms=lasting)


async def test_a_pool_makes_no_tokens_that_are_good_elsewhere(daemon: Serving) -> None:
    """None of another kind, and none that is good for any agent; it sees and ends nothing but its own."""
    pool = await made(daemon, TokenKind.POOL, expires_in_ms=3_600_000)
    other = await made(daemon, TokenKind.USER, owner=ADA)
    calls = as_user(daemon, pool.secret)
    kind = accio_pb2.TOKEN_KIND_AGENT
    async with refused(grpc.StatusCode.PERMISSION_DENIED, "of its allocations alone, found one that is good for any"):
        await calls.CreateToken(accio_pb2.CreateTokenRequest(kind=kind, name="cpu-7"))
    async with refused(grpc.StatusCode.PERMISSION_DENIED, "agents only"):
        await calls.CreateToken(accio_pb2.CreateTokenRequest(kind=accio_pb2.TOKEN_KIND_ADMIN, owner=EVE))
    listed = (await calls.ListTokens(accio_pb2.ListTokensRequest())).tokens
    assert [each.id for each in listed] == [pool.token.id]
    async with refused(grpc.StatusCode.NOT_FOUND, f"no token {other.token.id}"):
        await calls.RevokeToken(accio_pb2.RevokeTokenRequest(id=other.token.id))


async def test_people_see_and_revoke_their_own(daemon: Serving) -> None:
    """A user's tokens are listed to that user, who may end any of them, as when a machine was lost."""
    one, two = [await made(daemon, TokenKind.USER, owner=ADA) for _ in range(2)]
    eves = await made(daemon, TokenKind.USER, owner=EVE)
    ada = as_user(daemon, one.secret)
    assert {each.id for each in (await ada.ListTokens(accio_pb2.ListTokensRequest())).tokens} == {
        one.token.id,
        two.token.id,
    }
    await ada.RevokeToken(accio_pb2.RevokeTokenRequest(id=two.token.id))
    async with refused(grpc.StatusCode.UNAUTHENTICATED, "revoked by Ada"):
        await as_user(daemon, two.secret).ListTokens(accio_pb2.ListTokensRequest())
    async with refused(grpc.StatusCode.NOT_FOUND):
        await ada.RevokeToken(accio_pb2.RevokeTokenRequest(id=eves.token.id))


async def test_a_caller_is_told_who_that_is(daemon: Serving) -> None:
    """A token of somebody says of whom; that of the token file stands for nobody."""
    ada = as_user(daemon, (await made(daemon, TokenKind.USER, owner=ADA)).secret)
    state = await ada.GetClusterState(accio_pb2.GetClusterStateRequest())
    assert (state.caller.name, state.caller.email) == ("Ada", "ada@x.org")
    assert not (await daemon.accio.GetClusterState(accio_pb2.GetClusterStateRequest())).HasField("caller")


async def test_last_is_ones_own(daemon: Serving) -> None:
    """`last` is the caller's newest run, by token or, without names in tokens, by what the caller says; `last~1`, …"""
    ada = as_user(daemon, (await made(daemon, TokenKind.USER, owner=ADA)).secret)
    async with joined(daemon.agents, behaviour=None):
        await daemon.push(PAIR)
        definition = orjson.dumps({"workflow": "pair", "params": {"x": {"values": [1.0, 2.0]}}})
        runs = [(await ada.Submit(accio_pb2.SubmitRequest(definition=definition))).run.id for _ in range(2)]
        eves = await claiming(daemon.accio, EVE).Submit(accio_pb2.SubmitRequest(definition=definition))
        for text, found in (("last", runs[1]), ("last~1", runs[0]), ("last.1", f"{runs[1]}.1")):
            assert (await ada.Get(accio_pb2.GetRequest(id=text))).run.id == found
        eve = claiming(daemon.accio, EVE)
        assert (await eve.Get(accio_pb2.GetRequest(id="last"))).run.id == eves.run.id
        async with refused(grpc.StatusCode.NOT_FOUND, "fewer than 3 runs"):
            await ada.Get(accio_pb2.GetRequest(id="last~2"))
        (killed,) = (await ada.Kill(accio_pb2.RunsRequest(ids=["last"]))).runs
        assert (killed.id, killed.changed) == (runs[1], True)


async def test_changes_say_who(daemon: Serving, capfd: pytest.CaptureFixture[str]) -> None:
    """A run's history says who edited, killed and retried it; what else was changed is listed for administrators."""
    token = await made(daemon, TokenKind.USER, owner=ADA)
    ada = as_user(daemon, token.secret)
    async with joined(daemon.agents, behaviour=None):
        await ada.PushWorkflow(workflows_pb2.PushWorkflowRequest(definition=orjson.dumps(PAIR), base_path="/b"))
        definition = orjson.dumps({"workflow": "pair"})
        run = (await ada.Submit(accio_pb2.SubmitRequest(definition=definition))).run.id
        await ada.UpdateMetadata(accio_pb2.UpdateMetadataRequest(id=run, name="mine"))
        await ada.Kill(accio_pb2.RunsRequest(ids=[run]))
        await claiming(daemon.accio, EVE).Retry(accio_pb2.RetryRequest(ids=[run]))
        events = (await ada.Events(accio_pb2.EventsRequest(run=run))).events
        told = {event.kind: event.detail for event in events if event.kind in ("updated", "killed", "retried")}
        assert told == {
            "updated": f"name edited by {ADA}",
            "killed": f"killed by {ADA}",
            "retried": f"retried by {EVE}",
        }
        await ada.Delete(accio_pb2.RunsRequest(ids=[run]))
    changes = (await daemon.accio.ListChanges(accio_pb2.ListChangesRequest())).changes
    assert [(change.what, change.by) for change in changes] == [
        ("delete run", ADA),
        ("push workflow", ADA),
        ("create token", "anonymous"),
    ]
    assert changes[0].token == token.token.id
    assert changes[0].subject == run
    assert f"by='{ADA}'" in "".join(capfd.readouterr())


async def test_a_push_that_changes_nothing_is_no_change(daemon: Serving) -> None:
    """A version that is the latest already isn't told again; one that becomes the latest again is."""
    async with joined(daemon.agents, behaviour=None):
        pushed = [await daemon.push({**PAIR, "notes": notes}) for notes in ("one", "one", "two", "two", "one")]
    one, _, two, _, again = (f"pair:{each.version}" for each in pushed)
    assert again == one
    changes = (await daemon.accio.ListChanges(accio_pb2.ListChangesRequest())).changes
    assert [each.subject for each in changes if each.what == "push workflow"] == [one, two, one]


async def test_it_is_known_when_a_token_was_used_last(tmp_path: Path) -> None:
    """The first use of a token is told, and written down without delay."""
    config = configured(tmp_path / "data")
    async with serving(config) as daemon:
        token = await made(daemon, TokenKind.USER, owner=ADA)
        assert token.token.last_used_at_ms == 0
        await as_user(daemon, token.secret).ListTokens(accio_pb2.ListTokensRequest())
        (listed,) = (await daemon.accio.ListTokens(accio_pb2.ListTokensRequest())).tokens
        assert listed.last_used_at_ms > 0
        await made(daemon, TokenKind.USER, owner=ADA)  # a commit later
    async with serving(config) as daemon:
        again = (await daemon.accio.ListTokens(accio_pb2.ListTokensRequest())).tokens[-1]
        assert again.last_used_at_ms == listed.last_used_at_ms


async def test_a_join_file_may_be_for_one_agent(daemon: Serving) -> None:
    """A command on the data folder has the daemon make a token that is one agent's; without a daemon it says so."""
    ours = daemon.config.token.read_text().split()[0]
    secret = await asyncio.to_thread(make_agent_token, daemon.config.socket, ours, "gpu-1")
    async with joined(as_agent(daemon, secret), name="gpu-1"):
        pass
    async with refused(grpc.StatusCode.PERMISSION_DENIED):
        await as_user(daemon, secret).List(accio_pb2.ListRequest())
    with pytest.raises(AlreadyExists, match="gpu-1"):
        await asyncio.to_thread(make_agent_token, daemon.config.socket, ours, "gpu-1")
    with pytest.raises(Unavailable, match="only a running one makes tokens"):
        await asyncio.to_thread(make_agent_token, f"{daemon.config.socket}-none", ours, "gpu-2")
