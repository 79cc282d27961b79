"""What the agent's core works with: classes, attempts, lanes, and the effects that it asks for. No rules are here
(`decisions.py`).
"""

from collections import deque
from dataclasses import field
from typing import Any, NamedTuple

from accio.late import dataclass
from accio_agent.agent.core.outcome import Ending, Outcome

AHEAD_US = 12_000
"""How much work, in microseconds of recent durations, is handed to a lane ahead of time."""

AHEAD_LIMIT = 256
"""Most attempts that are handed to a lane."""

SHORT_US = 2_000
"""Attempts of a class that recently took longer than this aren't handed out ahead of time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WorkClass:
    """What attempts of one kind have in common. Two are the same class if they are the same object: the caller interns
    them.
    """

    pool: str  # which workers can run it
    operator: int  # the operator's place in the agent's list
    alone: bool = False  # a fresh process for each attempt
    ahead: bool = True  # attempts may be handed to a worker ahead of time
    gpus: int = 0
    milli_cpus: int = 1000
    memory: int = 0  # bytes; 0 means no limit
    timeout_ms: int = 0  # 0 means none
    takes_datasets: bool = False  # which are fetched first


@dataclass(slots=True, eq=False)
class Assignment:
    """An attempt as the daemon sent it (made by place, as thousands a second are)."""

    attempt: int
    work_class: WorkClass
    task: Any  # opaque
    reserved: bool
    gpus: tuple[int, ...] = ()
    ready: bool = True  # False if inputs must be fetched first; `staged` tells when they are there


class Attempt:
    """An attempt that hasn't ended."""

    __slots__ = ("assignment", "begun", "doomed", "ended", "granted", "lane", "no", "order")

    def __init__(self, assignment: Assignment, order: int) -> None:
        self.no = assignment.attempt
        self.assignment = assignment
        self.order = order  # of arrival
        self.granted = assignment.reserved
        self.lane: Lane | None = None
        self.doomed: Outcome | None = None  # what it ends as if it is stopped
        self.begun = False  # and executed; its report is in the making
        self.ended = False

    def __repr__(self) -> str:
        place = f"lane {self.lane.no}" if self.lane else "waiting"
        return f"<Attempt {self.no} {place}{' granted' if self.granted else ''}{' doomed' if self.doomed else ''}>"


class Lane:
    """A worker and what was handed to it, oldest first."""

    __slots__ = ("attempts", "gpus", "holds", "no", "pool", "retired", "served", "work_class")

    def __init__(self, no: int, pool: str) -> None:
        self.no = no
        self.pool = pool
        self.work_class: WorkClass | None = None  # of what it holds
        self.attempts: deque[Attempt] = deque()
        self.holds = 0  # how often it was asked to hand back what it hasn't begun, less its answers
        self.served = 0  # attempts that ended on it
        self.retired = False  # it gets nothing more, and is closed once it holds nothing
        self.gpus: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"<Lane {self.no} of {self.pool}: {[each.no for each in self.attempts]}{' held' if self.holds else ''}>"


class ClassState:
    """The grants, the lanes and the queue of one class."""

    __slots__ = ("free_gpus", "grants", "lanes", "open_grants", "pace_us", "ungranted", "waiting", "work_class")

    def __init__(self, work_class: WorkClass) -> None:
        self.work_class = work_class
        self.grants = 0  # attempts that hold one
        self.open_grants: set[int] = set()  # numbers of the reports whose grants nobody took over
        self.lanes: dict[int, Lane] = {}
        self.waiting: deque[Attempt] = deque()  # not on a lane, by arrival; ended ones are skipped
        self.ungranted: deque[Attempt] = deque()  # by arrival; ended ones are skipped
        self.pace_us: float | None = None  # of recent durations
        self.free_gpus: list[tuple[int, ...]] = []  # of grants that no lane uses

    def depth(self) -> int:
        """Return how many attempts a lane of this class should hold."""
        if self.pace_us is None or self.pace_us > SHORT_US or not self.work_class.ahead:
            return 1
        return min(AHEAD_LIMIT, max(1, int(AHEAD_US / max(self.pace_us, 1.0))))


@dataclass(slots=True, kw_only=True)
class Begin:
    """Hand these attempts to a lane's worker, in this order."""

    lane: int
    work_class: WorkClass
    gpus: tuple[int, ...]
    attempts: list[Assignment]


class Publication(NamedTuple):
    """A report: keep it, and send it if a session is open."""

    seq: int
    attempt: int
    outcome: Ending


@dataclass(slots=True)
class Effects:
    """What must happen outside."""

    acked: list[int] = field(default_factory=list)  # reports to drop from the outbox
    forgotten: list[int] = field(default_factory=list)  # attempts to strike from the journal
    published: list[Publication] = field(default_factory=list)
    resend: list[int] = field(default_factory=list)  # reports of the outbox to send again, before the published ones
    opened: list[Lane] = field(default_factory=list)  # lanes that need a worker
    begun: list[Begin] = field(default_factory=list)
    stage: list[Assignment] = field(default_factory=list)  # inputs to fetch
    held: list[tuple[int, int | None]] = field(
        default_factory=list
    )  # lanes to hand back; kill one that runs the attempt
    closed: list[int] = field(default_factory=list)  # lanes whose workers are needed no more
    withdrawn: list[int] = field(default_factory=list)
    started: list[int] = field(default_factory=list)


def is_untouched(attempt: Attempt) -> bool:
    """Return whether an attempt holds no grant and no worker has seen it."""
    return attempt.lane is None and not attempt.granted and not attempt.begun


def take_off(lane: Lane, no: int) -> Attempt | None:
    """Remove an attempt from a lane. It is the first one, unless those before it were dropped without the worker's
    knowledge.
    """
    attempts = lane.attempts
    if attempts and attempts[0].no == no:
        found = attempts.popleft()
        found.lane = None
        return found
    for attempt in attempts:
        if attempt.no == no:
            attempts.remove(attempt)
            attempt.lane = None
            return attempt
    return None
