"""Both ends of the line at which a daemon asks an agent of its machine for looks, as tests hold them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from accio.look_line import ANSWER, KEY_BYTES, MOST_BYTES, QUESTION
from accio.v1 import agents_pb2


@asynccontextmanager
async def line_of(welcome: agents_pb2.Welcome) -> AsyncIterator[socket.socket]:
    """Connect as the agent that was welcomed would."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, welcome.looks_at)
        await asyncio.get_running_loop().sock_sendall(line, welcome.looks_key)
        yield line


async def asked(line: socket.socket) -> int:
    """Return the number of the next look that is asked for; 0 if the daemon has hung up."""
    data = await asyncio.get_running_loop().sock_recv(line, MOST_BYTES)
    return int(QUESTION.unpack(data)[0]) if data else 0


async def answer(line: socket.socket, number: int, told: int) -> None:
    """Answer for a look that nothing is new since what was told so many times, or that it isn't sure (UNSURE)."""
    await asyncio.get_running_loop().sock_sendall(line, ANSWER.pack(number, told))


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """Listen as a daemon does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.setblocking(False)
        listener.bind(str(path))
        listener.listen()
        yield listener


async def accepted(listener: socket.socket) -> tuple[socket.socket, bytes]:
    """Wait for an agent; return its connection, and the key that it says."""
    connection, _ = await asyncio.get_running_loop().sock_accept(listener)
    return connection, await asyncio.get_running_loop().sock_recv(connection, KEY_BYTES)


async def ask(connection: socket.socket, number: int) -> tuple[int, int]:
    """Ask an agent for a look; return the number that it answers, and how often it has told something."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, QUESTION.pack(number))
    again, told = ANSWER.unpack(await loop.sock_recv(connection, MOST_BYTES))
    return int(again), int(told)
