"""What batch systems have in common: a script is submitted under a name, all jobs are listed by one command, and jobs
are ended by number.

A *dialect* is the table of what differs: the commands, and how to read what they print.
"""

import asyncio
import getpass
import os
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from accio.domain.pools import AllocationKey
from accio.file_ends import end_of
from accio.late import dataclass
from accio_pool import tokens
from accio_pool.agents import agent_command, last_words
from accio_pool.config import PoolConfig
from accio_pool.providers.ports import Found, Listing, Order, Refused, Unsure
from accio_pool.runner import NoAnswer, Output, run

_LAST = 2000  # bytes of a job's output that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as a batch system lists it; *over* says how it ended, if it lists what has ended, too."""

    key: AllocationKey
    job: str
    begun: bool
    host: str = ""
    reason: str = ""
    over: str = ""


class Array(Protocol):
    """How one batch system takes several jobs at once."""

    variable: str
    """In which a job finds its place among them."""
    first: int
    """The first one's place."""
    limit: Sequence[str]
    """The command that tells how many there may be."""
    without: Sequence[str]
    """Words of a submission, beside each other, that it doesn't take for several."""

    def most(self, output: str) -> int:
        """Read that; 1 if it isn't told."""
        ...

    def members(self, count: int) -> Sequence[str]:
        """Return the options for a number of jobs."""
        ...


class TimeLimit(Protocol):
    """How one batch system is asked how long jobs may last, where it doesn't refuse longer ones itself."""

    def command(self, pool: PoolConfig) -> Sequence[str]:
        """Return the command that tells it for a pool's jobs; nothing if it can't be asked for these."""
        ...

    def read(self, output: str) -> float | None:
        """Read that, in seconds; None if there is no limit."""
        ...


class Dialect(Protocol):
    """The commands of one batch system."""

    array: Array | None
    """How it takes several jobs at once, if it does."""

    time_limit: TimeLimit | None
    """How it is asked how long jobs may last, if it has to be."""

    knows_end: bool
    """Whether a job can find out when it ends."""
    dry_run: Sequence[str]
    """What stands behind the first word of a submission that is only to be checked; nothing if it can't be."""

    def submit(self, pool: PoolConfig, order: Order, output: Path) -> Sequence[str]:
        """Return the command that submits the script on its standard input."""
        ...

    def submitted(self, output: str) -> str:
        """Return the job that a submission printed; empty if it printed none."""
        ...

    def is_refusal(self, output: Output) -> bool:
        """Return whether a submission that failed was refused for certain."""
        ...

    def list(self, user: str) -> Sequence[str]:
        """Return the command that lists all jobs of a user."""
        ...

    def listed(self, output: str) -> Sequence[Job]:
        """Read that list, but for jobs that aren't allocations; ValueError if it isn't one."""
        ...

    def cancel(self, job: str, *, gently: bool) -> Sequence[str]:
        """Return the command that ends a job; *gently* lets the agent in it drain."""
        ...


class BatchProvider:
    """A pool of jobs of a batch system."""

    def __init__(self, pool: PoolConfig, folder: Path, dialect: Dialect) -> None:
        """Submit jobs as *pool* says in a *dialect*; what they print goes to *folder*, which their hosts see."""
        self._pool = pool
        self._folder = folder
        self._dialect = dialect
        self._over: dict[AllocationKey, str] = {}  # how jobs ended that the batch system still lists
        self._most = 0  # jobs at once; 0: not asked yet

    async def submit(self, order: Order) -> str:
        """Submit a job."""
        return await self._submit([order], self._command(order), self._script(order))

    async def most_at_once(self) -> int:
        """Return how many members arrays of jobs may have, which is asked for once."""
        array = self._dialect.array
        if array is None or {word.partition("=")[0] for word in array.members(2)} & set(self._pool.leave_out):
            return 1
        if not self._most:
            try:
                done = await run(array.limit)
            except NoAnswer:
                return 1
            self._most = array.most(done.out) if done.code == 0 else 1
        return self._most

    async def submit_several(self, orders: Sequence[Order]) -> str:
        """Submit an array of jobs. What they print goes to files of their own, by their own doing."""
        array = self._dialect.array
        assert array is not None, "it takes several"
        program, *options = _without(self._command(orders[0], Path(os.devnull)), array.without)
        number = f"$(({orders[0].key.number - array.first} + {array.variable}))"
        command = [program, *array.members(len(orders)), *options]
        return await self._submit(orders, command, self._script(orders[0], number))

    async def _submit(self, orders: Sequence[Order], command: Sequence[str], script: str) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        for order in orders:
            if order.token:
                await asyncio.to_thread(tokens.write, self._folder, order)
        try:
            environment = tokens.environment_for(orders[0])  # which batch systems hand on, and some of them show
            done = await run(command, given=script, environment=environment)
        except NoAnswer as error:
            raise Unsure(str(error)) from None
        job = self._dialect.submitted(done.out) if done.code == 0 else ""
        if job:
            return job
        if done.code != 0 and self._dialect.is_refusal(done):
            raise Refused(done.words)
        raise Unsure(done.words)

    async def dry_run(self, order: Order) -> str | None:
        """Return what the batch system would say to a submission; None if it has no way to ask."""
        if not self._dialect.dry_run:
            return None
        program, *options = self._command(order)
        try:
            done = await run([program, *self._dialect.dry_run, *options], given=self._script(order))
        except NoAnswer as error:
            raise Unsure(str(error)) from None
        if done.code == 0:
            await self._require_time()
            return done.words
        raise (Refused if self._dialect.is_refusal(done) else Unsure)(done.words)

    async def _require_time(self) -> None:
        """Raise Refused if jobs of the pool would last longer than they may: some systems let them wait for ever."""
        asking, walltime = self._dialect.time_limit, self._pool.spec.walltime
        if asking is None or walltime is None or not (command := asking.command(self._pool)):
            return
        try:
            done = await run(command)
        except NoAnswer:
            return
        limit = asking.read(done.out) if done.code == 0 else None
        if limit is not None and walltime > limit:
            raise Refused(
                f"its walltime is {walltime / 60:g} min, and jobs there may last {limit / 60:g} min "
                f"(`{shlex.join(command)}`): they would wait for ever; say less in the pool's file"
            )

    async def list(self, cluster: str) -> Listing:
        """List the pool's jobs."""
        try:
            done = await run(self._dialect.list(getpass.getuser()))
        except NoAnswer as error:
            return Listing(found=(), problem=str(error))
        if done.code != 0:
            return Listing(found=(), problem=done.words)
        try:
            jobs = self._dialect.listed(done.out)
        except ValueError as error:
            return Listing(found=(), problem=f"its list can't be read: {error}")
        own = [each for each in jobs if (each.key.cluster, each.key.pool) == (cluster, self._pool.spec.name)]
        self._over = {each.key: each.over for each in own if each.over}
        return Listing(
            over=frozenset(each.key.number for each in own if each.over),
            hosts={each.key.number: each.host for each in own if each.over and each.host},
            found=[
                Found(key=each.key, job=each.job, begun=each.begun, host=each.host, reason=each.reason)
                for each in own
                if not each.over
            ],
        )

    async def cancel(self, found: Found, *, gently: bool) -> None:
        """End a job; if that can't be told, its next turn comes."""
        try:
            await run(self._dialect.cancel(found.job, gently=gently))
        except NoAnswer:
            return

    async def forget_tokens(self, cluster: str, keep: Collection[int]) -> None:
        """Delete the files of allocations that are over."""
        await asyncio.to_thread(tokens.forget, self._folder, cluster, self._pool.spec.name, keep)

    async def last_words(self, key: AllocationKey) -> str:
        """Return how a job ended, as far as the batch system says, and what its agent said last."""
        try:
            said = last_words(end_of(self._output(key), _LAST))
        except OSError:
            said = ""
        return "; ".join(each for each in (self._over.get(key, ""), said) if each)

    def preview(self, order: Order) -> str:
        """Return the submission as a shell would be told it."""
        script = self._script(order).rstrip("\n")
        return f"{shlex.join(self._command(order))} <<'END'\n{script}\nEND"

    def _command(self, order: Order, output: Path | None = None) -> Sequence[str]:
        command = self._dialect.submit(self._pool, order, output or self._output(order.key))
        left_out = set(self._pool.leave_out)
        return [word for word in command if word.partition("=")[0] not in left_out]

    def _script(self, order: Order, number: str = "") -> str:
        """Return the job: `exec`, so that the agent is the process which is signalled first.

        Of several jobs, *number* is by what a shell finds the number of its allocation.
        """
        own, name, first = str(order.key), str(order.key), []
        if number:
            name = f"{own.removesuffix(str(order.key.number))}$ACCIO_NUMBER"
            first = [f"ACCIO_NUMBER={number}", f'exec >>{shlex.quote(str(self._folder))}/"{name}.log" 2>&1']
        command = agent_command(self._pool, order, until=not self._dialect.knows_end)
        agent = " ".join(name if word == own else shlex.quote(word) for word in command)
        token = tokens.reading(self._folder, name) if order.token else ()
        return "\n".join(["#!/bin/sh", *first, *token, *self._pool.before, f"exec {agent}", ""])

    def _output(self, key: AllocationKey) -> Path:
        return self._folder / f"{key}.log"


def _without(command: Sequence[str], left_out: Sequence[str]) -> list[str]:
    """Return a command without the words that are left out, where they stand beside each other."""
    words, size = list(command), len(left_out)
    at = next((at for at in range(len(words)) if size and words[at : at + size] == list(left_out)), len(words))
    return words[:at] + words[at + size :]
