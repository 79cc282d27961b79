"""The batch system's job in which an agent runs: what it was given of its host, by the variables that the job finds.

Slurm, PBS (OpenPBS, Torque), Grid Engine, LSF, HTCondor. What a variable says is a limit beside others: an agent offers
the least of all that it knows.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from accio.late import dataclass

_MIB = 1 << 20
_RUNS = re.compile(r"(\d+)(?:\(x(\d+)\))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """A job on this host; 0 stands for what its batch system doesn't tell."""

    system: str
    job: str
    cpus: int = 0
    memory: int = 0  # bytes

    def __str__(self) -> str:
        """Return it in words for people."""
        return f"{self.system} job {self.job}"


def find_job(environment: Mapping[str, str], host: str) -> BatchJob | None:
    """Return the job that these variables belong to, on the host of this name; None outside of batch systems."""
    for look in (_slurm, _pbs, _grid_engine, _lsf, _condor):
        found = look(environment, host)
        if found is not None:
            return found
    return None


def _slurm(environment: Mapping[str, str], host: str) -> BatchJob | None:
    del host  # Slurm's variables are those of this host already
    job = environment.get("SLURM_JOB_ID")
    if not job:
        return None
    cpus = _number(environment, "SLURM_CPUS_ON_NODE")
    memory = _number(environment, "SLURM_MEM_PER_NODE") or _number(environment, "SLURM_MEM_PER_CPU") * cpus
    memory = memory or _number(environment, "SLURM_MEM_PER_GPU") * _number(environment, "SLURM_GPUS_ON_NODE")
    sharing = _tasks_here(environment)
    own = _number(environment, "SLURM_CPUS_PER_TASK") if sharing > 1 else 0
    return BatchJob(
        system="Slurm", job=job, cpus=own or (cpus and max(1, cpus // sharing)), memory=memory * _MIB // sharing
    )


def _tasks_here(environment: Mapping[str, str]) -> int:
    """Return how many tasks of one srun share this host, as `2(x3),1` says of hosts by number; 1 for a batch script."""
    tasks: list[int] = []
    for count, times in _RUNS.findall(environment.get("SLURM_STEP_TASKS_PER_NODE", "")):
        tasks += [int(count)] * int(times or 1)
    node = _number(environment, "SLURM_NODEID")
    return max(1, tasks[node]) if node < len(tasks) else 1


def _pbs(environment: Mapping[str, str], host: str) -> BatchJob | None:
    del host
    job = environment.get("PBS_JOBID")
    if not job:
        return None
    return BatchJob(system="PBS", job=job, cpus=_number(environment, "NCPUS") or _number(environment, "PBS_NUM_PPN"))


def _grid_engine(environment: Mapping[str, str], host: str) -> BatchJob | None:
    job = environment.get("JOB_ID")
    if not job or "SGE_ROOT" not in environment:
        return None
    task = environment.get("SGE_TASK_ID", "undefined")
    cpus = _number(environment, "NSLOTS")
    if _number(environment, "NHOSTS") > 1:  # then the slots are those of all hosts
        cpus = _slots_of(environment.get("PE_HOSTFILE", ""), host) or 1
    return BatchJob(system="Grid Engine", job=job if task == "undefined" else f"{job}.{task}", cpus=cpus)


def _slots_of(file: str, host: str) -> int:
    """Return how many slots a file of lines `HOST SLOTS …` gives a host."""
    with suppress(OSError, ValueError, IndexError):
        for line in Path(file).read_text().splitlines():
            name, slots = line.split()[:2]
            if _short(name) == _short(host):
                return int(slots)
    return 0


def _lsf(environment: Mapping[str, str], host: str) -> BatchJob | None:
    job = environment.get("LSB_JOBID")
    if not job:
        return None
    words = environment.get("LSB_MCPU_HOSTS", "").split()  # HOST SLOTS HOST SLOTS …
    slots = {_short(name): count for name, count in zip(words[::2], words[1::2], strict=False)}
    cpus = _number(slots, _short(host)) or _number(environment, "LSB_DJOB_NUMPROC")
    return BatchJob(system="LSF", job=job, cpus=cpus)


def _condor(environment: Mapping[str, str], host: str) -> BatchJob | None:
    del host
    machine = environment.get("_CONDOR_MACHINE_AD")
    if not machine:
        return None
    amounts: dict[str, str] = {}
    with suppress(OSError):
        for line in Path(machine).read_text().splitlines():
            name, _, value = line.partition("=")
            amounts[name.strip()] = value.strip()
    job = environment.get("_CONDOR_SLOT", "unknown")
    return BatchJob(system="HTCondor", job=job, cpus=_number(amounts, "Cpus"), memory=_number(amounts, "Memory") * _MIB)


def _number(values: Mapping[str, str], name: str) -> int:
    """Return a whole number; 0 if there is none."""
    text = values.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _short(host: str) -> str:
    return host.partition(".")[0].lower()


def this_job() -> BatchJob | None:
    """Return the job in which this process runs."""
    return find_job(os.environ, os.uname().nodename)
