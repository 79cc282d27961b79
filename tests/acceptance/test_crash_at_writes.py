"""The daemon is killed at its n-th write to the log, or its n-th sync of it: what was acknowledged is there afterwards.

A fixed scenario is repeated with other n; `scripts/soak` takes every sync and every seventh write until it passes.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest

from accio.errors import NotFound, Unavailable
from accio_client import Client
from accio_daemon.checking import check_folder
from accio_daemon.config import read_config
from accio_daemon.storage.file.database import FILE_NAME
from tests.acceptance.processes import Cluster, Process, cluster, eventually
from tests.acceptance.simulated_agents import hello, serve
from tests.simulator.disk import Disk
from tests.simulator.snapshot import check_recount

T = TypeVar("T")
SOAK = bool(os.environ.get("ACCIO_SOAK"))

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(3600 if SOAK else 180),
    pytest.mark.skipif(shutil.which("strace") is None, reason="killing at a system call needs strace"),
]

ECHO: dict[str, Any] = {
    "id": "echo",
    "params": [{"name": "x", "kind": "integer"}],
    "graph": [{"op": "Echo", "inputs": {"x": {"param": "x"}}}],
}
LARGE: dict[str, Any] = {"id": "large", "graph": [{"op": "Echo", "inputs": {"x": 99}, "resources": {"cpus": 64}}]}
KEYS: dict[str, dict[str, Any]] = {
    "single": {"workflow": "echo", "params": {"x": 7}},
    "sweep": {"workflow": "echo", "params": {"x": {"from": 1, "to": 3, "step": 1}}},
    "killed": {"workflow": "large"},
    "deleted": {"workflow": "echo", "params": {"x": 8}},
}


class Caller:
    """Does the scenario's calls one after the other, each until it is answered, whatever becomes of the daemon."""

    def __init__(self, made: Cluster) -> None:
        """Call the daemon of a cluster."""
        self._made = made
        self.runs: dict[str, str] = {}  # what was acknowledged: key -> run

    def _call(self, call: Callable[[Client], T]) -> T:
        found: list[T] = []

        def answered() -> bool:
            try:
                with self._made.client() as client:
                    found.append(call(client))
            except Unavailable:
                return False
            return True

        eventually(answered, what="an answer")
        return found[0]

    def submit(self, key: str) -> str:
        """Submit under a key; the same key gives the same run, for ever."""
        run = self._call(lambda client: client.submit(KEYS[key], idempotency_key=key)).run.id
        assert self.runs.setdefault(key, run) == run
        return run

    def scenario(self) -> None:
        """Submit, kill, rename, delete."""
        single = self.submit("single")
        sweep = self.submit("sweep")
        killed = self.submit("killed")
        self._call(lambda client: client.kill([killed]))
        self._call(lambda client: client.update(single, name="renamed"))
        deleted = self.submit("deleted")
        for run in (single, sweep, deleted):
            assert self._call(lambda client, run=run: client.wait(run)).state == "success"  # type: ignore[misc]
        try:
            self._call(lambda client: client.delete([deleted]))
        except NotFound:  # it was done, and the answer was lost
            del self.runs["deleted"]
        self.runs.pop("deleted", None)

    def check(self) -> None:
        """Everything that was acknowledged is so."""
        for key, run in self.runs.items():
            assert self.submit(key) == run
        with self._made.client() as client:
            states = {run.id: run.state for run in client.list_runs().runs}
            assert states == {run: "killed" if key == "killed" else "success" for key, run in self.runs.items()}
            assert client.get_run(self.runs["single"]).run.name == "renamed"
            values = client.table([self.runs["sweep"]], artifacts="ALL").to_arrow().to_pylist()
            assert [(row["x"], row["Echo/value"]) for row in values] == [(1, 1), (2, 2), (3, 3)]


def _start_doomed(made: Cluster, syscall: str, nth: int) -> Process:
    """Start a daemon that is killed when it enters a system call on its database for the n-th time."""
    files = [word for end in ("", "-wal") for word in ("-P", str(made.data / f"{FILE_NAME}{end}"))]
    inject = ["-e", f"trace={syscall}", "-e", f"inject={syscall}:signal=KILL:when={nth}"]
    strace = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", *files, *inject]
    doomed = made.daemon = made._start("doomed", ["accio_daemon"], made.environment(), strace)
    eventually(lambda: doomed.popen.poll() is not None or made._answers(doomed), what="the daemon's answer")
    return doomed


def _check_database(made: Cluster) -> None:
    """Stop the daemon, and assert that its folder is whole and its counters count its rows."""
    assert made.daemon is not None
    made.daemon.kill(15)
    assert made.daemon.ended() == 0
    assert check_folder(read_config(data_dir=str(made.data), environment={})) == []
    with closing(Disk.at(made.data / FILE_NAME)) as disk:
        check_recount(disk)


async def _survives(root: Path, prepared: Path, syscall: str, nth: int) -> bool:
    """Whether the scenario passed without a crash; asserts that it passed either way."""
    with cluster(root) as made:
        shutil.copytree(prepared, made.data)
        token = (made.data / "token").read_text(encoding="utf-8").split()[0]
        doomed = await asyncio.to_thread(_start_doomed, made, syscall, nth)
        caller = Caller(made)
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(serve(made.address, token, hello("s", cpus=4), lambda epoch: None))
            calling = tasks.create_task(asyncio.to_thread(caller.scenario))
            ending = tasks.create_task(asyncio.to_thread(_restart_when_dead, made, doomed, calling.done))
            crashed = not await ending
            await calling
            await asyncio.to_thread(caller.check)
            working.cancel()
        await asyncio.to_thread(_check_database, made)
        return not crashed


def _restart_when_dead(made: Cluster, doomed: Process, done: Callable[[], bool]) -> bool:
    """Start the next daemon once the scenario is over, or the first daemon; tells whether the scenario was first."""
    eventually(lambda: doomed.popen.poll() is not None or done(), what="the daemon's or the scenario's end")
    survived = doomed.popen.poll() is None
    doomed.kill()  # if it lived that long: what is checked is what the next one finds
    assert doomed.ended() == -9
    made.start_daemon()
    return survived


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a daemon that knows the workflows."""
    root = tmp_path_factory.mktemp("prepared") / "made"

    async def push() -> None:
        with cluster(root) as made:
            await asyncio.to_thread(made.start_daemon)
            token = (made.data / "token").read_text(encoding="utf-8").split()[0]
            welcomed = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                working = tasks.create_task(
                    serve(made.address, token, hello("s", cpus=64), lambda epoch: welcomed.set())
                )
                await welcomed.wait()
                await asyncio.to_thread(_push, made)
                working.cancel()
            assert made.daemon is not None
            made.daemon.kill(15)
            await asyncio.to_thread(made.daemon.ended)

    asyncio.run(push())
    return root / "data"


def _push(made: Cluster) -> None:
    with made.client() as client:
        client.push(ECHO)
        client.push(LARGE)


@pytest.mark.parametrize(
    ("syscall", "some", "stride"), [("fdatasync", (3,), 1), ("pwrite64", (60,), 7)], ids=["sync", "write"]
)
async def test_killed_at_the_nth(
    tmp_path: Path, prepared: Path, syscall: str, some: Iterable[int], stride: int
) -> None:
    """Whichever write or sync it is: the next daemon has what was acknowledged, and repeated calls do nothing twice."""
    if not SOAK:
        for nth in some:
            assert not await _survives(tmp_path / str(nth), prepared, syscall, nth), "the scenario is that long"
        return
    nth = 1
    while not await _survives(tmp_path / str(nth), prepared, syscall, nth):
        nth += stride
    assert nth > 10
