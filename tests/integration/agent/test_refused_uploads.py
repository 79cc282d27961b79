"""What the agent is told when the daemon refuses content that is being sent to it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from structlog.testing import capture_logs

from accio.channels import Door
from accio.content.store import FolderStore
from accio.errors import ResourceExhausted
from accio.v1 import artifacts_pb2, artifacts_pb2_grpc
from accio_agent.agent.link import transfer

UPLOADS = 200
"""So many are refused: of one in fifty or so gRPC's client says that it ended, and not why."""


class FullStore(artifacts_pb2_grpc.ArtifactsServicer):
    """Lacks every blob, and refuses each after its first piece."""

    async def Locate(self, request: Any, context: Any) -> artifacts_pb2.LocateResponse:  # noqa: N802 - the contract's name
        del request, context
        return artifacts_pb2.LocateResponse()

    async def Missing(  # noqa: N802 - the contract's name
        self, request: artifacts_pb2.MissingRequest, context: Any
    ) -> artifacts_pb2.MissingResponse:
        del context
        return artifacts_pb2.MissingResponse(digests=request.digests)

    async def Write(self, requests: Any, context: Any) -> artifacts_pb2.WriteResponse:  # noqa: N802 - the contract's name
        async for _ in requests:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "the disk is full")
        raise AssertionError("nothing was sent")

    def Read(self, request: Any, context: Any) -> AsyncIterator[artifacts_pb2.ReadChunk]:  # noqa: N802 - the contract's name
        raise AssertionError(f"nobody reads {request.digest} at {context.peer()}")


class StoreThatComesBack(FullStore):
    """Can't look for anything at first, and has everything then."""

    def __init__(self) -> None:
        self.asked = 0

    async def Missing(  # noqa: N802 - the contract's name
        self, request: artifacts_pb2.MissingRequest, context: Any
    ) -> artifacts_pb2.MissingResponse:
        del request
        self.asked += 1
        if self.asked < 4:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the store s3://b can't be looked into: it is away")
        return artifacts_pb2.MissingResponse()


async def test_content_that_waits_for_the_store_is_logged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And that it doesn't any more: else a run that stands still would have no reason anywhere."""
    monkeypatch.setattr(transfer, "PATIENCE_S", 0)
    server, service = grpc.aio.server(), StoreThatComesBack()
    artifacts_pb2_grpc.add_ArtifactsServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sending = transfer.Transfer(Door(f"127.0.0.1:{port}"), lambda: None)
    with FolderStore(tmp_path / "store") as store, capture_logs() as said:
        await sending.send([store.put(b"x").digest], store)
    await sending.close()
    await server.stop(None)
    assert service.asked == 4
    assert [(each["log_level"], each.get("reason")) for each in said] == [
        ("warning", "the store s3://b can't be looked into: it is away"),
        ("info", None),
    ]


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """Where a daemon listens whose disk is full."""
    server = grpc.aio.server()
    artifacts_pb2_grpc.add_ArtifactsServicer_to_server(FullStore(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


async def test_an_upload_that_is_refused_midway_says_why(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon's reason arrives, though gRPC's client loses it when it comes while a piece is being written."""
    monkeypatch.setattr(transfer, "PATIENCE_S", 0)
    sending = transfer.Transfer(Door(address), lambda: None)
    with FolderStore(tmp_path / "store") as store:
        blob = store.put(b"x" * (16 * transfer.PIECE))
        for _ in range(UPLOADS):
            with pytest.raises(ResourceExhausted, match="the disk is full"):
                await sending.send([blob.digest], store)
    await sending.close()
