"""What is seen of the World from outside: frozen values, which `views` makes."""

from collections.abc import Mapping

from accio.domain.caps import Cap
from accio.domain.maintenance import Maintenance
from accio.domain.people import Person
from accio.domain.pools import AllocationState, PoolSpec
from accio.domain.resources import Resources
from accio.late import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentView:
    """An agent as the World sees it now; all times are those of the daemon's clocks."""

    name: str
    state: str  # connected, suspect, draining, lost, disconnected
    resources: Resources
    reserved: Resources
    running: int
    prefetched: int
    last_seen_ms: int
    operators: int
    reason: str
    version: str
    lease_left_ms: int
    owners: tuple[str, ...]  # whose nodes alone it takes; empty for everybody's
    left_out: tuple[str, ...] = ()  # which packages there have operators that can't be loaded, and why
    window: Maintenance | None = None  # of its windows the one that lasts, or comes next


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolView:
    """A pool as the World sees it now."""

    spec: PoolSpec
    state: str  # serving, away, paused, closed, backing off, silent
    least: int  # allocations that are kept
    allocations: Mapping[AllocationState, int]  # those that haven't ended, by their states
    numbers: frozenset[int]  # of those
    offers: Resources | None
    decision: tuple[str, ...]
    problem: str
    used: float  # core-hours of hosts that are over


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolsView:
    """All pools, in order of preference, and what waits that none of them can serve."""

    pools: tuple[PoolView, ...]
    unservable: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerView:
    """Somebody who has runs or a cap, as the World sees him now."""

    person: Person
    runs: int  # that haven't ended
    queued: int  # nodes that count for him
    nodes: int  # at agents
    milli_cpus: int  # that those have reserved, or will have
    cap: Cap | None  # that counts for him
    is_own: bool  # whether that is his own, not everybody's
    other_times: Cap | None  # his own that doesn't count now
    used: float  # core-seconds lately, as they count for the policy that is fair


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnersView:
    """Everybody who has runs that haven't ended, or a cap; and the cap of those who have none of their own."""

    owners: tuple[OwnerView, ...]
    everybody: Cap | None
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    """Numbers about the whole World."""

    queued_nodes: int
    running_nodes: int
    active_runs: int
    agents: tuple[AgentView, ...]
    refusing: str
    epoch: int
