"""A private daemon and agent for a script, a notebook or a test: `accio_client.local()`.

They are an `accio up` of their own, which ends when this process has ended, however it ended: a kill can't be survived.
Nothing else finds them: they meet at a socket in their folder, and have a token of their own.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType

from accio import places
from accio.errors import BadRequest, FailedPrecondition
from accio.interpreter import python, without_working_folder
from accio_client.client import AsyncClient
from accio_client.sync import Client

_STOP_WITHIN_S = 40.0
_MOST_LAST_WORDS = 4000


def local(
    folder: str | os.PathLike[str] | None = None,
    *,
    operators: Iterable[str | os.PathLike[str]] = (),
    cpus: float | None = None,
    memory: str | None = None,
    installed: bool = True,
) -> "LocalClient":
    """Start a daemon and an agent that only this process uses, and return their client; `with` or `close` ends them.

    *folder* keeps what they have, for the next time; a temporary one by default, which is removed. *operators* are
    modules, files, or functions of files ("model.py:simulate"), offered besides those of *installed* packages.

        with accio_client.local(operators=["model.py"]) as client: ...

    FailedPrecondition with the last words of what couldn't be started.
    """
    return LocalClient(PrivateCluster(folder, operators, cpus=cpus, memory=memory, installed=installed))


def local_async(
    folder: str | os.PathLike[str] | None = None,
    *,
    operators: Iterable[str | os.PathLike[str]] = (),
    cpus: float | None = None,
    memory: str | None = None,
    installed: bool = True,
) -> "LocalAsync":
    """Do as `local`, for code with an event loop: `async with accio_client.local_async() as client`."""
    return LocalAsync(folder, tuple(operators), cpus, memory, installed=installed)


class PrivateCluster:
    """`accio up` as a child of this process, up after `wait_until_up`."""

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        operators: Iterable[str | os.PathLike[str]] = (),
        *,
        cpus: float | None = None,
        memory: str | None = None,
        installed: bool = True,
    ) -> None:
        options = [f"-parent={os.getpid()}", *(f"-operators={_place(each)}" for each in operators)]
        options += [f"-{name}={value}" for name, value in (("cpus", cpus), ("memory", memory)) if value is not None]
        options += [] if installed else ["-noinstalled"]
        environment = {name: value for name, value in os.environ.items() if name not in ("ACCIO_ADDR", "ACCIO_TOKEN")}
        if folder is None:
            options.append("-private")
        else:
            environment["ACCIO_DATA_DIR"] = str(Path(folder).absolute())
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process that writes it
        self._process = subprocess.Popen(
            python("accio_client.cli.main", "up", "-json", *options),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=without_working_folder(environment),
            start_new_session=True,  # Ctrl-C is for the script, which ends this in its own time
        )
        self.address, self.folder = "", Path()

    def wait_until_up(self) -> None:
        """Wait until daemon and agent are up; FailedPrecondition if they can't be, and nothing is left of them."""
        try:
            self.address, self.folder = self._found()
        except BaseException:
            self.stop()
            raise

    def give_up(self) -> None:
        """End what may not be up yet: who waits until it is need wait no more."""
        self._process.terminate()

    def _found(self) -> tuple[str, Path]:
        """Wait until it is up; its address and its folder."""
        assert self._process.stdout is not None
        lines: list[bytes] = []
        for line in self._process.stdout:
            lines.append(line)
            if line == b"}\n":
                found = json.loads(b"".join(lines))
                if "error" in found:  # which stands on stderr in words
                    break
                return found["address"], Path(found["data"])
        self._process.wait()
        raise FailedPrecondition(f"the private daemon and agent can't be started:\n{self._last_words()}")

    def _last_words(self) -> str:
        self._said.seek(0)
        return self._said.read()[-_MOST_LAST_WORDS:].decode(errors="replace").strip()

    @property
    def token(self) -> str | None:
        """What opens the daemon."""
        return places.find_token({"ACCIO_DATA_DIR": str(self.folder)})

    def stop(self) -> None:
        """End the two and wait for that; stopping again does nothing."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()  # the kernel ends the two with it
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._said.close()

    def __repr__(self) -> str:
        return f"PrivateCluster({self.address!r}, {'up' if self._process.poll() is None else 'ended'})"


def _place(given: object) -> str:
    """Return where an agent finds operators; BadRequest if it is a function itself, or something else."""
    if isinstance(given, str | os.PathLike):
        return os.fspath(given)
    expected = "operators: expected modules by name, files, or functions of files such as 'model.py:simulate', found"
    name, home = getattr(given, "__name__", ""), sys.modules.get(getattr(given, "__module__", ""))
    file = getattr(home, "__file__", None)
    if not name or not callable(given):
        raise BadRequest(f"{expected} {given!r:.100}")
    if file is None or getattr(home, "__name__", "") == "__main__":
        raise BadRequest(f"{expected} {name} itself: write it into a file of its own, which agents can import")
    raise BadRequest(f"{expected} {name} itself: give {f'{file}:{name}'!r}")


class LocalClient(Client):
    """A client of a private daemon, which `close` ends with its agent."""

    def __init__(self, cluster: PrivateCluster) -> None:
        self._cluster = cluster
        cluster.wait_until_up()
        try:
            super().__init__(cluster.address, token=cluster.token)
        except BaseException:
            cluster.stop()
            raise

    @property
    def folder(self) -> Path:
        """Where daemon and agent keep what they have."""
        return self._cluster.folder

    def close(self) -> None:
        """Close the connection, and end daemon and agent."""
        try:
            super().close()
        finally:
            self._cluster.stop()


class LocalAsync:
    """The private daemon and agent of an `async with`, which gives their client."""

    def __init__(
        self,
        folder: str | os.PathLike[str] | None,
        operators: tuple[str | os.PathLike[str], ...],
        cpus: float | None,
        memory: str | None,
        *,
        installed: bool,
    ) -> None:
        self._start = partial(PrivateCluster, folder, operators, cpus=cpus, memory=memory, installed=installed)
        self._cluster: PrivateCluster | None = None
        self._client: AsyncClient | None = None

    async def __aenter__(self) -> AsyncClient:
        self._cluster = cluster = self._start()
        starting = asyncio.get_running_loop().run_in_executor(None, cluster.wait_until_up)
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:  # the thread goes on: what it waits for must not be left
            cluster.give_up()
            with suppress(FailedPrecondition):
                await starting
            await asyncio.to_thread(cluster.stop)
            raise
        self._client = AsyncClient(cluster.address, token=cluster.token)
        return self._client

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._client is not None
        assert self._cluster is not None
        try:
            await self._client.close()
        finally:
            await asyncio.to_thread(self._cluster.stop)
