"""Owners, caps, and what was used."""

from dataclasses import dataclass
from datetime import datetime

from accio.domain.caps import Cap
from accio_client.views.runs import PersonView


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerView:
    """Somebody who has runs that haven't ended, or a cap; `nodes` and `milli_cpus` are those at agents."""

    owner: PersonView
    runs: int
    queued: int
    nodes: int
    milli_cpus: int
    cap: Cap | None  # that counts for him
    own_cap: bool  # whether that is his own, not everybody's
    lately: float  # core-hours that he used, half of which count after each day
    other_times: Cap | None = None  # his own that doesn't count now, as it is for other times of the week


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnersView:
    """Whose work there is, who has most at agents first; *everybody* is the cap of who has none of his own."""

    owners: tuple[OwnerView, ...]
    everybody: Cap | None
    policy: str  # whom the queue serves first: first-come, or fair


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageView:
    """What some nodes used; owner, pool and period (2026-11-29 or 2026-11) are empty where they aren't told apart."""

    owner: str
    pool: str
    period: str
    nodes: int
    core_hours: float
    gpu_hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReport:
    """What nodes used that were over in the hours from *since* on and before *until*."""

    usage: tuple[UsageView, ...]
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CapView:
    """A cap as it is now; *owner* is the address or name that tells owners apart, or "everybody"."""

    owner: str
    cap: Cap | None
