"""What can happen to pools and their allocations: what the process that serves them tells, what users ask."""

from collections.abc import Mapping
from dataclasses import field

from accio.domain.pools import PoolSpec
from accio.late import dataclass
from accio_daemon.core.commands import Command
from accio_daemon.core.facts import AllocationFacts
from accio_daemon.core.terms import SessionNo


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolsJoined(Command[None]):
    """A process opened a session in which it serves pools, in order of preference."""

    session: SessionNo
    server: str  # random identity of the process
    pools: tuple[PoolSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolsLeft(Command[None]):
    """Such a session ended."""

    session: SessionNo


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationsFound(Command[None]):
    """The engine's list of a pool's allocations; one that isn't complete says nothing of those that it lacks."""

    session: SessionNo
    pool: str
    complete: bool
    found: tuple[AllocationFacts, ...]
    reasons: Mapping[int, str] = field(default_factory=dict)  # why allocations that it lacks ended or aren't there yet
    hosts: Mapping[int, str] = field(default_factory=dict)  # where they were
    problem: str = ""  # why it isn't complete, or which part of the engine doesn't answer


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationsRefused(Command[None]):
    """The engine refused allocations, by number, with its words."""

    session: SessionNo
    pool: str
    refused: Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePool(Command[None]):
    """A user pauses a pool, lets it go on, or sets how many allocations it keeps; unknown names raise NotFound."""

    name: str
    paused: bool | None = None  # None: as it is
    floor: int | None = None
    by_file: bool = False  # keep as many as its file says
