"""Why and how an agent ends: signals, the end of its host's time or of its input, nothing to do, no daemon.

Whatever tells it to, it drains: takes no new work, gives back what hasn't begun, lets what runs end for a while, hands
over its reports, says goodbye. Batch systems send signals in series (first a warning, then SIGTERM, in the end SIGKILL)
and to every process of a job, so none of them but a second Ctrl-C means "at once", and what fails of such a job's
processes isn't held against the nodes.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

import structlog

from accio.errors import FailedPrecondition, Unavailable
from accio.late import dataclass
from accio_agent.agent.deadline import Deadline

log = structlog.get_logger("accio.agent")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU, signal.SIGHUP)
"""All of these make an agent drain. Grid Engine warns by SIGUSR1, SIGUSR2 and SIGXCPU, Slurm by what it is told."""

LOOK_S = 0.5
"""Between two looks at whether there is a daemon, and something to do."""

LAST_WORDS_S = 5.0
"""How long what attempts have saved may take to come into the daemon's store once they are to be cut off."""

_INPUT = 0


class Stopped(Exception):
    """The agent has been told to end, and has done so."""


class Ending(Protocol):
    """The agent, as far as it ends."""

    def drain(self, *, processes_signalled: bool) -> None:
        """Accept no new work; *processes_signalled*: what tells so may have reached the workers, too."""
        ...

    async def idle(self, connected: Callable[[], bool]) -> None:
        """Wait until nothing runs, and the daemon (if it is there) has all reports."""
        ...

    async def checkpoints_told(self) -> None:
        """Wait until the daemon has been told of all that attempts have saved."""
        ...

    @property
    def holds_work(self) -> bool:
        """Whether attempts haven't ended."""
        ...

    @property
    def holds_reports(self) -> bool:
        """Whether the daemon doesn't have all reports."""
        ...


class Session(Protocol):
    """The session with the daemon."""

    @property
    def connected(self) -> bool:
        """Whether there is one."""
        ...

    async def why_away(self) -> str:
        """Return why there is none, as far as it is more than that nobody answers."""
        ...

    async def goodbye(self, reason: str, *, walltime: bool) -> None:
        """End it on purpose, or as the host's time is over."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long an agent stays, in seconds; None for ever."""

    grace: float  # for what runs, once it has been told to end
    without_daemon: float | None = None
    without_work: float | None = None
    deadline: Deadline | None = None

    def left(self, told: "Told") -> float:
        """Return how long what runs may go on after a call to end."""
        if self.deadline is None:
            return self.grace
        left = max(0.0, self.deadline.seconds_left)
        return left if told.by_deadline else min(self.grace, left)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What told an agent to end, and the signal if it was one."""

    reason: str
    number: int = 0
    by_deadline: bool = False

    @property
    def reaches_processes(self) -> bool:
        """Whether the agent's processes may have been signalled with it; Ctrl-C doesn't reach them."""
        return self.number not in (0, signal.SIGINT)


class Calls:
    """What has told the agent to end, in order."""

    def __init__(self) -> None:
        self._told: asyncio.Queue[Told] = asyncio.Queue()

    @contextmanager
    def from_outside(self, *, by_input: bool) -> Iterator[None]:
        """Listen to signals meanwhile, and to the end of the standard input if that is to count."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            # What nohup ignores counts; that shells ignore SIGINT for whatever a script begins with & doesn't.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self.call, Told(reason=signal.Signals(number).name, number=number))
        if by_input:
            try:
                loop.add_reader(_INPUT, self._read_input)
            except OSError as error:
                raise FailedPrecondition(
                    f"expected a pipe or a terminal as standard input (--stdin), found something else: {error.strerror}"
                ) from None
        try:
            yield
        finally:
            if by_input:
                loop.remove_reader(_INPUT)

    def call(self, told: Told) -> None:
        self._told.put_nowait(told)

    async def next(self) -> Told:
        return await self._told.get()

    def _read_input(self) -> None:
        try:
            data = os.read(_INPUT, 1 << 16)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(_INPUT)
            self.call(Told(reason="the end of its standard input"))


async def end_when_told(agent: Ending, session: Session, calls: Calls, patience: Patience) -> None:
    """Drain after the first call; raise Stopped when that is done, time is over, or Ctrl-C came after it."""
    told = await calls.next()
    left = patience.left(told)
    log.info("draining; Ctrl-C ends the agent at once", reason=told.reason, grace_s=round(left, 1))
    agent.drain(processes_signalled=told.reaches_processes)
    try:
        async with asyncio.timeout(left):
            async with asyncio.TaskGroup() as waiting:
                further = waiting.create_task(_hear_further(agent, calls), name="further signals")
                await agent.idle(connected=lambda: session.connected)
                further.cancel()
    except* (TimeoutError, Stopped):
        pass
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORDS_S):
            await agent.checkpoints_told()
    walltime = patience.deadline is not None and patience.deadline.is_over
    await session.goodbye(f"ended by {told.reason}", walltime=walltime)
    raise Stopped


async def _hear_further(agent: Ending, calls: Calls) -> None:
    while True:
        told = await calls.next()
        if told.number == signal.SIGINT:
            raise Stopped
        if told.reaches_processes:
            agent.drain(processes_signalled=True)


async def watch_deadline(calls: Calls, deadline: Deadline | None) -> None:
    """Call when the time of the host is nearly over."""
    if deadline is not None:
        await asyncio.sleep(max(0.0, deadline.drains_at - time.monotonic()))
        calls.call(Told(reason="the end of its host's time", by_deadline=True))


async def watch_patience(agent: Ending, session: Session, calls: Calls, patience: Patience, address: str) -> None:
    """Call when there has been nothing to do for too long; raise Unavailable when there has been no daemon.

    Who holds results that the daemon hasn't got waits for it: they are worth more than the host.
    """
    now = asyncio.get_running_loop().time
    met, worked = now(), now()
    while True:
        await asyncio.sleep(LOOK_S)
        if session.connected or agent.holds_work or agent.holds_reports:
            met = now()
        if agent.holds_work or agent.holds_reports:
            worked = now()
        if patience.without_daemon is not None and now() - met >= patience.without_daemon:
            why = await session.why_away()
            raise Unavailable(
                f"no daemon has answered at {address} for {patience.without_daemon:g} s (--patience), and this agent "
                f"holds nothing of one: it ends{f'; at its last try: {why}' if why else ''}"
            )
        if patience.without_work is not None and now() - worked >= patience.without_work:
            calls.call(Told(reason=f"having nothing to do for {patience.without_work:g} s"))
            return
