"""The dialect of Grid Engine (tried on SGE 8.1.9): qsub, qstat, qdel."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from accio.domain.pools import parse_key
from accio_pool.config import PoolConfig
from accio_pool.providers.batch import Array, Job, TimeLimit
from accio_pool.providers.ports import Order
from accio_pool.runner import Output

_OWN = {"pe"}
"""Options that aren't passed on as they are."""
_MANY = 1000
_FIRST = 1  # place in an array
_UNSURE = (
    "can't connect",
    "unable to contact",
    "commlib",
    "got no connection",
    "timeout",
    "failed receiving",
    "qmaster name",
)


class _Array:
    """Arrays of jobs: numbers from 1 on, up to `max_aj_tasks`."""

    variable = "SGE_TASK_ID"
    first = _FIRST
    limit: Sequence[str] = ("qconf", "-sconf", "global")
    without: Sequence[str] = ()

    def most(self, output: str) -> int:
        """Read the configuration; 0 there means any number."""
        found = re.search(r"^max_aj_tasks\s+(\d+)", output, re.MULTILINE)
        return 1 if found is None else int(found[1]) or _MANY

    def members(self, count: int) -> Sequence[str]:
        """Return the option for a number of jobs."""
        return ["-t", f"1-{count}"]


class GridEngine:
    """The commands of Grid Engine. Of several slots, the option `pe` names the parallel environment.

    The name of an array is that of its first job's allocation.
    """

    array: Array | None = _Array()
    time_limit: TimeLimit | None = None
    knows_end = False
    dry_run: Sequence[str] = ("-w", "v")

    def submit(self, pool: PoolConfig, order: Order, output: Path) -> Sequence[str]:
        """Return the command that submits a job of one host."""
        host = pool.spec.host
        assert pool.spec.walltime is not None, "pools of batch systems have one"
        command = [
            "qsub",
            "-terse",
            "-r",
            "n",
            "-notify",
            "-V",
            "-S",
            "/bin/sh",
            "-j",
            "y",
            "-N",
            str(order.key),
            "-o",
            str(output),
            "-l",
            f"h_rt={math.ceil(pool.spec.walltime)}",
        ]
        slots = math.ceil(host.milli_cpus / 1000)
        if "pe" in pool.options:
            command += ["-pe", pool.options["pe"], str(slots)]
        if host.memory:
            command += ["-l", f"h_vmem={math.ceil(host.memory / slots)}"]
        if order.exclude:
            command += ["-l", f"h=!({'|'.join(order.exclude)})"]
        command += [word for name, value in pool.options.items() if name not in _OWN for word in (f"-{name}", value)]
        return [*command, *pool.directives]

    def submitted(self, output: str) -> str:
        """Return the number of the job, or of the array, which is followed by those of its jobs."""
        job = (output.strip().splitlines() or [""])[-1].partition(".")[0]
        return job if job.isascii() and job.isdigit() else ""

    def is_refusal(self, output: Output) -> bool:
        """Return whether a submission was refused for certain."""
        said = output.words.lower()
        return not any(each in said for each in _UNSURE)

    def list(self, user: str) -> Sequence[str]:
        """Return the command that lists all jobs, each one of an array for itself."""
        return ["qstat", "-xml", "-g", "d", "-u", user]

    def listed(self, output: str) -> Sequence[Job]:
        """Read what qstat printed; jobs in an error state wait for somebody to mend it."""
        try:
            # The batch system's own answer to a command of this user.
            document = ElementTree.fromstring(output)  # noqa: S314 - it comes from no stranger
        except ElementTree.ParseError as error:
            raise ValueError(str(error)) from None
        found = []
        for each in document.iter("job_list"):
            key = parse_key(each.findtext("JB_name", ""))
            if key is None:
                continue
            job, place = each.findtext("JB_job_number", ""), each.findtext("tasks", "")
            if place.isdigit():
                key, job = key.after(int(place) - _FIRST), f"{job}.{place}"
            state = each.findtext("state", "")
            waits = not set(state) & set("rtsSTNdR") or "w" in state
            host = each.findtext("queue_name", "").partition("@")[2]
            reason = f"state {state}" if "E" in state or "h" in state else ""
            found.append(Job(key=key, job=job, begun=not waits, host=host, reason=reason))
        return found

    def cancel(self, job: str, *, gently: bool) -> Sequence[str]:
        """Return the command that ends a job; submitted with `-notify`, it is warned a while before."""
        return ["qdel", job] if gently else ["qdel", "-f", job]
