"""When an agent's host ends: the walltime of a batch system's job, or what the command line says.

Some time before it the agent takes no more work by itself, whatever signals come; a little before it gives back what
still runs, so that the goodbye is said while there is somebody to say it.
"""

import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from accio.domain.problems import ValueProblem
from accio.domain.quantities import parse_duration
from accio.late import dataclass
from accio_agent.agent.batch_job import BatchJob

ASKED_FOR_S = 10.0
"""So long Slurm may take to say when a job ends."""

DRAINS_BEFORE_S = 60.0
_DRAINS_BEFORE_SHARE = 0.02  # of the whole time, where that is more
_GIVES_BACK_BEFORE_S = 15.0
_EARLY_S = 0.05  # by which the timer of an event loop, which counts milliseconds, may ring before its time


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """The end of an agent's time. Instants are seconds of the monotonic clock."""

    lasts: float  # seconds from the agent's start until it gives back what runs
    drains_at: float
    gives_back_at: float
    host_ends: datetime

    @property
    def seconds_left(self) -> float:
        """Seconds until it gives back what runs; negative afterwards."""
        return self.gives_back_at - time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether what runs has been given back, or is about to be."""
        return self.seconds_left <= _EARLY_S


def deadline_at(end: datetime, now: datetime) -> Deadline:
    """Return what the end of the host means for an agent that starts *now*."""
    whole = max(0.0, (end - now).total_seconds())
    drains_before = min(max(DRAINS_BEFORE_S, whole * _DRAINS_BEFORE_SHARE), whole / 4)
    lasts = whole - min(_GIVES_BACK_BEFORE_S, whole / 8)
    start = time.monotonic()
    return Deadline(lasts=lasts, drains_at=start + whole - drains_before, gives_back_at=start + lasts, host_ends=end)


def parse_until(text: str, began: datetime) -> datetime:
    """Read when the host ends: a time (`2026-11-30T06:00`, in local time unless it says otherwise), or how long it is
    there (`3h30m`) since the agent's process *began*, which in a job is the script that became the agent.
    """
    with suppress(ValueError):
        found = datetime.fromisoformat(text)
        return found if found.tzinfo is not None else found.astimezone()
    try:
        seconds = parse_duration(text).ms / 1000
    except ValueProblem:
        seconds = 0.0
    if seconds <= 0:
        raise ValueProblem(
            f'expected a time such as "2026-11-30T06:00", or how long the host is there, such as "4h", found {text!r}'
        )
    return datetime.fromtimestamp(began.timestamp() + seconds, tz=began.tzinfo)


def end_of_job(job: BatchJob | None, environment: Mapping[str, str]) -> datetime | None:
    """Return when a batch system ends a job, as far as it tells; may ask Slurm, which takes a moment."""
    if job is None or job.system != "Slurm":
        return None
    told = environment.get("SLURM_JOB_END_TIME", "")  # since Slurm 23.02
    if told.isascii() and told.isdigit():
        return datetime.fromtimestamp(int(told)).astimezone()
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        command = ["squeue", "--noheader", f"--job={job.job}", "--format=%e"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=ASKED_FOR_S, check=True).stdout.strip()
        return datetime.fromisoformat(said).astimezone()  # "NONE" is no time
    return None
