"""Pools and allocations: what an engine (a batch system, this machine) is asked for, and every state of such a request.

A *pool* is a kind of host that an engine gives, within limits. An *allocation* is one request to the engine: one host
for a while, in which one agent runs. The tables are the specification, as those of `accio.domain.states` are.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from fnmatch import fnmatchcase

from accio.domain.maintenance import Maintenance
from accio.domain.resources import MAX_AMOUNT, Resources
from accio.domain.states import IllegalMove
from accio.domain.windows import Windows
from accio.late import dataclass


class AllocationState(StrEnum):
    """Where an allocation is."""

    REQUESTED = "requested"  # decided and durable; the pool's process may have asked the engine for it
    PENDING = "pending"  # the engine knows it, and hasn't begun it
    RUNNING = "running"  # the engine says that it runs, or its agent has joined
    ENDED = "ended"
    FAILED = "failed"  # the engine refused it, or it ended before an agent joined
    LOST = "lost"  # the engine doesn't know it any more, and its agent never said goodbye


ALLOCATION_TRANSITIONS: Mapping[AllocationState, Mapping[AllocationState, str]] = {
    AllocationState.REQUESTED: {
        AllocationState.PENDING: "the engine has queued it",
        AllocationState.RUNNING: "the engine has begun it, or its agent joined",
        AllocationState.ENDED: "it was given up before the engine had it",
        AllocationState.FAILED: "the engine refused it",
    },
    AllocationState.PENDING: {
        AllocationState.RUNNING: "the engine has begun it, or its agent joined",
        AllocationState.ENDED: "it was given up before it began",
        AllocationState.FAILED: "the engine doesn't have it any more, and no agent joined",
    },
    AllocationState.RUNNING: {
        AllocationState.ENDED: "its agent said goodbye, or it was given up, and the engine doesn't have it any more",
        AllocationState.FAILED: "the engine doesn't have it any more, and no agent joined",
        AllocationState.LOST: "the engine doesn't have it any more, and its agent vanished",
    },
    AllocationState.ENDED: {},
    AllocationState.FAILED: {},
    AllocationState.LOST: {},
}

ALLOCATION_TERMINAL = frozenset(state for state, moves in ALLOCATION_TRANSITIONS.items() if not moves)


def check_allocation_move(before: AllocationState, after: AllocationState) -> None:
    """Raise IllegalMove if there is no such move."""
    if after not in ALLOCATION_TRANSITIONS[before]:
        raise IllegalMove(f"an allocation that is {before} can't become {after}")


_PREFIX = "accio"
_KEY = re.compile(rf"{_PREFIX}-([0-9a-f]{{8}})-([a-z][a-z0-9-]{{0,30}})-([1-9][0-9]{{0,17}})", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}", re.ASCII)
POOL_NAME_RULE = "at most 31 small letters, digits and '-', beginning with a letter"
CLUSTER_DIGITS = 8


def is_pool_name(text: str) -> bool:
    """Return whether *text* can name a pool (see POOL_NAME_RULE): engines take it as part of a job's name."""
    return _NAME.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class AllocationKey:
    """What an allocation is called at its engine, whose job numbers may come back: cluster, pool and number."""

    cluster: str  # the beginning of the history that the daemon's database records
    pool: str
    number: int

    def __str__(self) -> str:
        """Return it as a job's name."""
        return f"{_PREFIX}-{self.cluster}-{self.pool}-{self.number}"

    def after(self, count: int) -> "AllocationKey":
        """Return the key of the allocation that is *count* further."""
        return AllocationKey(self.cluster, self.pool, self.number + count)


def parse_key(text: str) -> AllocationKey | None:
    """Read a key; None for any other text."""
    found = _KEY.fullmatch(text)
    return None if found is None else AllocationKey(found[1], found[2], int(found[3]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many core-hours hosts of a pool may use; None: any number."""

    day: float | None = None  # of each day, in UTC
    total: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSpec:
    """A pool as its file describes it, as far as deciding needs to know. Times in seconds."""

    name: str
    provider: str
    host: Resources  # what is asked for; memory and disk of 0 say that the engine gives what it gives
    walltime: float | None  # None: hosts stay until they are given back
    minimum: int = 0
    maximum: int = 1
    pending: int = 5  # allocations that may wait at the engine at a time
    worth: float = 120.0  # of work for which another host is asked for
    keep: float = 300.0  # of idleness after which a host is given back
    operators: tuple[str, ...] = ()  # which alone are executed there, as patterns of names; none: all
    owners: frozenset[str] = frozenset()  # whose nodes alone are (`accio.domain.caps.parse_served`); none: everybody's
    during: Windows | None = None  # the times of the week at which hosts are asked for; None: always
    maintenance: tuple[Maintenance, ...] = ()  # when there are no hosts, whatever is queued
    budget: Budget | None = None

    def takes(self, operator: str) -> bool:
        """Return whether nodes of an operator may be executed there, as far as its name decides."""
        return not self.operators or any(fnmatchcase(operator, pattern) for pattern in self.operators)

    @property
    def lasts(self) -> float | None:
        """How long nodes have on a host, at most: its agent gives back what runs a little before the end."""
        return None if self.walltime is None else self.walltime - min(15.0, self.walltime / 8)

    @property
    def room(self) -> Resources:
        """What a host of it may have, before an agent has told."""
        return replace(self.host, memory=self.host.memory or MAX_AMOUNT, disk=self.host.disk or MAX_AMOUNT)
