"""Starting, watching and killing real daemons and agents. The only place of the tests that polls."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from accio_client import Client
from tests.acceptance import ledger_operators

T = TypeVar("T")
PATIENCE = 100.0
# Seconds between two looks at another process.
LOOK_AGAIN = 0.02
# Below the ports of connections; each process that runs tests has a share of its own.
SHARE = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 10
PORTS = (20_000 + 1_000 * SHARE, 21_000 + 1_000 * SHARE)
_promised: set[int] = set()


def eventually(look: Callable[[], T], *, patience: float = PATIENCE, what: str = "it") -> T:
    """Return the first true value of *look*, or fail after *patience* seconds."""
    end = time.monotonic() + patience
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what} didn't happen within {patience:.0f} s")
        time.sleep(LOOK_AGAIN)


async def moment() -> None:
    """Pause between two looks at another process."""
    await asyncio.sleep(LOOK_AGAIN)


def sizes(folder: Path) -> dict[Path, int]:
    """Return the files below a folder with their bytes, though a process may be making and removing some just now."""
    found = {}
    for place, _, names in os.walk(folder):  # goes on where a folder has vanished, as `rglob` doesn't
        for name in names:
            path = Path(place, name)
            with suppress(FileNotFoundError):
                if path.is_file():
                    found[path] = path.stat().st_size
    return found


def hiding(folder: Path) -> list[str]:
    """Return the start of a command in whose mount namespace a folder is empty; it needs root and unshare."""
    return ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none "{folder}" && exec "$0" "$@"']


def free_port() -> int:
    """Return a port of the loopback interface that is free now, and stays so while a daemon on it is started again.

    That is none of those which the kernel gives to connections, nor one of another test that runs at the same time, nor
    one that was given before, whose daemon may not have begun yet.
    """
    while True:
        port = random.randrange(*PORTS)  # noqa: S311 - spreads tests, keeps no secret
        if port in _promised:
            continue
        with socket.socket() as found, suppress(OSError):
            found.bind(("127.0.0.1", port))
            _promised.add(port)
            return port


@dataclass
class Process:
    """A running process and what it wrote."""

    name: str
    popen: "subprocess.Popen[bytes]"
    log: Path

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)

    def ended(self, patience: float = PATIENCE) -> int:
        """Wait until it has ended; give its exit code."""
        return self.popen.wait(patience)

    def output(self) -> str:
        """Return what it wrote to stdout and stderr."""
        return self.log.read_text(encoding="utf-8", errors="replace")


@dataclass
class Cluster:
    """A daemon and its agents, all on this machine, in folders of their own."""

    root: Path
    port: int = field(default_factory=free_port)
    processes: list[Process] = field(default_factory=list)
    daemon: Process | None = None

    @property
    def address(self) -> str:
        """Where the daemon listens."""
        return f"127.0.0.1:{self.port}"

    @property
    def ledger(self) -> Path:
        """Where operators note what they execute."""
        return self.root / "ledger"

    @property
    def data(self) -> Path:
        """The daemon's data folder."""
        return self.root / "data"

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of every process of this cluster."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ACCIO_")}
        return {
            **kept,
            "ACCIO_ADDR": self.address,
            "ACCIO_DATA_DIR": str(self.data),
            "ACCIO_CONFIG_ROOT": str(self.root / "config"),
            "XDG_STATE_HOME": str(self.root / "state"),
            "ACCIO_USER": "Me <me@example.org>",
            ledger_operators.LEDGER: str(self.ledger),
            ledger_operators.GATES: str(self.root / "gates"),
            "PYTHONPATH": os.pathsep.join(sys.path),
            **more,
        }

    def _start(
        self,
        name: str,
        arguments: list[str],
        environment: Mapping[str, str],
        before: Sequence[str] = (),
        interpreter: str = sys.executable,
    ) -> Process:
        log = self.root / f"{name}-{len(self.processes)}.log"
        with log.open("wb") as sink:
            popen = subprocess.Popen(
                [*before, interpreter, "-m", *arguments],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
        process = Process(name, popen, log)
        self.processes.append(process)
        return process

    def start_daemon(self, *arguments: str, wait: bool = True, **environment: str) -> Process:
        """Start the daemon and wait until it answers."""
        process = self._start("daemon", ["accio_daemon", *arguments], self.environment(**environment))
        self.daemon = process
        if wait:
            eventually(lambda: self._answers(process), what="the daemon's answer")
        return process

    def _answers(self, process: Process) -> bool:
        if process.popen.poll() is not None:
            raise AssertionError(f"the daemon ended with {process.popen.returncode}:\n{process.output()}")
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def start_agent(
        self,
        name: str = "a1",
        *arguments: str,
        operators: Sequence[str] = ("tests.acceptance.ledger_operators",),
        before: Sequence[str] = (),
        module: str = "accio_agent",
        interpreter: str = sys.executable,
        **environment: str,
    ) -> Process:
        """Start an agent that offers the ledger operators, or others; *before* is a command that starts it."""
        return self._start(
            name,
            [
                module,
                *("--daemon", self.address, "--name", name, "--state-dir", str(self.root / name)),
                *(word for each in operators for word in ("--operators", each)),
                "--no-installed",
                *(arguments or ("--cpus", "2")),
            ],
            self.environment(**environment),
            before,
            interpreter,
        )

    def client(self) -> Client:
        """Connect to the daemon."""
        return Client(self.address, token=token(self), user="Me <me@example.org>")

    def started(self) -> Client:
        """Start a daemon and the agent a1, and connect once they know each other."""
        self.start_daemon()
        self.start_agent()
        self.agents_are("a1")
        return self.client()

    def agents_are(self, *names: str) -> None:
        """Wait until exactly these agents are connected."""
        with self.client() as client:
            eventually(
                lambda: sorted(a.name for a in client.list_agents() if a.state == "connected") == sorted(names),
                what=f"agents {names} being connected",
            )

    def executed(self) -> list[str]:
        """Return the lines of the ledger."""
        return self.ledger.read_text(encoding="utf-8").splitlines() if self.ledger.exists() else []

    def open_gate(self, label: str) -> None:
        """Open the gate that `Gate` operators of this label wait for."""
        (self.root / "gates" / label).touch()

    def survivors(self) -> list[int]:
        """Return the processes that carry this cluster's environment and are none of those that it started itself."""
        mark = f"{ledger_operators.LEDGER}={self.ledger}".encode()
        own = {process.popen.pid for process in self.processes} | {os.getpid()}
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) not in own:
                try:
                    if mark in (entry / "environ").read_bytes():
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found

    def stop(self) -> None:
        """Kill everything."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.ended()
        for pid in self.survivors():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def token(made: Cluster) -> str:
    """Return what opens a cluster's daemon."""
    return (made.data / "token").read_text(encoding="utf-8").split()[0]


@contextmanager
def cluster(root: Path) -> Iterator[Cluster]:
    """Return a cluster without processes; whatever is started in it is killed at the end, shown if the test failed."""
    (root / "gates").mkdir(parents=True)
    made = Cluster(root)
    try:
        yield made
    except BaseException:
        for process in made.processes:
            sys.stderr.write(f"--- {process.name} ---\n{process.output()[-6000:]}\n")
        raise
    finally:
        made.stop()


def survives_kills(
    folder: Path,
    workflow: Mapping[str, Any],
    run: Mapping[str, Any],
    outcome: Callable[[Client, str], T],
    *,
    times: int,
) -> tuple[T, list[str]]:
    """Execute a run twice, in peace and under *times* kills of the daemon; each node is executed once, and the outcome
    is the same. Return it, with what the ledger of the peaceful one says.
    """
    with cluster(folder / "calm") as made, made.started() as client:
        client.push(workflow)
        peaceful = client.submit(run).run.id
        client.wait(peaceful, patience=90)
        calm = outcome(client, peaceful)
        ledger = made.executed()
    with cluster(folder / "killed") as made, made.started() as client:
        client.push(workflow)
        troubled = client.submit(run).run.id
        kill_daemon_meanwhile(made, times=times, executions=len(ledger))
        client.wait(troubled, patience=90)
        assert outcome(client, troubled) == calm
        executions = Counter(line.split()[0] for line in made.executed())
        assert {node: n for node, n in executions.items() if n > 1} == {}
        assert len(made.executed()) == len(ledger)
    return calm, ledger


def kill_daemon_meanwhile(made: Cluster, *, times: int, executions: int) -> None:
    """Kill the daemon so often, spread over a run that takes so many executions, and start it again each time."""
    for kill in range(times):
        enough = executions * (kill + 1) // (times + 2)
        eventually(lambda: len(made.executed()) >= enough, what=f"execution {enough} of {executions}")  # noqa: B023  # it is awaited in this turn
        assert made.daemon is not None
        made.daemon.kill(signal.SIGKILL)
        made.daemon.ended()
        made.start_daemon()
