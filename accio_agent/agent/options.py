"""What an agent was told on its command line."""

from datetime import datetime
from pathlib import Path

from accio.late import dataclass
from accio_agent.agent.batch_job import BatchJob
from accio_agent.agent.deadline import Deadline
from accio_agent.agent.ending import Patience

GRACE_S = 30.0

GRACE_IN_JOB_S = 20.0
"""Batch systems commonly kill 30 s after SIGTERM, and the goodbye must have been said by then."""

WITHOUT_DAEMON_IN_JOB_S = 300.0
"""A job that finds no daemon for so long gives its host back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line said; None stands for what is found out."""

    daemon: str | None = None
    operators: tuple[str, ...] = ()
    name: str | None = None
    state_dir: Path | None = None
    store: Path | None = None  # where this host sees the daemon's store; None for the daemon's own path
    user: str | None = None  # as whom operators run; None for who runs the agent
    milli_cpus: int | None = None
    memory: int | None = None
    disk: int | None = None
    gpus: int | None = None
    custom: tuple[tuple[str, int], ...] = ()
    grace_s: float | None = None
    without_daemon_s: float | None = None
    without_work_s: float | None = None
    stdin: bool = False
    until: datetime | None = None
    owners: tuple[str, ...] = ()  # whose nodes alone are taken; empty for everybody's
    allocation: str = ""  # of a pool; empty if none asked for this host
    installed: bool = True
    reload: bool = False  # offer edited operators as they are now
    metrics: str = ""  # HOST:PORT; empty for nowhere

    def patience(self, job: BatchJob | None, deadline: Deadline | None = None) -> Patience:
        """Return how long the agent stays; what isn't said depends on whether a batch system's *job* is used up."""
        grace = GRACE_S if job is None else GRACE_IN_JOB_S
        without_daemon = None if job is None else WITHOUT_DAEMON_IN_JOB_S
        return Patience(
            grace=grace if self.grace_s is None else self.grace_s,
            without_daemon=without_daemon if self.without_daemon_s is None else self.without_daemon_s,
            without_work=self.without_work_s,
            deadline=deadline,
        )
