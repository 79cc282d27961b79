"""The command that starts an agent in an allocation."""

import json
import shlex
from collections.abc import Sequence

from accio.domain.resources import cpus_json
from accio.interpreter import python
from accio_pool.config import PoolConfig
from accio_pool.providers.ports import Order


def last_words(output: bytes) -> str:
    """Return the last line that an agent has printed, in words: what it logs for programs, it says as a sentence."""
    lines = output.decode(errors="replace").strip().splitlines()
    if not lines:
        return ""
    line = lines[-1].strip()
    try:
        said = json.loads(line)
    except ValueError:
        return line
    if not isinstance(said, dict):
        return line
    return ": ".join(str(said[key]) for key in ("event", "reason") if said.get(key))


def agent_command(pool: PoolConfig, order: Order, *, until: bool) -> Sequence[str]:
    """Return the command of an order's agent; with *until*, it is told when its host ends, as the engine doesn't."""
    spec, host = pool.spec, pool.spec.host
    command = shlex.split(pool.command) if pool.command else python("accio_agent")
    command += ["--allocation", str(order.key), "--cpus", str(cpus_json(host.milli_cpus))]
    if host.memory:
        command += ["--memory", str(host.memory)]
    if host.disk:
        command += ["--disk", str(host.disk)]
    command += [word for name, amount in host.custom for word in ("--resource", f"{name}={amount}")]
    if pool.join:
        command += ["--join", pool.join]
    if not order.lasting:
        command += ["--idle-timeout", f"{spec.keep:g}"]
    if until and spec.walltime is not None:
        command += ["--until", f"{spec.walltime:g}s"]
    return [*command, *pool.agent]
