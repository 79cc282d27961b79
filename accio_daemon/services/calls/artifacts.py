"""The service `Artifacts`: blobs by digest, in and out of the daemon's store. Files are read and written in threads."""

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

import grpc.aio

from accio.content.blobs import BlobStore, BlobWriter
from accio.content.datasets import contents
from accio.content.digest import Digest, parse_digest
from accio.content.errors import BlobMissing
from accio.errors import BadRequest
from accio.v1 import artifacts_pb2
from accio_daemon.core.commands import ContentMissing
from accio_daemon.engine.ports import EnginePort
from accio_daemon.services.transport.rpc import Send, Stream

T = TypeVar("T")

CHUNK = 1024 * 1024


class ArtifactCalls:
    """Which blobs are missing, storing them, reading them."""

    def __init__(self, store: BlobStore, engine: EnginePort) -> None:
        """Serve *store*; the engine learns of content that turns out to be damaged."""
        self._store = store
        self._engine = engine

    async def missing(self, request: artifacts_pb2.MissingRequest) -> artifacts_pb2.MissingResponse:
        """Return the digests that the store lacks; the others count as used, so that none is freed meanwhile, unless
        this is only a look.
        """
        wanted = [parse_digest(text) for text in request.digests]
        there = await in_thread(lambda: self._store.has(wanted, use=not request.look))
        return artifacts_pb2.MissingResponse(digests=[digest for digest in wanted if digest not in there])

    async def locate(self, request: artifacts_pb2.LocateRequest) -> artifacts_pb2.LocateResponse:
        """Return addresses of blobs in an object store; of those to be written, each counts as used."""
        wanted = [parse_digest(text) for text in request.digests]
        response = artifacts_pb2.LocateResponse(ever=self._store.has_addresses)
        if response.ever:
            await in_thread(lambda: self._store.has(wanted, use=request.write))
            for digest, url in await in_thread(lambda: self._addresses(wanted, write=request.write)):
                response.locations.add(digest=digest, url=url)
        return response

    def _addresses(self, wanted: Iterable[Digest], *, write: bool) -> list[tuple[Digest, str]]:
        found = ((digest, self._store.address(digest, write=write)) for digest in wanted)
        return [(digest, url) for digest, url in found if url is not None]

    async def write(
        self, stream: Stream[artifacts_pb2.WriteChunk, artifacts_pb2.WriteResponse]
    ) -> artifacts_pb2.WriteResponse:
        """Store the blobs of a stream, each verified against its digest before it counts."""
        response = artifacts_pb2.WriteResponse()
        writer: BlobWriter | None = None
        try:
            while (chunk := await stream.read()) is not grpc.aio.EOF:
                if chunk.digest:
                    digest = parse_digest(chunk.digest)
                    finished, data = writer, chunk.data
                    writer = None  # whatever happens next, the finished one isn't ours any more
                    writer = await in_thread(lambda: self._begin(finished, response, digest, data))  # noqa: B023  # it is awaited in this turn
                elif writer is None:
                    raise BadRequest("expected the digest of a blob in its first piece, found none")
                else:
                    current, data = writer, chunk.data
                    await in_thread(lambda: current.write(data))  # noqa: B023  # as above
            last, writer = writer, None
            await in_thread(lambda: _commit(last, response))
        finally:
            if writer is not None:
                abandoned = writer
                await in_thread(abandoned.discard)
        return response

    def _begin(
        self, finished: BlobWriter | None, response: artifacts_pb2.WriteResponse, digest: str, data: bytes
    ) -> BlobWriter:
        _commit(finished, response)
        writer = self._store.writer(parse_digest(digest))
        try:
            writer.write(data)
        except BaseException:
            writer.discard()
            raise
        return writer

    async def read(self, request: artifacts_pb2.ReadRequest, send: Send[artifacts_pb2.ReadChunk]) -> None:
        """Send a blob, verified as a whole before its first byte is sent."""
        digest = parse_digest(request.digest)
        try:
            file = await in_thread(lambda: self._store.open_verified(digest))
        except BlobMissing as error:
            gone = [digest]
            if error.quarantined:  # damaged just now: results name it, or a dataset that it is a file of
                gone += await in_thread(lambda: _datasets_with(self._store, digest))
            self._engine.post(ContentMissing(digests=tuple(gone)))
            raise
        try:
            sent = False
            while (data := await in_thread(lambda: file.read(CHUNK))) or not sent:
                await send(artifacts_pb2.ReadChunk(data=data))
                sent = True
        finally:
            file.close()


def _datasets_with(store: BlobStore, file: Digest) -> list[Digest]:
    """Find the datasets that a blob is a file of. This looks at every blob; damage is rare."""
    known = contents(store, (blob.digest for blob in store.list()))
    return [dataset for dataset, files in known.items() if file in files]


def _commit(writer: BlobWriter | None, response: artifacts_pb2.WriteResponse) -> None:
    if writer is None:
        return
    try:
        stored = writer.commit()
    finally:
        writer.discard()
    if stored.new:
        response.blobs += 1
        response.bytes += stored.size


async def in_thread(work: Callable[[], T]) -> T:
    """Do work in a thread; a cancelled caller waits for its end, so that nothing is closed under it."""
    future = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait((future,))
        raise
