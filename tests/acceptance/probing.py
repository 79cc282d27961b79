"""Another caller's experience, from a process of its own, whose calls the test's own work doesn't hold up.

As a program it calls daemons (arguments: the address and the token of each) all the time, each daemon's calls one after
the other, and prints a line for each call: the daemon's number, when the call began, and how long it took.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

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
            daemon, began, took = line.split()
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
        daemons = [made.address, token(made), idle.address, token(idle)]
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


async def _call(number: int, address: str, secret: str) -> None:
    async with AsyncClient(address, token=secret) as client:
        while True:
            began = time.monotonic()
            await client.list_runs(limit=10)
            sys.stdout.write(f"{number} {began} {time.monotonic() - began}\n")
            sys.stdout.flush()
            await asyncio.sleep(PAUSE_S)  # time passes: twenty calls a second are the load


async def _main(daemons: list[str]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for number, (address, secret) in enumerate(zip(daemons[::2], daemons[1::2], strict=True)):
            tasks.create_task(_call(number, address, secret))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))
