"""The provider `ssh`: agents on machines that one reaches by SSH, one per machine.

They are started detached, so that neither a connection that breaks nor the end of this process ends them, and are found
again by their command lines. Only the system's `ssh` knows its users' configuration, jump hosts and agents for keys.
"""

import asyncio
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
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
_AGENTS = ("agent", "accio_agent")  # the last word of what is known to start an agent
_LAST = 2000  # bytes of an agent's output that are looked at
_NO_CONNECTION = 255  # the exit code of ssh where it didn't get to run anything
_LIST = "ps -ww -u $(id -u) -o pid=,args="
_PLAIN = "exec sh -s"
_OTHERS = "case $SHELL in */csh|*/tcsh|*/fish) exec sh -s;; esac"
_LOGIN = f"""exec sh -c '{_OTHERS}; unset SHLVL; exec "${{SHELL:-sh}}" -c "eval \\"\\$(cat)\\""'"""
"""What runs words of a shell that come by its input: plainly, or as the user's own shell would, which knows what its
start-up files say (`module`, `conda`). Whatever a login shell is (csh, fish), it reads these lines as they are meant;
where it is another kind of shell, `sh` takes its place. What comes by the input is on no command line.
"""


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
        self._silent: dict[str, str] = {}  # which machines didn't answer then, and why
        self._last_host: dict[AllocationKey, str] = {}
        self._started: dict[AllocationKey, _Agent] = {}  # whose processes have been there when last looked for

    async def submit(self, order: Order) -> str:
        """Start an agent on a machine that has none and answers."""
        host = self._free(order)
        if host is None:
            raise Unsure(self.lacks_room(order))
        log = f"{self._folder}/{order.key}.log"
        started = shlex.join(agent_command(self._pool, order, until=True))
        before = (  # which is in the agent's environment alone
            f"unset {tokens.OWN}\nexport {ALLOCATION_TOKEN}={shlex.quote(order.token)}\n" if order.token else ""
        )
        before += "".join(f"{line}\n" for line in self._pool.before)
        detached = f"nohup setsid {started} > {shlex.quote(log)} 2>&1 < /dev/null &"
        try:
            words = f"mkdir -p {shlex.quote(self._folder)}\n{before}{detached}\necho $!"
            done = await self._on(host, words, by=_LOGIN)
        except NoAnswer as error:
            raise Unsure(str(error)) from None
        if done.code == _NO_CONNECTION:
            raise Unsure(f"{host}: {_said(done)}")
        if done.code != 0:
            raise Refused(f"{host}: {_said(done)}")
        self._last_host[order.key] = host
        self._answered.pop(host, None)  # it isn't free any more, and nobody knows yet what it has
        pid = (done.out.split() or [""])[-1]  # start-up files may print something, too
        if not pid.isdecimal():
            raise Unsure(f"{host}: expected the number of the agent's process, found {_said(done)!r}")
        self._started[order.key] = _Agent(host, int(pid))
        return f"{host}:{pid}"

    def _free(self, order: Order) -> str | None:
        hosts = (each for each in self._pool.hosts if each not in order.exclude)
        return next((each for each in hosts if self._answered.get(each) == {}), None)

    def lacks_room(self, order: Order) -> str:
        """Return why there is no machine for an order; empty if there is one."""
        if self._free(order) is not None:
            return ""
        left_out = [host for host in self._pool.hosts if host in order.exclude]
        busy = [host for host in self._pool.hosts if host not in self._silent and host not in left_out]
        parts = [
            self._silence(),
            f"agents are on {', '.join(busy)}" if busy else "",
            f"left out: {', '.join(left_out)}" if left_out else "",
        ]
        return f"no machine is free: {'; '.join(filter(None, parts))}"

    def _silence(self) -> str:
        """Return which machines don't answer, and why; empty if all do."""
        return "; ".join(f"{host} doesn't answer ({why})" for host, why in self._silent.items())

    async def dry_run(self, order: Order) -> str | None:
        """Ask every machine whether it answers, has the agent's program and may keep its output; raises Refused."""
        words = "\n".join([*self._pool.before, *self._requirements(agent_command(self._pool, order, until=True))])
        wrong = [
            each for each in await asyncio.gather(*(self._why_not(host, words) for host in self._pool.hosts)) if each
        ]
        if wrong:
            raise Refused("; ".join(wrong))
        return f"all of {', '.join(self._pool.hosts)} answer, and have what an agent needs there"

    def _requirements(self, command: Sequence[str]) -> Iterator[str]:
        """Yield lines of a shell that end with the reason for why an agent couldn't be started there."""
        folder, program = shlex.quote(self._folder), command[0]
        yield _or_say(f"mkdir -p {folder} && test -w {folder}", f"the folder {self._folder} can't be written")
        expected = "expected how an agent is started there as `command`"
        yield _or_say(f"command -v {shlex.quote(program)} >/dev/null", f"there is no program {program}; {expected}")
        for tool in ("ps", "nohup", "setsid"):
            yield _or_say(f"command -v {tool} >/dev/null", f"there is no program {tool}, which is needed there")
        starter = command[: command.index(_OPTION)]
        if starter[-1] in _AGENTS:  # whatever else it is, nobody knows what it does when asked for help
            yield _or_say(f"{shlex.join(starter)} -h >/dev/null", f"{shlex.join(starter)} doesn't start there")
        if self._pool.join:
            said = f"the join file {self._pool.join} can't be read there; copy it there, with mode 0600"
            yield _or_say(f"test -r {_at_home(self._pool.join)}", said)

    async def _why_not(self, host: str, words: str) -> str:
        try:
            done = await self._on(host, words, by=_LOGIN)
        except NoAnswer as error:
            return f"{host}: {error}"
        if done.code == _NO_CONNECTION:
            return f"{host}: {_said(done)} (`ssh {host}` has to work without a question)"
        return "" if done.code == 0 else f"{host}: {_said(done)}"

    async def list(self, cluster: str) -> Listing:
        """Look for agents on all machines at once; what one that doesn't answer has isn't known."""
        looks = dict(zip(self._pool.hosts, await asyncio.gather(*map(self._look, self._pool.hosts)), strict=True))
        self._silent = {host: look for host, look in looks.items() if isinstance(look, str)}
        lines = {host: look for host, look in looks.items() if not isinstance(look, str)}
        self._answered = {host: dict(_agents(host, each)) for host, each in lines.items()}
        over = {
            key for key, agent in self._started.items() if agent.host in lines and not _runs(agent, lines[agent.host])
        }
        self._started = {key: agent for key, agent in self._started.items() if key not in over}
        found = [
            Found(key=key, job=f"{agent.host}:{agent.pid}", begun=True, host=agent.host)
            for agents in self._answered.values()
            for key, agent in agents.items()
            if (key.cluster, key.pool) == (cluster, self._pool.spec.name)
        ]
        self._last_host |= {each.key: each.host for each in found}
        hosts = {key.number: host for key, host in self._last_host.items()}
        return Listing(
            found=found,
            problem="" if self._answered else self._silence(),
            silent=self._silence(),
            over=frozenset(key.number for key in over if key.cluster == cluster),
            hosts=hosts,
        )

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

    async def _look(self, host: str) -> str | Sequence[str]:
        """Return the processes of this user on a machine, line by line, or why it doesn't tell."""
        try:
            done = await self._on(host, _LIST)
        except NoAnswer as error:
            return str(error)
        return _said(done) if done.code != 0 else done.out.splitlines()

    async def _on(self, host: str, words: str, *, by: str = _PLAIN) -> Output:
        """Run words of a shell on another machine; nobody is asked for anything."""
        options = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", *self._pool.directives]
        return await run(["ssh", *options, "--", host, by], given=f"{{\n{words}\n}} </dev/null\n")


def _said(done: Output) -> str:
    """Return the last two lines of what was said: before them ssh warns at length, and Python tells where it was."""
    lines = (line.strip() for line in (done.err.strip() or done.words).splitlines())
    return "; ".join([line for line in lines if line][-2:])


def _or_say(needed: str, otherwise: str) -> str:
    return f"{needed} || {{ echo {shlex.quote(otherwise)} >&2; exit 3; }}"


def _at_home(path: str) -> str:
    """Return a path for a shell, which is to know what `~` is."""
    return f'"$HOME"/{shlex.quote(path[2:])}' if path.startswith("~/") else shlex.quote(path)


def _runs(agent: _Agent, lines: Sequence[str]) -> bool:
    """Return whether a machine has an agent's process, which has another command line for its first moments."""
    return any(line.split(maxsplit=1)[:1] == [str(agent.pid)] for line in lines)


def _agents(host: str, lines: Sequence[str]) -> list[tuple[AllocationKey, _Agent]]:
    found = []
    for line in lines:
        pid, *words = line.split() or [""]
        if pid.isdigit() and _OPTION in words[:-1]:
            key = parse_key(words[words.index(_OPTION) + 1])
            if key is not None:
                found.append((key, _Agent(host, int(pid))))
    return found
