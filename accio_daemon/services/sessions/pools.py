"""The side of those who serve pools: one call is one session. What they are told is durable, and whole each time."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager

import grpc.aio
import structlog

from accio.domain.pools import CLUSTER_DIGITS
from accio.errors import AccioError, BadRequest, Unauthenticated
from accio.v1 import pools_pb2
from accio.version import accio_version
from accio_daemon.core.history import History
from accio_daemon.core.outgoing import Outgoing, Wanted
from accio_daemon.core.pools.commands import PoolsJoined, PoolsLeft
from accio_daemon.core.terms import SessionNo
from accio_daemon.engine.ports import EnginePort
from accio_daemon.services.messages.pools import found_of, pools_joined_of, refused_of, wanted_message
from accio_daemon.services.sessions.handshake import read_hello
from accio_daemon.services.transport.auth import STANDING, Standing
from accio_daemon.services.transport.rpc import Stream

log = structlog.get_logger(__name__)

PoolStream = Stream[pools_pb2.PoolsMessage, pools_pb2.PoolsAnswer]


Permit = AbstractContextManager[None]


class _Left(Exception):
    """The other side is gone."""


class WantedLink:
    """An `AgentLink` that keeps the newest wishes of each pool until they are sent."""

    def __init__(self) -> None:
        self._waiting: dict[str, Wanted] = {}
        self._filled = asyncio.Event()

    def deliver(self, outgoing: Outgoing) -> None:
        """Queue what one batch has decided; newer wishes for a pool replace older ones."""
        self._waiting |= outgoing.wanted
        self._filled.set()

    async def next(self) -> Sequence[Wanted]:
        """Wait for wishes, and return all of them."""
        await self._filled.wait()
        self._filled.clear()
        waiting, self._waiting = self._waiting, {}
        return list(waiting.values())


class PoolSessions:
    """The rpc `Pools.Serve`."""

    def __init__(self, engine: EnginePort, history: History, serving: Callable[[Collection[str]], Permit]) -> None:
        """Serve sessions of the daemon with this history, whose beginning is part of all names of allocations.

        While a session lasts, *serving* holds for the names of its pools; it may refuse them.
        """
        self._engine = engine
        self._serving = serving
        self._cluster = history.id[:CLUSTER_DIGITS]

    async def serve(self, stream: PoolStream) -> None:
        """Serve one session until it ends."""
        hello = await read_hello(stream, pools_pb2.PoolsHello)
        joined = pools_joined_of(self._engine.next_session(), hello)
        names = [spec.name for spec in joined.pools]
        with self._serving(names):
            await self._serve(stream, joined, names, hello.version)

    async def _serve(self, stream: PoolStream, joined: PoolsJoined, names: Sequence[str], version: str) -> None:
        number = joined.session
        link = WantedLink()
        refusal: BaseException | None = None
        self._engine.attach(number, link)
        try:
            await self._engine.ask(joined)
            log.info("pools are served", pools=names, session=number, version=version)
            welcome = pools_pb2.PoolsWelcome(cluster=self._cluster, version=accio_version(), allocation_tokens=True)
            await stream.write(pools_pb2.PoolsAnswer(welcome=welcome))
            async with asyncio.TaskGroup() as loops:
                loops.create_task(self._receive(stream, number), name=f"pools {number}: receive")
                loops.create_task(_send(stream, link), name=f"pools {number}: send")
                loops.create_task(_watch_token(STANDING.get()), name=f"pools {number}: token")
        except* _Left:
            pass
        except* AccioError as group:
            refusal = group.exceptions[0]
        finally:
            # Enqueue only: this handler may be dying.
            self._engine.detach(number)
            self._engine.post(PoolsLeft(session=number))
            log.info("pools are away", pools=names, session=number)
        if refusal is not None:
            raise refusal

    async def _receive(self, stream: PoolStream, session: SessionNo) -> None:
        while (message := await stream.read()) is not grpc.aio.EOF:
            match message.WhichOneof("kind"):
                case "list":
                    self._engine.post(found_of(session, message.list))
                case "refusals":
                    self._engine.post(refused_of(session, message.refusals))
                case "hello":
                    raise BadRequest("expected one hello per session, found a second")
                case _:  # a kind of a newer protocol
                    continue
        raise _Left


async def _send(stream: PoolStream, link: WantedLink) -> None:
    while True:
        for wanted in await link.next():
            try:
                await stream.write(pools_pb2.PoolsAnswer(wanted=wanted_message(wanted)))
            except Exception as error:  # gRPC has no common class for "the other side is gone"
                raise _Left from error


async def _watch_token(standing: Standing) -> None:
    raise Unauthenticated(await standing.ended())
