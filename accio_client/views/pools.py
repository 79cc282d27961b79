"""Pools and allocations."""

from collections.abc import Mapping
from datetime import datetime

from accio.domain.ids import AgentName
from accio.late import dataclass
from accio_client.views.cluster import ResourcesView


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceView:
    """A time, by name, at which a pool has no hosts."""

    name: str
    begins_at: datetime | None
    ends_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolView:
    """A pool; times in seconds, `walltime` None where hosts stay until they are given back."""

    name: str
    provider: str
    state: str  # serving, away, paused, closed, backing off, silent
    host: ResourcesView  # what is asked for
    offers: ResourcesView | None  # what its last agent really offered
    walltime: float | None
    least: int  # the `min` of its file
    most: int
    kept: int  # allocations that are kept now, whatever is queued
    pending: int
    worth: float
    keep: float
    allocations: Mapping[str, int]  # that haven't ended, by their states
    decision: tuple[str, ...]  # why it has as many as it has
    problem: str
    operators: tuple[str, ...] = ()  # patterns of those that alone are executed there; none: all
    owners: tuple[str, ...] = ()  # whose nodes alone are; none: everybody's
    during: str = ""  # the times of the week at which hosts are asked for; empty: always
    maintenance: tuple[MaintenanceView, ...] = ()  # when there are no hosts
    budget_day: float | None = None  # core-hours that hosts may use in a day (UTC)
    budget_total: float | None = None  # and in all
    used: float = 0.0  # core-hours of hosts that are over


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolsView:
    """All pools, in order of preference; *unservable* tells what waits that none of them can serve."""

    pools: tuple[PoolView, ...]
    unservable: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationView:
    number: int
    pool: str
    state: str
    job: str
    host: str
    agent: AgentName | None
    reason: str
    requested_at: datetime | None
    began_at: datetime | None
    ended_at: datetime | None
    lasting: bool
    cancelling: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationPage:
    """A page of allocations, the newest first; `next` is the cursor of the next page."""

    allocations: tuple[AllocationView, ...]
    next: str | None
