"""The provider `ssh`: agents on machines that one reaches by SSH, one per machine.

They are started detached, so that neither a connection that breaks nor the end of this process ends them, and are found
again by their command lines. Only the system's `ssh` knows its users' configuration, jump hosts and agents for keys.
"""

import asyncio
import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from accio.domain.pools import AllocationKey, parse_key
from accio.late import dataclass
from accio.places import ALLOCATION_TOKEN
from accio_pool import tokens
from accio_pool.agents import agent_command, last_words
from accio_pool.config import PoolConfig
from accio_pool.providers.ports import Found, Listing, Order, Refused, Unsure
from accio_pool.runner import NoAnswer, Output, run

_FOLDER = ".accio-pools"  # in the home folder of the other machine
_OPTION = "--allocation"
_LAST = 2000  # bytes of an agent's output that are looked at
_NO_CONNECTION = 255  # the exit code of ssh where it didn't get to run anything
_LIST = "ps -ww -u $(id -u) -o pid=,args="


@dataclass(frozen=True, slots=True)
class _Agent:
    """An agent on another machine."""

    host: str
    pid: int


class SshProvider:
    """A pool of machines."""

    def __init__(self, pool: PoolConfig, folder: Path) -> None:
        """Start agents on the machines of *pool*; what they print stays there, in its folder."""
        del folder  # of this machine
        self._pool = pool
        self._folder = pool.folder or _FOLDER
        self._answered: dict[str, Mapping[AllocationKey, _Agent]] = {}  # what each machine had when it last answered
        self._last_host: dict[AllocationKey, str] = {}

    async def submit(self, order: Order) -> str:
        """Start an agent on a machine that has none and answers."""
        hosts = (each for each in self._pool.hosts if each not in order.exclude)
        host = next((each for each in hosts if self._answered.get(each) == {}), None)
        if host is None:
            raise Unsure("no machine that answers is free")
        log = f"{self._folder}/{order.key}.log"
        started = shlex.join(agent_command(self._pool, order, until=True))
        # The token comes by ssh's input, and is in the agent's environment alone.
        before = f"unset {tokens.OWN}\nread -r {ALLOCATION_TOKEN}\nexport {ALLOCATION_TOKEN}\n" if order.token else ""
        before += "".join(f"{line}\n" for line in self._pool.before)
        detached = f"nohup setsid {started} > {shlex.quote(log)} 2>&1 < /dev/null &"
        try:
            words = f"mkdir -p {shlex.quote(self._folder)}\n{before}{detached}\necho $!"
            done = await self._on(host, words, given=f"{order.token}\n" if order.token else "")
        except NoAnswer as error:
            raise Unsure(str(error)) from None
        if done.code == _NO_CONNECTION:
            raise Unsure(f"{host}: {done.words}")
        if done.code != 0:
            raise Refused(f"{host}: {done.words}")
        self._last_host[order.key] = host
        self._answered.pop(host, None)  # it isn't free any more, and nobody knows yet what it has
        return f"{host}:{done.out.strip()}"

    async def dry_run(self, order: Order) -> str | None:
        """Ask every machine whether it answers, has the agent's program and may keep its output; raises Refused."""
        program = agent_command(self._pool, order, until=True)[0]
        words = "".join(f"{line}\n" for line in self._pool.before)
        folder = shlex.quote(self._folder)
        cant_write = shlex.quote(f"the folder {self._folder} can't be written")
        isnt_there = shlex.quote(f"there is no program {program}; expected how an agent is started there as `command`")
        words += f"mkdir -p {folder} && test -w {folder} || {{ echo {cant_write} >&2; exit 3; }}\n"
        words += f"command -v {shlex.quote(program)} >/dev/null || {{ echo {isnt_there} >&2; exit 3; }}"
        wrong = [
            each for each in await asyncio.gather(*(self._why_not(host, words) for host in self._pool.hosts)) if each
        ]
        if wrong:
            raise Refused("; ".join(wrong))
        return f"all of {', '.join(self._pool.hosts)} answer, and have {program}"

    async def _why_not(self, host: str, words: str) -> str:
        try:
            done = await self._on(host, words)
        except NoAnswer as error:
            return f"{host}: {error}"
        if done.code == _NO_CONNECTION:
            return f"{host}: {done.words} (`ssh {host}` has to work without a question)"
        return "" if done.code == 0 else f"{host}: {done.words}"

    async def list(self, cluster: str) -> Listing:
        """Look for agents on all machines at once; what one that doesn't answer has isn't known."""
        looks = await asyncio.gather(*(self._look(host) for host in self._pool.hosts))
        self._answered = {
            host: agents for host, agents in zip(self._pool.hosts, looks, strict=True) if agents is not None
        }
        found = [
            Found(key=key, job=f"{agent.host}:{agent.pid}", begun=True, host=agent.host)
            for agents in self._answered.values()
            for key, agent in agents.items()
            if (key.cluster, key.pool) == (cluster, self._pool.spec.name)
        ]
        self._last_host |= {each.key: each.host for each in found}
        hosts = {key.number: host for key, host in self._last_host.items()}
        return Listing(found=found, problem="" if self._answered else "no machine answers", hosts=hosts)

    async def cancel(self, found: Found, *, gently: bool) -> None:
        """Signal an agent, unless its process has become another one since."""
        host, _, pid = found.job.rpartition(":")
        signal = "TERM" if gently else "KILL"
        words = f"ps -ww -p {int(pid)} -o args= | grep -q -e {shlex.quote(str(found.key))} && kill -{signal} {int(pid)}"
        try:
            await self._on(host, words)
        except NoAnswer:
            return

    async def forget_tokens(self, cluster: str, keep: Collection[int]) -> None:
        """Do nothing: they are in the agents' environment alone."""

    async def last_words(self, key: AllocationKey) -> str:
        """Return what an agent said last, if its machine answers."""
        host = self._last_host.get(key)
        if host is None:
            return ""
        try:
            done = await self._on(host, f"tail -c {_LAST} {shlex.quote(f'{self._folder}/{key}.log')}")
        except NoAnswer:
            return ""
        return last_words(done.out.encode()) if done.code == 0 else ""

    def preview(self, order: Order) -> str:
        """Return what is started, and where."""
        started = shlex.join(agent_command(self._pool, order, until=True))
        return f"on one of {', '.join(self._pool.hosts)}: {started}"

    async def _look(self, host: str) -> Mapping[AllocationKey, _Agent] | None:
        try:
            done = await self._on(host, _LIST)
        except NoAnswer:
            return None
        return None if done.code != 0 else dict(_agents(host, done.out.splitlines()))

    async def _on(self, host: str, words: str, *, given: str = "") -> Output:
        """Run words of a shell on another machine; nobody is asked for anything."""
        options = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", *self._pool.directives]
        return await run(["ssh", *options, "--", host, words], given=given)


def _agents(host: str, lines: Sequence[str]) -> list[tuple[AllocationKey, _Agent]]:
    found = []
    for line in lines:
        pid, *words = line.split()
        if pid.isdigit() and _OPTION in words[:-1]:
            key = parse_key(words[words.index(_OPTION) + 1])
            if key is not None:
                found.append((key, _Agent(host, int(pid))))
    return found
