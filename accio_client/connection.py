"""What every call goes through: over gRPC inside an event loop, or, for commands, without either as long as that does.

A connection of a command (*brief*) needs no event loop to be made. A call that `accio_client.brief` can make is made at
once, and whoever runs the coroutine doesn't have to wait; for everything else the coroutine asks to be moved into an
event loop (`in_loop`), where gRPC is loaded, and stays there.
"""

from __future__ import annotations

import os
from contextlib import aclosing
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from accio.channels import bearer
from accio.v1 import accio_pb2, artifacts_pb2, pools_pb2
from accio_client.deadlines import DEADLINE_S, STREAM_DEADLINE_S, closed, silent
from accio_client.other_processes import forked
from accio_client.services import Kept, Metadata, Method, service

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from accio.channels import Door
    from accio.v1.accio_pb2_grpc import AccioAsyncStub
    from accio.v1.artifacts_pb2_grpc import ArtifactsAsyncStub
    from accio.v1.pools_pb2_grpc import PoolsAsyncStub
    from accio_client.brief import BriefDoor
    from accio_client.grpc_connection import GrpcConnection

PATIENCE_S = 30.0

USER_KEY = "accio-user-bin"
"""The metadata in which the daemon is told who the caller is."""

R = TypeVar("R")


class Connection:
    """The daemon's services, and how they are called. Make and use it inside one event loop, unless it is *brief*."""

    def __init__(
        self,
        *,
        door: Door,
        token: str | None,
        user: str = "",
        deadline: float = DEADLINE_S,
        patience: float = PATIENCE_S,
        brief: bool = False,
    ) -> None:
        self.address = door.address
        self.accio: AccioAsyncStub = service(accio_pb2.DESCRIPTOR, "Accio")
        self.pools: PoolsAsyncStub = service(pools_pb2.DESCRIPTOR, "Pools")
        self.artifacts: ArtifactsAsyncStub = service(artifacts_pb2.DESCRIPTOR, "Artifacts")
        self._door = door
        self._deadline = deadline
        self._patience = patience
        self._metadata: Metadata = bearer(token)
        if user:  # counts where the token doesn't identify the caller
            self._metadata += ((USER_KEY, user.encode()),)
        self._grpc: GrpcConnection | None = None
        self._brief: BriefDoor | None = None
        self._closed = False
        self._process = os.getpid()
        place = door.plain_place if brief else None
        if place is not None:
            from accio_client.brief import BriefDoor

            self._brief = BriefDoor(place, self._metadata)
        if not brief:
            self._over_grpc()

    def __repr__(self) -> str:
        return f"Connection({self.address!r}, {self._grpc or self._brief})"

    async def close(self) -> None:
        """Close it for good; nothing of gRPC is kept, whose threads end with the last channel."""
        self._closed, self._brief = True, None
        grpc, self._grpc = self._grpc, None
        if grpc is not None and os.getpid() == self._process:
            await grpc.close()

    def _over_grpc(self) -> GrpcConnection:
        """Return the connection over gRPC, from now on the only one; FailedPrecondition if the client was closed."""
        if self._closed:
            raise closed()
        if self._grpc is not None and os.getpid() != self._process:
            raise forked()
        if self._grpc is None:
            from accio_client.grpc_connection import GrpcConnection  # it loads gRPC

            self._brief = None
            self._grpc = GrpcConnection(door=self._door, metadata=self._metadata, patience=self._patience)
        return self._grpc

    async def in_loop(self) -> None:
        """Go on inside an event loop. What needs one by itself says so by this, as a command has none at first."""
        if self._grpc is None and not self._closed:
            await _Pause()
        self._over_grpc()

    async def call(
        self, method: Any, request: Any, answer: type[R], *, deadline: float = 0, repeatable: bool = True
    ) -> R:
        """Call *method* and return its *answer*; *repeatable* tells whether the daemon may see the request twice."""
        assert isinstance(method, Method)
        within_s = deadline or self._deadline
        if self._brief is not None and repeatable and method.kind == (False, False):
            found = self._briefly(self._brief, method, request, within_s)
            if found is not None:
                assert isinstance(found, answer)
                return found
        await self.in_loop()
        return await self._over_grpc().call(method, request, answer, deadline=within_s, repeatable=repeatable)

    def _briefly(self, door: BriefDoor, method: Method, request: Any, within_s: float) -> Any:
        """Return the answer to a question that is asked without gRPC; None if it has to be asked through it."""
        from accio_client.brief import Refused, Unanswered

        began = monotonic()
        try:
            return method.read(door.ask(method.path, method.write(request), within_s))
        except TimeoutError:
            raise silent(self.address, within_s) from None
        except Refused as refused:
            from accio_client.grpc_connection import refusal

            error = refusal(self.address, refused.status, refused.message, refused.trailers, within_s)
            if error is not None:
                raise error from None
        except Unanswered:
            pass
        if monotonic() - began >= within_s:
            raise silent(self.address, within_s)
        return None

    def stream(
        self, method: Any, request: Any, answer: type[R], *, deadline: float = STREAM_DEADLINE_S
    ) -> AsyncGenerator[R]:
        """Call *method* and give its answers. Close the iterator (aclosing) to end the call early."""
        assert isinstance(method, Method)
        return self._streamed(lambda grpc: grpc.stream(method, request, answer, deadline=deadline))

    def lasting_stream(
        self,
        method: Any,
        request: Any,
        answer: type[R],
        *,
        patience: float,
        again: Callable[[], None] | None = None,
        kept: Kept | None = None,
    ) -> AsyncGenerator[R]:
        """Stream, opening anew whenever the daemon goes away, until it has been away for *patience* seconds.

        After a new start the answers repeat what was told before; *again* is called so that the reader can prepare.
        With *kept*, who asks again and again has that asked in a call that is made once.
        """
        assert isinstance(method, Method)
        return self._streamed(
            lambda grpc: grpc.lasting_stream(method, request, answer, patience=patience, again=again, kept=kept)
        )

    def _streamed(self, begin: Callable[[GrpcConnection], AsyncGenerator[R]]) -> AsyncGenerator[R]:
        return self._in_loop_first(begin) if self._grpc is None else begin(self._over_grpc())

    async def _in_loop_first(self, begin: Callable[[GrpcConnection], AsyncGenerator[R]]) -> AsyncGenerator[R]:
        await self.in_loop()
        async with aclosing(begin(self._over_grpc())) as messages:
            async for message in messages:
                yield message


class _Pause:
    """Awaited where a coroutine can go on only inside an event loop: whoever runs it without one sees that it waits.

    In a loop it goes on in the loop's next turn.
    """

    def __await__(self) -> Generator[None, None, None]:
        yield
