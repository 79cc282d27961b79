"""The rpc GetWorkload, and forecasts for what is only about to be submitted."""

from collections.abc import Iterable, Mapping

from accio.domain.access import Viewer
from accio.domain.people import Person
from accio.domain.resources import NOTHING
from accio.late import dataclass
from accio.v1 import workload_pb2
from accio.wire.resources import resources_message
from accio_daemon.core.accounts import HOUR_MS
from accio_daemon.core.readings.forecast import Forecast, Forecaster, Spread, spread_of
from accio_daemon.core.readings.workload import Rest, RunLoad, Workload
from accio_daemon.core.terms import RunNo
from accio_daemon.engine.ports import Clock, EnginePort
from accio_daemon.services.calls.rights import Rights
from accio_daemon.services.messages.workload import demand_message, forecast_message, owner_message, run_load_message
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.runs import runs_query, search
from accio_daemon.storage.runs.runs_query import RunRow
from accio_daemon.storage.times import durations, lanes
from accio_daemon.storage.times.concurrency import Concurrency, concurrency

RUNS_TOLD = 1_000
KEPT_S = 10.0
"""For how long the concurrency of the last hour is told anew without being looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is left, and when it will have ended."""

    load: Workload
    spreads: Mapping[int, Spread]
    forecasts: Mapping[RunNo, Forecast]
    everything: Forecast
    also: Forecast  # of what nobody has submitted yet, behind everything else


class WorkloadCalls:
    """What is queued and running."""

    def __init__(self, *, engine: EnginePort, readers: Readers, rights: Rights, clock: Clock) -> None:
        """Ask the engine what is left, and read from *readers* how long such things took."""
        self._engine = engine
        self._clock = clock
        self._readers = readers
        self._rights = rights
        self._kept: tuple[float, Concurrency] | None = None

    async def get_workload(self, request: workload_pb2.GetWorkloadRequest) -> workload_pb2.Workload:
        """Return what is queued and running, and when it will have ended."""
        viewer = self._rights.viewer()
        only: RunNo | None = None
        if request.run:
            only = (await self._readers.read(lambda plain: runs_query.find(plain, request.run, viewer))).run.no
        seen = await outlook(self._engine, self._readers)
        wanted = [run.no for run in seen.load.runs if only in (None, run.no)]
        since_ms = self._clock.now().wall_ms - HOUR_MS
        rows, recent = await self._readers.read(
            lambda plain: (_rows(plain, wanted, viewer), lanes.recent(plain, since_ms))
        )
        at_once = await self._at_once()
        told = [run for run in seen.load.runs if run.no in rows]
        return workload_pb2.Workload(
            agents=seen.load.agents,
            resources=resources_message(seen.load.room),
            reserved=resources_message(seen.load.reserved),
            active_runs=len(seen.load.runs),
            runs=[run_load_message(rows[run.no], run, seen.forecasts[run.no]) for run in told[:RUNS_TOLD]],
            demands=[
                demand_message(load, seen.spreads.get(load.demand[0]))
                for load in sorted(seen.load.demands.values(), key=lambda load: (load.operator, str(load.demand[1])))
                if load.left
            ],
            owners=_owners(told, rows),
            forecast=forecast_message(seen.everything),
            recent=workload_pb2.Recent(
                succeeded=recent.succeeded,
                failed=recent.failed,
                since_ms=recent.since_ms,
                more=recent.more,
                concurrency=at_once.means,
                concurrency_sampled=at_once.sampled,
            ),
            memo_hits=seen.load.hits,
        )

    async def _at_once(self) -> Concurrency:
        """Return the concurrency of the last hour, as it was found within the last seconds: open pages ask often."""
        now, kept = self._clock.now(), self._kept
        if kept is not None and now.mono - kept[0] < KEPT_S:
            return kept[1]
        running = [each.since_ms for each in self._engine.executing()]
        found = await self._readers.read(lambda plain: concurrency(plain, now.wall_ms - HOUR_MS, now.wall_ms, running))
        self._kept = (now.mono, found)
        return found


async def outlook(engine: EnginePort, readers: Readers, also: Iterable[Rest] = (), *, nice: bool = False) -> Outlook:
    """Look at what is left, and forecast its end and that of *also*, were it submitted now (as a *nice* run)."""
    extra = tuple(also)
    load = engine.workload(extra)
    numbers = sorted({operator_no for operator_no, _ in load.demands})
    known = await readers.read(lambda plain: durations.recent(plain, numbers))
    spreads: dict[int, Spread] = {}
    for number, (seconds, earlier) in known.items():
        if (spread := spread_of(seconds, earlier=earlier)) is not None:
            spreads[number] = spread
    forecaster = Forecaster(load, spreads)

    def served(*, behind: bool) -> dict[RunNo, Forecast]:
        """Forecast the runs that are served before *also*, or those behind it: the nice ones, if it isn't nice itself.

        What is served first has what it takes: so the order of the calls counts.
        """
        runs = (run for run in load.runs if (run.nice and not nice) is behind)
        return {run.no: forecaster.serve(run.rests, run.owner, nice=run.nice) for run in runs}

    forecasts = served(behind=False)
    extra_forecast = forecaster.serve(extra)
    forecasts |= served(behind=True)
    return Outlook(
        load=load,
        spreads=spreads,
        forecasts=forecasts,
        everything=_all_of(forecasts.values()),
        also=extra_forecast,
    )


def _all_of(forecasts: Iterable[Forecast]) -> Forecast:
    """Return when the last of these will have ended."""
    found = list(forecasts)
    in_doubt = next((each for each in found if each.why), Forecast())
    return Forecast(
        low=max((each.low for each in found), default=0.0),
        high=max((each.high for each in found), default=0.0),
        cpu_low=sum(each.cpu_low for each in found),
        cpu_high=sum(each.cpu_high for each in found),
        never=in_doubt.never,
        why=in_doubt.why,
    )


def _rows(snapshot: Snapshot, numbers: Iterable[RunNo], viewer: Viewer) -> dict[RunNo, RunRow]:
    """Read the rows of runs that the caller may see."""
    rows = search.read_runs(snapshot, list(numbers))
    return {row.no: row for row in rows if viewer.sees(Person(name=row.owner_name, email=row.owner_email))}


def _owners(runs: Iterable[RunLoad], rows: Mapping[RunNo, RunRow]) -> list[workload_pb2.OwnerLoad]:
    by_owner: dict[Person, list[RunLoad]] = {}
    for run in runs:
        row = rows[run.no]
        by_owner.setdefault(Person(name=row.owner_name, email=row.owner_email), []).append(run)
    return [
        owner_message(owner, loads, sum((each.reserved for each in loads), NOTHING))
        for owner, loads in by_owner.items()
    ]
