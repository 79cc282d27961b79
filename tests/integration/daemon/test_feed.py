"""The rpc Feed: what a listener is told, and what it isn't."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from accio.v1 import accio_pb2, accio_pb2_grpc
from tests.integration.daemon.harness import Serving, Stub, configured, serving
from tests.integration.daemon.scripted_agent import joined
from tests.integration.daemon.test_rights import as_ada, submitted, tokens_of
from tests.integration.daemon.workflows import PAIR


@asynccontextmanager
async def fed(daemon: Serving, **options: Any) -> AsyncIterator[Any]:
    """Listen for as long as the context lasts; the first message, which says all that is so, has been read."""
    call = daemon.accio.Feed(accio_pb2.FeedRequest(), **options)
    try:
        first = await call.read()
        assert (first.more, first.agents, first.cluster.epoch) == (True, True, 1)
        yield call
    finally:
        call.cancel()


async def test_what_changes_is_told(daemon: Serving) -> None:
    """A submission and its end name the run, an edit says that anything may have changed, a drain names agents."""
    async with joined(daemon.agents), fed(daemon) as changes:
        await daemon.push(PAIR)
        run = await daemon.finished({"workflow": "pair"})
        told = await changes.read()
        assert list(told.runs) == [run.id]
        while told.cluster.active_runs:
            told = await changes.read()
        await daemon.accio.UpdateMetadata(accio_pb2.UpdateMetadataRequest(id=run.id, name="Named"))
        told = await changes.read()
        while not told.more:
            told = await changes.read()
        await daemon.accio.DrainAgent(accio_pb2.DrainAgentRequest(name="agent"))
        told = await changes.read()
        while not told.agents:
            told = await changes.read()
        await daemon.accio.Delete(accio_pb2.RunsRequest(ids=[run.id]))
        told = await changes.read()
        while not told.more:
            told = await changes.read()
        assert not told.runs, "a run that is gone has no id to be named by"


async def test_hidden_runs_are_not_named(tmp_path: Path) -> None:
    """With --hide-runs a feed names the caller's own runs alone."""
    async with serving(configured(tmp_path / "data", hide_runs=True)) as daemon, joined(daemon.agents, behaviour=None):
        tokens = await tokens_of(daemon)
        workflow = await as_ada(daemon, tokens["ada"])("w")
        mine = Stub(accio_pb2_grpc.AccioStub(daemon.channel), tokens["ada"]).Feed(accio_pb2.FeedRequest())
        others = Stub(accio_pb2_grpc.AccioStub(daemon.channel), tokens["eve"]).Feed(accio_pb2.FeedRequest())
        await mine.read()
        await others.read()
        run = await submitted(daemon, tokens["ada"], workflow)
        told = await mine.read()
        while not told.runs:
            told = await mine.read()
        assert list(told.runs) == [run]
        told = await others.read()
        while told.cluster.active_runs == 0:
            told = await others.read()
        assert not told.runs
        mine.cancel()
        others.cancel()
