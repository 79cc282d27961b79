"""A daemon whose object store takes requests and doesn't answer them, beside a real S3 server."""

import asyncio
import os
from pathlib import Path

import pytest

from accio.v1 import agents_pb2, runs_pb2
from tests.acceptance.links import proxy
from tests.acceptance.s3 import s3_server
from tests.integration.daemon.harness import configured, serving
from tests.integration.daemon.scripted_agent import DOUBLE, joined, operator
from tests.integration.daemon.workflows import PAIR

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

MAKING = {"id": "making", "graph": [{"op": "Make"}]}
ABSENT = '"blake3:' + "ab" * 32 + '"'


async def test_a_store_that_hangs_holds_up_no_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats are answered and other reports taken while content is looked for, and it is judged afterwards."""
    make = operator("Make", (), (("data", "dataset"),), digest="f")
    with s3_server(tmp_path / "s3") as s3, proxy(s3.ports["s3"]) as between:
        for name in list(os.environ):
            if name.startswith("AWS_"):
                monkeypatch.delenv(name)
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT", f"http://{between.address}")
        async with (
            serving(configured(tmp_path / "data", store=s3.url("blobs"))) as daemon,
            joined(daemon.agents, operators=(make, DOUBLE), behaviour=None) as agent,
        ):
            await daemon.push(MAKING)
            await daemon.push(PAIR)
            making = await daemon.submit({"workflow": "making"})
            made = await agent.work.get()
            between.cut()
            await agent.send(reports=agents_pb2.Reports(reports=[agent.report(made, {"data": ABSENT})]))
            await agent.send(heartbeat=agents_pb2.Heartbeat(seq=7))
            assert (await agent.received.get()).heartbeat.seq == 7
            pair = await daemon.submit({"workflow": "pair"})
            double = agent.report(await agent.work.get(), {"value": "2.0"})
            await agent.send(reports=agents_pb2.Reports(reports=[double]))
            async with asyncio.timeout(50):  # less than the store's own patience
                assert await agent.acked.get() == double.seq
            nodes = (await daemon.get(pair.id, nodes=True)).nodes
            assert nodes[0].state == runs_pb2.NODE_STATE_SUCCESS
            assert (await daemon.get(making.id, nodes=True)).nodes[0].state == runs_pb2.NODE_STATE_RUNNING
            between.heal()
            assert await agent.acked.get() == 1
            (node,) = (await daemon.get(making.id, nodes=True)).nodes
            assert "the store lacks" in node.failure.message
