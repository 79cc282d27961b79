"""The dialect of OpenPBS and PBS Pro: qsub, qstat, qsig, qdel."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accio.domain.pools import AllocationKey, parse_key
from accio_pool.config import PoolConfig
from accio_pool.providers.batch import Array, Job, TimeLimit
from accio_pool.providers.ports import Order
from accio_pool.runner import Output

_MIB = 1 << 20
_VARIABLE = "ACCIO_ALLOCATION"
_OVER = {"F", "X"}
_BEGUN = {"R", "E", "S", "U", "B"}
_FIRST = 0  # place in an array
_MANY = 10_000  # how many jobs an array may have where the server says nothing else
_PLACE = re.compile(r"\[(\d*)\]")
_UNSURE = ("cannot connect", "timed out", "timeout", "end of file", "communication", "pbs_server", "no route")


class _Array:
    """Arrays of jobs: numbers from 0 on, as many as `max_array_size`."""

    variable = "PBS_ARRAY_INDEX"
    first = _FIRST
    limit: Sequence[str] = ("qstat", "-B", "-f", "-F", "json")
    # PBS runs jobs of arrays again if their host fails: they end by themselves then.
    without: Sequence[str] = ("-r", "n")

    def most(self, output: str) -> int:
        """Read what the server says of itself; PBS' own limit if it says nothing of arrays."""
        try:
            servers = json.loads(output)["Server"].values()
            return max(1, min(int(each.get("max_array_size", _MANY)) for each in servers))
        except (ValueError, LookupError, TypeError, AttributeError):
            return 1

    def members(self, count: int) -> Sequence[str]:
        """Return the option for a number of jobs."""
        return ["-J", f"{_FIRST}-{_FIRST + count - 1}"]


class Pbs:
    """The commands of PBS. A job's name may be short there, so that a variable of the job holds the allocation's: of an
    array, that of its first job.
    """

    array: Array | None = _Array()
    time_limit: TimeLimit | None = None
    knows_end = False
    dry_run: Sequence[str] = ()

    def submit(self, pool: PoolConfig, order: Order, output: Path) -> Sequence[str]:
        """Return the command that submits a job of one host."""
        host, key = pool.spec.host, str(order.key)
        assert pool.spec.walltime is not None, "pools of batch systems have one"
        chunk = f"select=1:ncpus={math.ceil(host.milli_cpus / 1000)}"
        if host.memory:
            chunk += f":mem={math.ceil(host.memory / _MIB)}mb"
        if host.gpus:
            chunk += f":ngpus={host.gpus}"
        seconds = math.ceil(pool.spec.walltime)
        walltime = f"walltime={seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        command = ["qsub", "-r", "n", "-j", "oe", "-k", "oed", "-S", "/bin/sh", "-N", f"accio-{order.key.number}"]
        command += ["-V", "-v", f"{_VARIABLE}={key}", "-o", str(output), "-l", chunk, "-l", walltime]
        command += [word for name, value in pool.options.items() for word in (f"-{name}", value)]
        return [*command, *pool.directives]

    def submitted(self, output: str) -> str:
        """Return the id of the job, `NUMBER.SERVER`, or of the array, `NUMBER[].SERVER`."""
        job = output.strip().splitlines()[-1] if output.strip() else ""
        return job if job.partition(".")[0].rstrip("[]").isdigit() else ""

    def is_refusal(self, output: Output) -> bool:
        """Return whether a submission was refused for certain."""
        said = output.words.lower()
        return said.startswith("qsub:") and not any(each in said for each in _UNSURE)

    def list(self, user: str) -> Sequence[str]:
        """Return the command that lists all jobs, each of an array, too. It can't choose a user's so."""
        del user
        return ["qstat", "-t", "-f", "-F", "json"]

    def listed(self, output: str) -> Sequence[Job]:
        """Read what qstat printed."""
        jobs: Mapping[str, Any] = json.loads(output).get("Jobs", {})
        found = []
        for job, facts in jobs.items():
            key = _key(job, facts)
            if key is None:
                continue
            state = str(facts.get("job_state", ""))
            host = str(facts.get("exec_host", "")).partition("/")[0]
            over = f"exit status {facts.get('Exit_status', 'unknown')}" if state in _OVER else ""
            reason = "" if state in _BEGUN else str(facts.get("comment", ""))
            found.append(Job(key=key, job=job, begun=state in _BEGUN, host=host, reason=reason, over=over))
        return found

    def cancel(self, job: str, *, gently: bool) -> Sequence[str]:
        """Return the command that ends a job, or signals it, which reaches the agent alone."""
        return ["qsig", "-s", "SIGTERM", job] if gently else ["qdel", job]


def _key(job: str, facts: dict[str, Any]) -> AllocationKey | None:
    """Return a job's allocation; None if it isn't one, as an array itself isn't."""
    key, place = parse_key(_variable(facts)), _PLACE.search(job)
    if key is None or place is None:
        return key
    return key.after(int(place[1]) - _FIRST) if place[1] else None


def _variable(facts: dict[str, Any]) -> str:
    """Return the allocation that a job was submitted for. Variables are listed as an object, or as text, by version."""
    listed = facts.get("Variable_List", {})
    if isinstance(listed, dict):
        return str(listed.get(_VARIABLE, ""))
    pairs = (each.partition("=") for each in str(listed).split(","))
    return next((value for name, _, value in pairs if name.strip() == _VARIABLE), "")
