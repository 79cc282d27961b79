"""The dialect of Slurm (tried on 22.05): sbatch, squeue, scancel."""

import math
import re
from collections.abc import Sequence
from pathlib import Path

from accio.domain.pools import parse_key
from accio_pool.config import PoolConfig
from accio_pool.providers.batch import Array, Job, TimeLimit
from accio_pool.providers.ports import Order
from accio_pool.runner import Output

_MIB = 1 << 20

_OVER = {
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED",
    "TIMEOUT",
}  # fmt: skip
"""States that nothing follows. Whatever Slurm may say besides, the job may still be there."""
_WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"}

_TIME = re.compile(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)")
"""`[DAYS-][HOURS:]MINUTES:SECONDS`, as sinfo writes it."""
_REFUSALS = ("sbatch: error", "allocation failure", "sbatch: unrecognized option", "sbatch: option requires")
"""What sbatch says where it has refused for certain: also to a dry run, and of options."""
_UNSURE = ("timed out", "unable to contact", "communication", "connection refused", "zero bytes", "slurmctld")
"""What sbatch says, among other words, where the job may have been taken in: a frozen controller had."""


class _Array:
    """Arrays of jobs: numbers from 0 on, below `MaxArraySize`."""

    variable = "SLURM_ARRAY_TASK_ID"
    first = 0
    limit: Sequence[str] = ("scontrol", "show", "config")
    without: Sequence[str] = ()

    def most(self, output: str) -> int:
        """Read the configuration; 0 there means that there are no arrays."""
        found = re.search(r"^MaxArraySize\s*=\s*(\d+)", output, re.MULTILINE)
        return max(1, int(found[1])) if found else 1

    def members(self, count: int) -> Sequence[str]:
        """Return the option for a number of jobs."""
        return [f"--array=0-{count - 1}"]


class _TimeLimit:
    """That of the pool's partition, in which longer jobs would wait for ever."""

    def command(self, pool: PoolConfig) -> Sequence[str]:
        """Return the command that tells it; none if the pool's file names no partition."""
        partition = pool.options.get("partition")
        return ["sinfo", "--noheader", "--format=%l", f"--partition={partition}"] if partition else []

    def read(self, output: str) -> float | None:
        """Read that, in seconds; of several partitions the longest counts."""
        found = [_seconds(each) for each in output.split()]
        known = [each for each in found if each is not None]
        return max(known) if known and len(known) == len(found) else None


class Slurm:
    """The commands of Slurm. The name of an array is that of its first job's allocation."""

    array: Array | None = _Array()
    time_limit: TimeLimit | None = _TimeLimit()
    knows_end = True
    dry_run: Sequence[str] = ("--test-only",)

    def submit(self, pool: PoolConfig, order: Order, output: Path) -> Sequence[str]:
        """Return the command that submits a job of one host and one task.

        There is no `--signal`: its warning may come a minute too early, and an agent knows the end by itself.
        """
        host, key = pool.spec.host, str(order.key)
        assert pool.spec.walltime is not None, "pools of batch systems have one"
        command = [
            "sbatch",
            "--parsable",
            "--no-requeue",
            f"--job-name={key}",
            f"--comment={key}",
            f"--output={output}",
            "--nodes=1",
            "--ntasks=1",
            f"--cpus-per-task={math.ceil(host.milli_cpus / 1000)}",
            f"--time={max(1, math.floor(pool.spec.walltime / 60))}",
        ]
        if host.memory:
            command.append(f"--mem={math.ceil(host.memory / _MIB)}M")
        if host.gpus:
            command.append(f"--gpus-per-node={host.gpus}")
        if order.exclude:
            command.append(f"--exclude={','.join(order.exclude)}")
        command += [f"--{name}={value}" for name, value in pool.options.items()]
        return [*command, *pool.directives]

    def submitted(self, output: str) -> str:
        """Return the number of the job; of federated clusters it is followed by the cluster's name."""
        job = output.strip().partition(";")[0]
        return job if job.isascii() and job.isdigit() else ""

    def is_refusal(self, output: Output) -> bool:
        """Return whether a submission was refused for certain."""
        said = output.words.lower()
        return any(each in said for each in _REFUSALS) and not any(each in said for each in _UNSURE)

    def list(self, user: str) -> Sequence[str]:
        """Return the command that lists all jobs, those that have ended lately among them."""
        return ["squeue", "--noheader", "--array", "--states=all", f"--user={user}", "--format=%i|%T|%N|%j|%K|%r"]

    def listed(self, output: str) -> Sequence[Job]:
        """Read what squeue printed."""
        found = []
        for line in output.splitlines():
            fields = line.strip().split("|", 5)
            if len(fields) != 6:
                raise ValueError(f"expected six fields, found {line!r}")
            job, state, host, name, place, reason = fields
            key = parse_key(name)
            if key is not None:
                key = key.after(int(place)) if place.isdigit() else key
                waits = state in _WAITING
                over = _over(state, reason)
                words = reason if waits and reason != "None" else ""
                found.append(Job(key=key, job=job, begun=not waits, host=host, reason=words, over=over))
        return found

    def cancel(self, job: str, *, gently: bool) -> Sequence[str]:
        """Return the command that ends a job: gently, only the agent is signalled, which is the batch script."""
        return ["scancel", "--batch", "--signal=TERM", job] if gently else ["scancel", job]


def _seconds(limit: str) -> float | None:
    """Read one of squeue's times; None for `infinite`, and for what isn't one."""
    found = _TIME.fullmatch(limit)
    if found is None:
        return None
    days, hours, minutes, seconds = (int(each or 0) for each in found.groups())
    return 86400.0 * days + 3600 * hours + 60 * minutes + seconds


def _over(state: str, reason: str) -> str:
    if state not in _OVER:
        return ""
    return state if reason in ("None", "") else f"{state} ({reason})"
