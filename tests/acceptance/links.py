"""Networks that tests can cut: a proxy that works everywhere, and a network namespace where tests are root."""

import asyncio
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol


class Link(Protocol):
    """A way from an agent to the daemon."""

    @property
    def address(self) -> str:
        """Where the agent finds the daemon."""
        ...

    @property
    def before(self) -> list[str]:
        """The start of a command that runs at the agent's end."""
        ...

    def cut(self) -> None:
        """Hold everything up; nobody is told."""
        ...

    def heal(self) -> None:
        """Pass everything on, what was held up first."""
        ...


class Proxy:
    """Forwards connections to a port of this machine, in a thread of its own; either direction can be held up."""

    before: list[str] = []  # noqa: RUF012 - never changed
    address: str

    def __init__(self, port: int) -> None:
        """Forward to *port*; serves once `start` has been called."""
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def start(self) -> None:
        """Listen, and let everything through."""
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self.heal()

    def stop(self) -> None:
        """Close everything."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Hold both directions up."""
        self.hold(up=True, down=True)

    def heal(self) -> None:
        """Pass on both directions."""
        self.hold(up=False, down=False)

    def hold(self, *, up: bool, down: bool) -> None:
        """Hold directions up (up is towards the daemon) or let them through."""

        async def change() -> None:
            for held, gate in ((up, self._up), (down, self._down)):
                if held:
                    gate.clear()
                else:
                    gate.set()

        asyncio.run_coroutine_threadsafe(change(), self._loop).result()

    def reset(self) -> None:
        """Break every connection at once; what was held up in them is lost."""

        async def change() -> None:
            for writer in self._writers:
                writer.transport.abort()

        asyncio.run_coroutine_threadsafe(change(), self._loop).result()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            theirs, ours = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:  # the daemon isn't there
            writer.transport.abort()
            return
        ends = {writer, ours}
        self._writers |= ends
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(_pump(reader, ours, self._up))
                pumps.create_task(_pump(theirs, writer, self._down))
        except* OSError:
            pass
        finally:
            self._writers -= ends
            for end in ends:
                end.transport.abort()

    async def _close(self) -> None:
        self._server.close()
        own = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not own]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event) -> None:
    while data := await reader.read(65536):
        await gate.wait()
        writer.write(data)
        await writer.drain()
    raise ConnectionResetError("one side closed: so does the other")


@contextmanager
def proxy(port: int) -> Iterator[Proxy]:
    """Return a proxy to a port of this machine."""
    made = Proxy(port)
    made.start()
    try:
        yield made
    finally:
        made.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """A network namespace whose only way out is a pair of virtual interfaces."""

    name: str
    interface: str
    host: str
    port: int

    @property
    def address(self) -> str:
        """Where the agent finds the daemon."""
        return f"{self.host}:{self.port}"

    @property
    def before(self) -> list[str]:
        """The start of a command that runs inside."""
        return ["ip", "netns", "exec", self.name]

    def cut(self) -> None:
        """Shut the interface down: packets vanish."""
        _ip("link", "set", self.interface, "down")

    def heal(self) -> None:
        """Start it again."""
        _ip("link", "set", self.interface, "up")


class NoNamespaces(Exception):
    """Why no namespace can be made here."""


@contextmanager
def namespace(port: int) -> Iterator[Namespace]:
    """Return a namespace in which *port* of this machine is reached; NoNamespaces if that takes more than tests may."""
    number = os.getpid() % 250
    name, outer, inner = f"accio{os.getpid()}", f"ac{os.getpid()}o", f"ac{os.getpid()}i"
    host = f"10.213.{number}.1"
    try:
        _ip("netns", "add", name)
        _ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", name)
        _ip("addr", "add", f"{host}/24", "dev", outer)
        _ip("link", "set", outer, "up")
        _ip("-n", name, "addr", "add", f"10.213.{number}.2/24", "dev", inner)
        _ip("-n", name, "link", "set", inner, "up")
        _ip("-n", name, "link", "set", "lo", "up")
        yield Namespace(name=name, interface=outer, host=host, port=port)
    finally:
        with suppress(NoNamespaces):
            _ip("link", "del", outer)
        with suppress(NoNamespaces):
            _ip("netns", "del", name)


def _ip(*arguments: str) -> None:
    try:
        done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NoNamespaces("there is no program ip") from None
    if done.returncode:
        raise NoNamespaces(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
