"""What agents tell of attempts, in one form for agent and daemon: how far each one is, and how it ended."""

from enum import StrEnum
from typing import TypeAlias

from accio.domain.failures import Failure
from accio.domain.ids import AttemptNo
from accio.domain.series import Packed
from accio.late import dataclass

Metrics = tuple[int, int, int, int, int, int, str]
"""Wall, user and system time in µs, peak memory, bytes in, bytes out, custom metrics in JSON."""

PlainReport: TypeAlias = tuple[int, int, int, int, int, int, int, int, int, bytes]
"""A success that says nothing but short outputs, and what it cost: attempt; wall, user and system time in µs; peak
memory, bytes in and out; when it began, in milliseconds; the size of its log; outputs, a JSON object from port to
canonical JSON.
"""


class Holding(StrEnum):
    """What an agent that opens a session says of an attempt."""

    PENDING = "pending"
    RUNNING = "running"
    FINISHED = "finished"
    GONE = "gone"


@dataclass(slots=True)
class Report:
    """How an attempt ended (not frozen, and made by place, as thousands a second are)."""

    seq: int
    attempt: AttemptNo
    outputs: dict[str, str] | None  # canonical JSON by port; None if it failed
    blobs: dict[str, tuple[str, int]] | None  # ports kept as blobs: digest, size
    failure: Failure | None
    metrics: Metrics
    started_ms: int
    ended_ms: int
    log_bytes: int
    contents: list[tuple[str, int]]  # digests of dataset outputs, sizes
    missing: tuple[str, ...] = ()  # digests of inputs that the store doesn't have
    known: bool = True  # whether its attempt went on when it came; what is said of another one can be no result
    absent: tuple[str, ...] = ()  # texts of external inputs that neither the agent has as pinned, nor the store
    disk_full: bool = False  # whether it failed for want of space at the agent
    series: tuple[Packed, ...] = ()  # what the operator measured at steps
