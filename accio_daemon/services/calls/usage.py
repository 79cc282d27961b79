"""The rpc about what nodes used of agents."""

from collections.abc import Iterable, Set

from accio.domain.access import Viewer
from accio.domain.caps import named
from accio.errors import BadRequest
from accio.v1 import workload_pb2
from accio_daemon.core.accounts import HOUR_MS
from accio_daemon.engine.ports import Clock
from accio_daemon.services.calls.rights import Rights
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.rows import owners
from accio_daemon.storage.rows.owners import PERIODS, UsageRow

_BY = ("owner", "pool", *PERIODS)


class UsageCalls:
    """What nodes used."""

    def __init__(self, *, readers: Readers, clock: Clock, rights: Rights) -> None:
        """Read from *readers* what is kept, as far as the caller may see it."""
        self._readers = readers
        self._clock = clock
        self._rights = rights

    async def get_usage(self, request: workload_pb2.GetUsageRequest) -> workload_pb2.GetUsageResponse:
        """Return what was used, told apart as is asked for."""
        by = set(request.by)
        if unknown := by - set(_BY):
            raise BadRequest(f"by: expected any of {', '.join(_BY)}, found {', '.join(sorted(unknown))[:100]!r}")
        if len(by & set(PERIODS)) > 1:
            raise BadRequest(f"by: expected one of {' and '.join(PERIODS)}, found both")
        period = next(iter(by & set(PERIODS)), "")
        since = max(0, request.since_ms // HOUR_MS)
        until = -(-(request.until_ms or self._clock.now().wall_ms + 1) // HOUR_MS)
        viewer = self._rights.viewer()
        rows = await self._readers.read(
            lambda snapshot: owners.read_usage(snapshot, since=since, until=until, period=period)
        )
        return workload_pb2.GetUsageResponse(
            usage=_summed(rows, by, viewer), since_ms=since * HOUR_MS, until_ms=until * HOUR_MS
        )


def _summed(rows: Iterable[UsageRow], by: Set[str], viewer: Viewer) -> list[workload_pb2.Usage]:
    """Add up what isn't told apart, without what who looks may not see."""
    found: dict[tuple[str, str, str], workload_pb2.Usage] = {}
    for row in rows:
        if not viewer.sees(named(row.owner)):
            continue
        owner, pool = row.owner if "owner" in by else "", row.pool if "pool" in by else ""
        key = (owner, pool, row.period)
        sums = found.setdefault(key, workload_pb2.Usage(owner=owner, pool=pool, period=row.period))
        sums.nodes += row.nodes
        sums.core_hours += row.cpu_s / 3600
        sums.gpu_hours += row.gpu_s / 3600
    most_first = sorted(found.values(), key=lambda each: (-each.core_hours, -each.nodes, each.owner, each.pool))
    return sorted(most_first, key=lambda each: each.period, reverse=True)
