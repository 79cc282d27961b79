"""Another caller's experience, from a process of its own, whose calls the test's own work doesn't hold up.

As a program it calls daemons (arguments: address, token and process of each) all the time, each daemon's calls one
after the other, and prints a line for each call: the daemon's number, when the call began, how long it took, and for
how long of that the daemon's event loop, or this process's, had something to do, but no processor to do it on.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from accio_client import AsyncClient
from tests.acceptance.processes import Cluster, Process, cluster, eventually, token

PAUSE_S = 0.05


@dataclass
class Probe:
    """What calls of a daemon took, and what calls of an idle daemon on the same machine took at the same time."""

    process: Process
    began: float = 0.0
    ended: float = 0.0

    @property
    def lasted(self) -> float:
        """For how long the daemon was probed, in seconds."""
        return self.ended - self.began

    def longest(self) -> tuple[float, float]:
        """The longest call of the daemon, and of the idle one, that was under way in this time."""
        found: dict[str, list[float]] = {"0": [], "1": []}
        for line in self.process.output().splitlines():
            daemon, began, took, _waited = line.split()
            if float(began) + float(took) > self.began and float(began) < self.ended:
                found[daemon].append(float(took))
        return max(found["0"]), max(found["1"])

    def check(self, bearable: float) -> None:
        """Assert that no call took longer than *bearable* seconds, or than the machine itself explains.

        On a machine that stands still or is short of processors the calls of the idle daemon take long too.
        """
        longest, idle = self.longest()
        sys.stdout.write(f"longest call {longest:.3f} s, of an idle daemon {idle:.3f} s, in {self.lasted:.1f} s\n")
        assert longest < bearable + 10 * idle


@asynccontextmanager
async def probed(made: Cluster) -> AsyncIterator[Probe]:
    """Probe a cluster's daemon meanwhile, beside an idle one."""
    with cluster(made.root / "idle") as idle:
        await asyncio.to_thread(idle.start_daemon)
        daemons = [*told(made), *told(idle)]
        process = idle._start("probe", ["tests.acceptance.probing", *daemons], idle.environment())
        began = time.monotonic()
        await asyncio.to_thread(eventually, lambda: _reached(process, began), what="the first calls")
        probe = Probe(process, began=time.monotonic())
        yield probe
        probe.ended = time.monotonic()
        # The call that is under way counts: it is over when the next one has begun.
        await asyncio.to_thread(eventually, lambda: _reached(process, probe.ended), what="the end of the calls")


def _reached(process: Process, when: float) -> bool:
    """Whether each daemon has had a call that began after *when*; lines that aren't whole yet don't count."""
    lines = process.output().rpartition("\n")[0].splitlines()
    return {line[0] for line in lines if float(line.split()[1]) > when} == {"0", "1"}


def told(made: Cluster) -> tuple[str, str, str]:
    """Return the arguments by which the program calls a cluster's daemon."""
    assert made.daemon is not None
    return made.address, token(made), str(made.daemon.popen.pid)


def _waited(process: str) -> float:
    """Return for how many seconds a process's first thread has had to wait for a processor; 0 if nobody knows."""
    try:
        _ran, waited, _times = Path(f"/proc/{process}/task/{process}/schedstat").read_text(encoding="ascii").split()
    except OSError:  # another system, or a daemon that was ended
        return 0.0
    return int(waited) / 1e9


async def _call(number: int, address: str, secret: str, process: str) -> None:
    own = str(os.getpid())
    async with AsyncClient(address, token=secret) as client:
        while True:
            before, began = _waited(process) + _waited(own), time.monotonic()
            await client.list_runs(limit=10)
            took = time.monotonic() - began
            waited = _waited(process) + _waited(own) - before
            sys.stdout.write(f"{number} {began} {took} {min(max(0.0, waited), took)}\n")
            sys.stdout.flush()
            await asyncio.sleep(PAUSE_S)  # time passes: twenty calls a second are the load


async def _main(daemons: list[str]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for number, daemon in enumerate(zip(daemons[::3], daemons[1::3], daemons[2::3], strict=True)):
            tasks.create_task(_call(number, *daemon))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))
