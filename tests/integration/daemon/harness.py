"""A daemon in this process, on a free port, with everything real but the agents; and clients of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc.aio
import orjson
import pytest

from accio.v1 import (
    accio_pb2,
    accio_pb2_grpc,
    agents_pb2_grpc,
    artifacts_pb2_grpc,
    pools_pb2_grpc,
    runs_pb2,
    workflows_pb2,
)
from accio_daemon import bootstrap
from accio_daemon.bootstrap import Daemon
from accio_daemon.config import Config, read_config


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A daemon with clients of it."""

    config: Config
    daemon: Daemon
    channel: grpc.aio.Channel
    accio: Any
    agents: Any
    artifacts: Any
    pools: Any

    async def push(self, document: dict[str, Any]) -> workflows_pb2.Workflow:
        """Push a workflow definition."""
        request = workflows_pb2.PushWorkflowRequest(definition=orjson.dumps(document), base_path="/base")
        workflow: workflows_pb2.Workflow = (await self.accio.PushWorkflow(request)).workflow
        return workflow

    async def submit(self, document: dict[str, Any], **fields: Any) -> runs_pb2.Run:
        """Submit a run definition."""
        request = accio_pb2.SubmitRequest(
            definition=orjson.dumps(document), base_path="/base", caller="Ada <ada@x.org>", **fields
        )
        run: runs_pb2.Run = (await self.accio.Submit(request)).run
        return run

    async def finished(self, document: dict[str, Any], **fields: Any) -> runs_pb2.Run:
        """Submit a run, and give it once it has ended."""
        request = accio_pb2.SubmitRequest(definition=orjson.dumps(document), base_path="/base", **fields)
        last: runs_pb2.Run | None = None
        async for update in self.accio.SubmitAndWatch(request):
            last = update.run
        assert last is not None
        return last

    async def get(self, run: str, *, nodes: bool = False) -> accio_pb2.GetResponse:
        """Get a run."""
        response: accio_pb2.GetResponse = await self.accio.Get(accio_pb2.GetRequest(id=run, nodes=nodes))
        return response


class Stub:
    """A generated stub whose calls carry a token."""

    def __init__(self, stub: Any, token: str | None) -> None:
        self._stub = stub
        self._metadata = None if token is None else (("authorization", f"Bearer {token}"),)

    def __getattr__(self, method: str) -> Any:
        return partial(getattr(self._stub, method), metadata=self._metadata)


def configured(folder: Path, **options: Any) -> Config:
    """Configure a daemon in *folder* on any free port, which may write backups beside that."""
    beside = (str(folder.parent),)
    return read_config(listen="127.0.0.1:0", data_dir=str(folder), backups=beside, environment={}, **options)


@asynccontextmanager
async def serving(config: Config) -> AsyncIterator[Serving]:
    """Run a daemon for as long as the context lasts."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    ready: asyncio.Future[Daemon] = loop.create_future()
    task = loop.create_task(bootstrap.serve(config, stop, ready.set_result))
    await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    daemon = ready.result()
    token = config.token.read_text().split()[0]
    try:
        async with grpc.aio.insecure_channel(daemon.address) as channel:
            yield Serving(
                config=config,
                daemon=daemon,
                channel=channel,
                accio=Stub(accio_pb2_grpc.AccioStub(channel), token),
                agents=Stub(agents_pb2_grpc.AgentsStub(channel), token),
                artifacts=Stub(artifacts_pb2_grpc.ArtifactsStub(channel), token),
                pools=Stub(pools_pb2_grpc.PoolsStub(channel), token),
            )
    finally:
        stop.set()
        await task


@asynccontextmanager
async def refused(code: grpc.StatusCode, *mentions: str) -> AsyncIterator[None]:
    """Expect that a call is refused with a status, and that its details mention some texts."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        yield
    assert raised.value.code() is code, raised.value.details()
    for text in mentions:
        assert text in (raised.value.details() or "")
