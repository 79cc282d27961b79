"""The rpc GetTimeline: where the cluster spends its time."""

from accio.domain.access import Viewer
from accio.domain.children import OWN
from accio.domain.ids import child_id
from accio.domain.people import Person
from accio.errors import BadRequest
from accio.v1 import workload_pb2
from accio_daemon.engine.ports import Clock, EnginePort
from accio_daemon.services.calls.rights import Rights
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.runs import runs_query
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.runs.search import read_runs
from accio_daemon.storage.times.lanes import Ended, newest_ended, newest_of_run

_TOLD, _MOST = 500, 5_000


class TimelineCalls:
    """What agents execute, and what they executed last."""

    def __init__(self, *, engine: EnginePort, readers: Readers, plans: Plans, clock: Clock, rights: Rights) -> None:
        """Ask the engine what goes on, and read from *readers* what has ended."""
        self._engine = engine
        self._readers = readers
        self._plans = plans
        self._clock = clock
        self._rights = rights

    async def get_timeline(self, request: workload_pb2.GetTimelineRequest) -> workload_pb2.Timeline:
        """Return what agents execute, and the newest of what they have executed: of the cluster, or of a run."""
        if request.limit > _MOST:
            raise BadRequest(f"limit: expected at most {_MOST:,} executions, found {request.limit:,}")
        viewer, limit = self._rights.viewer(), request.limit or _TOLD
        running = [
            Ended(
                agent=each.agent,
                state="running",
                started_ms=each.since_ms,
                ended_ms=0,
                run=each.run,
                index=each.index,
                node=each.node,
            )
            for each in self._engine.executing()
        ]
        if request.run:
            return await self._of_run(request.run, running, viewer, limit)
        answer = workload_pb2.Timeline(now_ms=self._clock.now().wall_ms)

        def read(snapshot: Snapshot) -> list[workload_pb2.TimelineBar]:
            ended, answer.earlier = newest_ended(snapshot, limit)
            return self._bars(snapshot, [*ended, *running], viewer)

        answer.bars.extend(sorted(await self._readers.read(read), key=lambda bar: bar.started_at_ms))
        return answer

    async def _of_run(self, run: str, running: list[Ended], viewer: Viewer, limit: int) -> workload_pb2.Timeline:
        answer = workload_pb2.Timeline(now_ms=self._clock.now().wall_ms)

        def read(snapshot: Snapshot) -> list[workload_pb2.TimelineBar]:
            found = runs_query.find(snapshot, run, viewer)
            ended, answer.earlier = newest_of_run(snapshot, found.run.no, found.index, limit)
            mine = [each for each in running if each.run == found.run.no and found.index in (None, each.index)]
            return self._bars(snapshot, [*ended, *mine], viewer)

        answer.bars.extend(sorted(await self._readers.read(read), key=lambda bar: bar.started_at_ms))
        return answer

    def _bars(self, snapshot: Snapshot, found: list[Ended], viewer: Viewer) -> list[workload_pb2.TimelineBar]:
        """Write what was found; of a run that the viewer doesn't see only where it was, and when."""
        rows = {row.no: row for row in read_runs(snapshot, sorted({each.run for each in found}))}
        bars = []
        for each in found:
            bar = workload_pb2.TimelineBar(
                agent=each.agent, state=each.state, started_at_ms=each.started_ms, ended_at_ms=each.ended_ms
            )
            row = rows.get(each.run)
            if row is not None and viewer.sees(Person(name=row.owner_name, email=row.owner_email)):
                node = self._plans.workflow(snapshot, row).graph[each.node]
                bar.run = child_id(row.id, each.index) if row.parent and each.index != OWN else row.id
                bar.node, bar.operator = node.name, node.op
            bars.append(bar)
        return bars
