"""Agents that say whose nodes they take, and daemons that know who is in which group by their tokens."""

import asyncio
from pathlib import Path

import grpc
import pytest

from accio.domain.access import TokenKind
from accio.v1 import accio_pb2, runs_pb2
from tests.integration.daemon.harness import Serving, configured, refused, serving
from tests.integration.daemon.scripted_agent import joined
from tests.integration.daemon.test_rights import made
from tests.integration.daemon.workflows import PAIR

ADA = "Ada <ada@x.org>"  # whose the runs are that the harness submits


async def why(daemon: Serving, run: str, text: str) -> str:
    """Return why the first node of a run waits, once that has a text."""
    said = ""
    async with asyncio.timeout(60):
        while text not in said:
            said = (await daemon.accio.Why(accio_pb2.WhyRequest(run=run))).answers[0].reason
    return said


async def test_an_agent_takes_nodes_of_whom_it_says(daemon: Serving) -> None:
    """Nodes of others wait, and say for what; `ListAgents` tells whose it takes, by what tells owners apart."""
    async with joined(daemon.agents, "eves", owners=["Eve <EVE@x.org>", "Cy"]):
        await daemon.push(PAIR)
        run = await daemon.submit({"workflow": "pair"})
        assert await why(daemon, run.id, "eves") == (
            "no agent that could execute it takes nodes of Ada <ada@x.org>: eves takes only those of Cy, eve@x.org"
        )
        (listed,) = (await daemon.accio.ListAgents(accio_pb2.ListAgentsRequest())).agents
        assert list(listed.owners) == ["Cy", "eve@x.org"]
        async with joined(daemon.agents, "adas", owners=["ada@x.org"]):
            async with asyncio.timeout(60):
                states = [each.run.state async for each in daemon.accio.Watch(accio_pb2.WatchRequest(id=run.id))]
            assert states[-1] == runs_pb2.RUN_STATE_SUCCESS


async def test_tokens_tell_whose_nodes_an_agent_of_a_group_takes(tmp_path: Path) -> None:
    """Who gets a token of the group is served at once, and after a restart; who has none any more isn't."""
    config = configured(tmp_path / "data")
    async with serving(config) as daemon, joined(daemon.agents, "labs", behaviour=None, owners=["group:lab"]) as agent:
        await daemon.push(PAIR)
        run = await daemon.submit({"workflow": "pair"})
        await why(daemon, run.id, "labs takes only those of group:lab")
        token = (await made(daemon, TokenKind.USER, owner=ADA, groups=["lab"])).token
        async with asyncio.timeout(60):
            await agent.work.get()
    async with serving(config) as daemon, joined(daemon.agents, "labs", behaviour=None, owners=["group:lab"]) as agent:
        async with asyncio.timeout(60):
            await agent.work.get()
        await daemon.accio.RevokeToken(accio_pb2.RevokeTokenRequest(id=token.id))
        second = await daemon.submit({"workflow": "pair", "params": {"x": 7.0}})
        await why(daemon, second.id, "labs takes only those of group:lab")
        assert agent.work.empty()


@pytest.mark.parametrize(("owner", "word"), [("everybody", "group:NAME"), ("group:", "group:lab"), ("a <", "owner")])
async def test_what_is_no_owner_is_refused(daemon: Serving, owner: str, word: str) -> None:
    """An agent that names nobody isn't let in."""
    told = refused(grpc.StatusCode.INVALID_ARGUMENT, "whose nodes an agent takes", word)
    async with told, joined(daemon.agents, owners=[owner]):
        pass
