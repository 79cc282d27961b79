"""What can be done about results of an agent that lied: all users of a daemon share one memo."""

from typing import Any

import pytest

from accio.domain.access import TokenKind
from accio.v1 import accio_pb2
from tests.integration.daemon.harness import Serving
from tests.integration.daemon.scripted_agent import DOUBLE, joined
from tests.integration.daemon.test_rights import made
from tests.integration.daemon.test_tokens import as_agent, as_user
from tests.integration.daemon.workflows import PAIR

ADA, EVE = "Ada <ada@x.org>", "Eve <eve@x.org>"
PAIR_RUN = b'{"workflow": "pair"}'
LIES, RIGHT = ["666.0", "666.0"], ["6.0", "12.0"]


async def values(stub: Any, cache: Any = accio_pb2.CACHE_MODE_UNSPECIFIED) -> list[str]:
    """Submit a run, and return what its nodes gave."""
    last = None
    async for update in stub.SubmitAndWatch(accio_pb2.SubmitRequest(definition=PAIR_RUN, cache=cache)):
        last = update.run
    assert last is not None
    found = []
    for node in ("First", "Second"):
        details = await stub.GetNode(accio_pb2.GetNodeRequest(run=last.id, node=node))
        found.append(details.artifacts[0].json)
    return found


@pytest.mark.parametrize("remove", [True, False])
async def test_a_poisoned_result_is_left_out_and_taken_away(daemon: Serving, remove: bool) -> None:
    """What a lying agent said is a hit for others, too; they can leave the memo out, replace it, or have it removed."""
    eve = as_user(daemon, (await made(daemon, TokenKind.USER, owner=EVE)).secret)
    ada = as_user(daemon, (await made(daemon, TokenKind.USER, owner=ADA)).secret)
    liar, honest = await made(daemon, TokenKind.AGENT), await made(daemon, TokenKind.AGENT)
    async with joined(as_agent(daemon, liar.secret), "liar", (DOUBLE,), lambda *_: {"value": "666.0"}):
        await daemon.push(PAIR)
        assert await values(eve) == LIES
    await daemon.accio.RevokeToken(accio_pb2.RevokeTokenRequest(id=liar.token.id))
    async with joined(as_agent(daemon, honest.secret), "honest", (DOUBLE,)):
        assert await values(ada) == LIES
        assert await values(ada, accio_pb2.CACHE_MODE_NONE) == RIGHT
        assert await values(ada) == LIES
        if remove:
            removed = await daemon.accio.RemoveFromCache(accio_pb2.RemoveFromCacheRequest(operator="Double"))
            assert removed.removed == 2
        else:
            assert await values(ada, accio_pb2.CACHE_MODE_REFRESH) == RIGHT
        assert await values(ada) == RIGHT
