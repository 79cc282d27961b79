"""How an attempt ended without a word from its worker, or before it had one."""

from accio.domain.attempts import PlainReport
from accio.domain.failures import Failure
from accio.domain.states import Cause
from accio.late import dataclass


@dataclass(slots=True, kw_only=True)
class Outcome:
    """A failure that the agent itself tells. Not frozen: what is known when the process has ended is added then."""

    failure: Failure
    wall_us: int = 0
    started_ms: int = 0  # epoch
    ended_ms: int = 0  # epoch
    log_bytes: int = 0
    missing: tuple[str, ...] = ()  # digests of inputs that the store doesn't have (any more)
    absent: tuple[str, ...] = ()  # texts of external inputs that can be had neither here as pinned, nor from the store
    disk_full: bool = False  # whether space was wanting here


def killed(message: str = "stopped on request") -> Outcome:
    """Return how an attempt ends that is stopped because somebody wants it."""
    return Outcome(failure=Failure(cause=Cause.KILLED, message=message))


Ending = Outcome | bytes | PlainReport
"""How an attempt ended: what the agent says of it, or its worker's report, serialised or a tuple (nothing that the core
reads).
"""
