"""Operators, agents, the daemon, the memo and the store."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accio.domain.ids import AgentName, OperatorName, PortName
from accio.late import dataclass
from accio_client.views.runs import PersonView


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcesView:
    """An amount of each resource; processors in thousandths, memory and disk in bytes."""

    milli_cpus: int
    memory: int
    disk: int
    gpus: int
    custom: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPortView:
    name: PortName
    type: str
    has_default: bool
    default: Any
    optional: bool
    help: str
    choices: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPortView:
    name: PortName
    type: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorView:
    """The latest version of an operator; `uncacheable` says why none of its results can be kept."""

    name: OperatorName
    digest: str | None
    uncacheable: str | None
    category: str
    help: str
    unstable: bool
    deprecated: str | None
    inputs: tuple[InputPortView, ...]
    outputs: tuple[OutputPortView, ...]
    resources: ResourcesView
    timeout_ms: int | None
    retries: int
    retry_backoff_ms: int
    isolated: bool
    components: Mapping[str, str]
    distribution: str
    retry_memory: float | None = None
    memory_limit: int | None = None  # bytes
    draws: tuple[str, ...] = ()  # random numbers that it draws otherwise than from its context
    differing: str = ""  # how connected agents differ in it: which version counts, and who gets none of it
    stale: str = ""  # whose code of it has changed on disk since it was announced, and what to do


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowView:
    """A time at which nothing begins at some agents: named ones, or all if no names are given."""

    name: str
    begins_at: datetime | None
    ends_at: datetime | None
    agents: tuple[str, ...] = ()  # names, or patterns of names


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWindow:
    """A window that was added; *warnings* say of which of its names there is no agent now."""

    window: WindowView
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentView:
    name: AgentName
    state: str
    resources: ResourcesView
    reserved: ResourcesView
    running: int
    last_seen: datetime | None
    operators: int
    reason: str
    version: str
    lease_left_ms: int
    prefetched: int
    owners: tuple[str, ...] = ()  # whose nodes alone it takes; empty for everybody's
    window: WindowView | None = None  # of its windows the one that lasts, or comes next
    left_out: tuple[str, ...] = ()  # which installed packages have operators that it can't load, and why


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    version: str
    epoch: int
    resources: ResourcesView
    reserved: ResourcesView
    queued_nodes: int
    running_nodes: int
    active_runs: int
    refusing: str
    agents: int
    started_at: datetime | None
    caller: PersonView | None = None
    """Whom the token identifies that it was asked with; None: whoever has it says who they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreedView:
    digest: str
    bytes: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GarbageView:
    freed: tuple[FreedView, ...]
    bytes: int
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStatisticsView:
    operator: OperatorName
    results: int
    bytes: int
    hits: int
    misses: int
    took_s: float | None = None  # of an execution, the median of the latest; None: nothing is known

    @property
    def saved_s(self) -> float | None:
        """About how many seconds of execution were spared: as many as its hits would have taken."""
        return None if self.took_s is None else self.hits * self.took_s


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntryView:
    key: str
    operator: OperatorName
    source: str
    computed_at: datetime | None
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheView:
    operators: tuple[CacheStatisticsView, ...]
    entries: tuple[CacheEntryView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupView:
    """A copy of the database, and what is wrong with it, as the database is damaged."""

    path: str
    bytes: int
    problems: tuple[str, ...] = ()
