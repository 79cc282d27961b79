"""Moves blobs between the agent's cache and the daemon's store, in pieces, verified on both sides.

Where the daemon keeps blobs in an object store they go there and come from there directly, by addresses that it signs
for minutes. What can't go that way, for whatever reason, goes through the daemon, which then says what is wrong.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial

import grpc
import grpc.aio
import structlog

from accio.channels import Door, bearer
from accio.content.digest import Digest
from accio.content.store import FolderStore
from accio.errors import Unavailable
from accio.v1 import artifacts_pb2, artifacts_pb2_grpc
from accio.wire.errors import from_status
from accio_agent.agent.link.session import OPTIONS

log = structlog.get_logger("accio.agent")

PIECE = 1 << 20
AT_ONCE = 4
IDLE_S = 60.0
PATIENCE_S = 1.0
_ASKED_AT_ONCE = 20_000
_OF_THE_STORE = "the store "  # how errors about it begin
_LOCATED = 1000  # addresses that are asked for at a time


class Transfer:
    """Calls of the Artifacts service. What can't be done because the daemon is away is tried again until it can."""

    def __init__(self, door: Door, token: Callable[[], str | None]) -> None:
        self._door = door
        self._token = token
        self._channel: grpc.aio.Channel | None = None
        self._has_locations = True  # until the daemon says otherwise
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._waits_as = ""  # why the daemon's store can't be used, as was told

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()

    async def fetch(self, digests: Sequence[Digest], store: FolderStore) -> None:
        """Read blobs from the daemon into the store; raises the daemon's error (NotFound if it lacks one)."""
        for digest in digests:
            await self._patiently(partial(self._fetch, digest, store))

    async def send(self, digests: Sequence[Digest], store: FolderStore) -> None:
        """Write those blobs that the daemon lacks."""
        if digests:
            await self._patiently(partial(self._send, digests, store))

    async def lacking(self, digests: Sequence[Digest]) -> set[Digest]:
        """Return those blobs that the daemon lacks; asking is no use of the others."""
        found: set[Digest] = set()
        for start in range(0, len(digests), _ASKED_AT_ONCE):
            await self._patiently(partial(self._look, digests[start : start + _ASKED_AT_ONCE], found))
        return found

    async def _look(self, digests: Sequence[Digest], found: set[Digest]) -> None:
        stub = await self._stub()
        request = artifacts_pb2.MissingRequest(digests=digests, look=True)
        answer = await stub.Missing(request, metadata=self._metadata(), timeout=IDLE_S)
        found.update(Digest(text) for text in answer.digests)

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                async with self._slots:
                    await work()
                self._note("")
                return
            except grpc.aio.AioRpcError as error:
                failure = from_status(error.code(), error.details() or "", tuple(error.trailing_metadata() or ()))
                if not isinstance(failure, Unavailable):
                    raise failure from None
                if failure.message.startswith(_OF_THE_STORE):  # of the daemon itself, the session tells
                    self._note(failure.message)
            except Unavailable:  # it couldn't be asked who it is
                pass
            await asyncio.sleep(PATIENCE_S)

    def _note(self, reason: str) -> None:
        """Log once that content waits for the daemon's store, and that it doesn't any more."""
        if reason and reason != self._waits_as:
            log.warning("content waits for the daemon's store; nothing fails for it", reason=reason)
        elif self._waits_as and not reason:
            log.info("the daemon's store answers again")
        self._waits_as = reason

    async def _fetch(self, digest: Digest, store: FolderStore) -> None:
        stub = await self._stub()
        for url in (await self._locate(stub, [digest], write=False)).values():
            from accio_agent.agent.link import direct  # it loads what speaks HTTP, which no other store needs

            if await asyncio.to_thread(direct.download, url, digest, store):
                return
        call = stub.Read(artifacts_pb2.ReadRequest(digest=digest), metadata=self._metadata())
        with store.writer(digest) as writer:
            async for chunk in call:
                await asyncio.to_thread(writer.write, chunk.data)
            await asyncio.to_thread(writer.commit)

    async def _send(self, digests: Sequence[Digest], store: FolderStore) -> None:
        stub, metadata = await self._stub(), self._metadata()
        answer = await stub.Missing(artifacts_pb2.MissingRequest(digests=digests), metadata=metadata, timeout=IDLE_S)
        lacking = set(answer.digests)
        wanted = [digest for digest in digests if digest in lacking]
        sent = await self._send_directly(stub, wanted, store)
        left = [digest for digest in wanted if digest not in sent]
        if left:
            await stub.Write(_chunks(left, store), metadata=metadata)

    async def _send_directly(
        self, stub: "artifacts_pb2_grpc.ArtifactsAsyncStub", digests: Sequence[Digest], store: FolderStore
    ) -> set[Digest]:
        """Write blobs to where the daemon keeps them; return those for which that worked."""
        sent: set[Digest] = set()
        for start in range(0, len(digests), _LOCATED):
            found = await self._locate(stub, digests[start : start + _LOCATED], write=True)
            for digest, url in found.items():
                from accio_agent.agent.link import direct  # as above

                if await asyncio.to_thread(direct.upload, url, digest, store):
                    sent.add(digest)
        return sent

    async def _locate(
        self, stub: "artifacts_pb2_grpc.ArtifactsAsyncStub", digests: Sequence[Digest], *, write: bool
    ) -> dict[Digest, str]:
        """Ask for addresses, unless the daemon has none."""
        if not self._has_locations or not digests:
            return {}
        request = artifacts_pb2.LocateRequest(digests=digests, write=write)
        try:
            answer = await stub.Locate(request, metadata=self._metadata(), timeout=IDLE_S)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:  # a daemon of an earlier version
                raise
            answer = artifacts_pb2.LocateResponse()
        self._has_locations = answer.ever
        return {Digest(each.digest): each.url for each in answer.locations}

    async def _stub(self) -> "artifacts_pb2_grpc.ArtifactsAsyncStub":
        if self._channel is None:
            await asyncio.to_thread(self._door.find_authority)
        if self._channel is None:  # nobody else has opened one meanwhile
            self._channel = self._door.open(OPTIONS)
        return artifacts_pb2_grpc.ArtifactsStub(self._channel)

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return bearer(self._token())


async def _chunks(digests: Sequence[Digest], store: FolderStore) -> AsyncIterator[artifacts_pb2.WriteChunk]:
    """Yield blobs in pieces, one after the other; an empty blob is one empty piece."""
    for digest in digests:
        with store.open(digest) as file:
            first = True
            while (data := await asyncio.to_thread(file.read, PIECE)) or first:
                yield artifacts_pb2.WriteChunk(digest=digest if first else "", data=data)
                first = False
