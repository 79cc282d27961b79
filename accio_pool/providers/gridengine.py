"""The dialect of Grid Engine (tried on SGE 8.1.9): qsub, qstat, qdel."""

import math
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from accio.domain.pools import parse_key
from accio_pool.config import PoolConfig
from accio_pool.providers.batch import Job
from accio_pool.providers.ports import Order
from accio_pool.runner import Output

_OWN = {"pe"}
"""Options that aren't passed on as they are."""
_UNSURE = ("can't connect", "unable to contact", "commlib", "got no connection", "timeout", "failed receiving")


class GridEngine:
    """The commands of Grid Engine. Of several slots, the option `pe` names the parallel environment."""

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
        """Return the number of the job."""
        job = output.strip().splitlines()[-1] if output.strip() else ""
        return job if job.isascii() and job.isdigit() else ""

    def is_refusal(self, output: Output) -> bool:
        """Return whether a submission was refused for certain."""
        said = output.words.lower()
        return not any(each in said for each in _UNSURE)

    def list(self, user: str) -> Sequence[str]:
        """Return the command that lists all jobs."""
        return ["qstat", "-xml", "-u", user]

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
            state = each.findtext("state", "")
            waits = not set(state) & set("rtsSTNdR") or "w" in state
            host = each.findtext("queue_name", "").partition("@")[2]
            reason = f"state {state}" if "E" in state or "h" in state else ""
            found.append(
                Job(key=key, job=each.findtext("JB_job_number", ""), begun=not waits, host=host, reason=reason)
            )
        return found

    def cancel(self, job: str, *, gently: bool) -> Sequence[str]:
        """Return the command that ends a job; submitted with `-notify`, it is warned a while before."""
        return ["qdel", job] if gently else ["qdel", "-f", job]
