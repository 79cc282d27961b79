"""A daemon whose object store takes requests and doesn't answer them, or is away, on a real S3 server."""

import asyncio
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from accio.v1 import agents_pb2, runs_pb2
from tests.acceptance.links import proxy
from tests.acceptance.processes import moment
from tests.acceptance.s3 import S3, s3_server
from tests.integration.daemon.harness import configured, serving
from tests.integration.daemon.scripted_agent import DOUBLE, joined, operator
from tests.integration.daemon.workflows import PAIR

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

MAKING = {"id": "making", "graph": [{"op": "Make"}]}
ABSENT = '"blake3:' + "ab" * 32 + '"'


def use(s3: S3, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a daemon of this process use a server at an address."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT", endpoint)


async def test_a_store_that_hangs_holds_up_no_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats are answered and other reports taken while content is looked for, and it is judged afterwards."""
    make = operator("Make", (), (("data", "dataset"),), digest="f")
    with s3_server(tmp_path / "s3") as s3, proxy(s3.ports["s3"]) as between:
        use(s3, f"http://{between.address}", monkeypatch)
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


async def test_what_is_gathered_waits_for_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that is too long to stay out of the store is gathered once that is back, and its node doesn't fail."""
    text = operator("Text", (("x", "integer", None),), (("value", "string"),), digest="6")
    join = operator("Join", (("texts", "list(string)", None),), (("value", "string"),), digest="7")
    graph = [
        {"op": "Text", "inputs": {"x": {"param": "x"}}},
        {"op": "Join", "inputs": {"texts": {"gather": "Text/value"}}},
    ]
    with s3_server(tmp_path / "s3") as s3:
        use(s3, s3.environment["AWS_ENDPOINT"], monkeypatch)
        async with (
            serving(configured(tmp_path / "data", store=s3.url("blobs"))) as daemon,
            joined(daemon.agents, operators=(text, join), behaviour=None) as agent,
        ):
            await daemon.push({"id": "long", "params": [{"name": "x", "kind": "integer"}], "graph": graph})
            s3.stop()
            run = await daemon.submit({"workflow": "long", "params": {"x": {"values": [1, 2, 3]}}})
            with capture_logs() as logs:
                for _ in range(3):
                    done = agent.report(await agent.work.get(), {"value": '"' + 40_000 * "a" + '"'})
                    await agent.send(reports=agents_pb2.Reports(reports=[done]))
                async with asyncio.timeout(100):
                    while not any("waits for the store" in each["event"] for each in logs):
                        await moment()
            s3.start()
            async with asyncio.timeout(100):
                assert agent.operator_of(await agent.work.get()) == "Join"
            (node,) = (await daemon.get(run.id, nodes=True)).nodes
            assert node.state == runs_pb2.NODE_STATE_RUNNING
