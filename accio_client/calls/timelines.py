"""Calls about when and where nodes ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accio.errors import BadRequest
from accio.v1 import workload_pb2
from accio_client import views
from accio_client.calls import numbers
from accio_client.calls.runs import RunCalls
from accio_client.clock import now
from accio_client.from_wire import timeline as timeline_views

if TYPE_CHECKING:  # NumPy is loaded by the call that needs it
    from accio_client.analysis.pictures import Timeline


class TimelineCalls(RunCalls):
    """Look at where agents spend their time."""

    async def timeline(self, run: str = "", *, limit: int = 500) -> views.TimelineView:
        """Return what agents execute, and the *limit* executions that ended last (at most 5,000): all, or a run's."""
        request = workload_pb2.GetTimelineRequest(run=run, limit=numbers.limit(limit))
        return timeline_views.timeline(
            await self._connection.call(self._accio.GetTimeline, request, workload_pb2.Timeline)
        )

    async def timeline_picture(self, run: str | views.RunDetails = "", *, limit: int | None = None) -> Timeline:
        """Return the picture of what ran when, in lanes by agent: of a run or child all of its nodes; of a sweep, and
        of the whole cluster if no *run* is given, what goes on and the *limit* executions that ended last (500 unless
        it is given, at most 5,000). *run* is an id or what `get_run` found. BadRequest for a *limit* of a run or child.
        """
        from accio_client.analysis.pictures import cluster_timeline, node_timeline, sweep_timeline
        from accio_client.analysis.pictures.nodes import EXECUTIONS

        most = EXECUTIONS if limit is None else limit
        if not run:
            return cluster_timeline(await self.timeline(limit=most), now(), most)
        found = await self.get_run(run) if isinstance(run, str) else run
        if found.run.kind == "parent":
            return sweep_timeline(found.run.id, await self.timeline(found.run.id, limit=most), now(), most)
        if limit is not None:
            raise BadRequest(f"a limit is for the timeline of a sweep; {found.run.id} is none: all its nodes are drawn")
        return node_timeline(found.run.id, found.nodes, now())
