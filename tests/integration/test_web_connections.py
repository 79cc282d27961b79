"""Connections of the web interface that owe us a request, or don't read: they are cut, and others are served."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accio_web.connections import MOST_WAITING, Connection

Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]
LONG_S = 300.0
WHOLE = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
ENDLESS = b"GET / HTTP/1.1\r\nx-long: "
LARGE = 64 << 20


async def _answer(_: Request) -> Response:
    return Response("here")


async def _length(request: Request) -> Response:
    return Response(str(len(await request.body())))


async def _large(_: Request) -> Response:
    return Response(b"x" * LARGE)


class Served:
    """A server whose connections have some patience, and its connections to it."""

    def __init__(self, **patience: float) -> None:
        app = Starlette(
            routes=[Route("/", _answer), Route("/body", _length, methods=["POST"]), Route("/large", _large)]
        )
        kept = {"HEAD_S": LONG_S, "BODY_S": LONG_S, "UNREAD_S": LONG_S} | patience
        self.lost = lost = asyncio.Event()

        class Noticed(Connection):
            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                lost.set()

        for name, seconds in kept.items():
            setattr(Noticed, name, seconds)
        self.server = uvicorn.Server(
            uvicorn.Config(app, http=Noticed, log_config=None, ws="none", timeout_graceful_shutdown=1)
        )
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=1000)
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(self, said: bytes = b"") -> Opened:
        reader, writer = await asyncio.open_connection(*self.listening.getsockname(), limit=1 << 20)
        self._writers.append(writer)
        writer.write(said)
        return reader, writer

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
        for writer in self._writers:
            with suppress(ConnectionError):
                await writer.wait_closed()
        self.server.should_exit = True


@asynccontextmanager
async def _served(**patience: float) -> AsyncIterator[Served]:
    served = Served(**patience)
    async with asyncio.TaskGroup() as group:
        group.create_task(served.server.serve([served.listening]))
        try:
            yield served
        finally:
            await served.close()


async def _is_cut(connection: Opened) -> None:
    """Wait until the other side has ended a connection."""
    with suppress(ConnectionError):
        while await connection[0].read(1 << 20):
            pass


async def _ask(connection: Opened, request: bytes = WHOLE) -> bytes:
    connection[1].write(request)
    return await connection[0].readuntil(b"here")


async def test_a_head_that_does_not_end_is_cut() -> None:
    """Neither the first request of a connection nor a further one has longer, however much of it comes."""
    async with _served(HEAD_S=0.5) as served:
        silent, begun, further = await served.connect(), await served.connect(ENDLESS), await served.connect()
        assert b"200 OK" in await _ask(further)
        further[1].write(ENDLESS)
        for each in (silent, begun, further):
            await _is_cut(each)
        assert b"200 OK" in await _ask(await served.connect())


async def test_a_body_that_does_not_end_is_cut() -> None:
    """One that comes whole is answered."""
    head = b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n"
    async with _served(BODY_S=0.5) as served:
        slow, whole = await served.connect(head + b"four"), await served.connect(head + b"nine more")
        assert (await whole[0].readuntil(b"\r\n\r\n9")).startswith(b"HTTP/1.1 200 OK")
        await _is_cut(slow)


async def test_an_answer_that_nobody_reads_is_cut() -> None:
    """Who doesn't read takes neither memory nor a descriptor for ever."""
    async with _served(UNREAD_S=0.5) as served:
        reader, _ = await served.connect(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(b"200 OK")
        await served.lost.wait()
        found = 0
        with suppress(ConnectionError):
            while more := await reader.read(1 << 20):
                found += len(more)
        assert found < LARGE


async def test_of_many_that_wait_the_oldest_are_cut() -> None:
    """A flood of requests without an end costs itself, and nobody who sends one that has one."""
    async with _served() as served:
        flood = []
        for number in range(2 * MOST_WAITING):
            flood.append(await served.connect(ENDLESS))
            if number % 50 == 0:
                assert b"200 OK" in await _ask(await served.connect())
        for each in flood[:MOST_WAITING]:
            await _is_cut(each)
        assert b"200 OK" in await _ask(flood[-1], b"y\r\nhost: x\r\n\r\n"), "those that came last still wait"
