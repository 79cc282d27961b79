"""The cluster: what goes on, its agents, and what is told live."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accio.domain.states import RunState
from accio.errors import Unavailable
from accio_client import documents, views
from accio_client.client import AsyncClient
from accio_client.documents import document
from accio_client.documents.workload import timeline
from accio_client.documents.workload import workload as load
from accio_client.trace_events import SUFFIX, trace_text
from accio_web.answers import answer
from accio_web.errors import refused
from accio_web.live import require_topic
from accio_web.shown import shown_row
from accio_web.streams import event_stream
from accio_web.web import Web, body_of, flag, session_of, whole_number

log = structlog.get_logger(__name__)

_ACTIVE = (RunState.SCHEDULED, RunState.RUNNING)
_MOST_ACTIVE = 100
_RECENT = 5
_BARS, _MOST_BARS = 500, 5_000
_MOST_STREAMS = 30


class ClusterRoutes:
    """Look at the cluster, and keep it."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._streams: dict[int, int] = {}

    def routes(self) -> list[Route]:
        return [
            Route("/api/v1/workload", self.workload, methods=["GET"]),
            Route("/api/v1/cluster", self.show, methods=["GET"]),
            Route("/api/v1/timeline", self.timeline, methods=["GET"]),
            Route("/api/v1/runs/{run}/timeline", self.timeline, methods=["GET"]),
            Route("/api/v1/timeline.trace.json", self.trace, methods=["GET"]),
            Route("/api/v1/runs/{run}/timeline.trace.json", self.trace, methods=["GET"]),
            Route("/api/v1/agents/{agent}/drain", self.drain, methods=["POST"]),
            Route("/api/v1/agents/{agent}/remove", self.remove, methods=["POST"]),
            Route("/api/v1/live", self.live, methods=["GET"]),
        ]

    async def workload(self, request: Request) -> Response:
        """Return what goes on: the cluster, what is queued and when it ends, what failed last, lost agents."""
        client = self._web.client(request)
        return await self._web.shared_answer(request, lambda: _workload(client))

    async def show(self, request: Request) -> Response:
        """Return the cluster and its agents."""
        client = self._web.client(request)

        async def found() -> Any:
            cluster, agents = await asyncio.gather(client.cluster_state(), client.list_agents())
            return document(
                {"cluster": documents.cluster(cluster), "agents": [documents.agent(each) for each in agents]}
            )

        return await self._web.shared_answer(request, found)

    async def timeline(self, request: Request) -> Response:
        """Return the executions of each agent, or those of a run: those that go on and the latest that ended."""
        limit = whole_number(request, "limit", _BARS, _MOST_BARS)
        return answer(
            document(
                timeline(await self._web.client(request).timeline(request.path_params.get("run", ""), limit=limit))
            )
        )

    async def trace(self, request: Request) -> Response:
        """Return the lanes of the cluster, or of a run, as a file for ui.perfetto.dev; only sweeps have a limit."""
        limit = whole_number(request, "limit", 0, _MOST_BARS) or None
        picture = await self._web.client(request).timeline_picture(request.path_params.get("run", ""), limit=limit)
        headers = {
            "content-disposition": f"attachment; filename=timeline{SUFFIX}",
            "cache-control": "no-store",
        }
        return Response(await asyncio.to_thread(trace_text, picture), headers=headers, media_type="application/json")

    async def drain(self, request: Request) -> Response:
        """Send an agent nothing more, or again."""
        undo = flag(await body_of(request), "undo")
        name = request.path_params["agent"]
        log.info("an agent is drained", agent=name, undo=undo, by=session_of(request).who)
        return answer(
            document({"agent": documents.agent(await self._web.client(request).drain_agent(name, undo=undo))})
        )

    async def remove(self, request: Request) -> Response:
        """Forget an agent that isn't connected."""
        await body_of(request)
        name = request.path_params["agent"]
        log.info("an agent is removed", agent=name, by=session_of(request).who)
        await self._web.client(request).remove_agent(name)
        return answer(document({}))

    async def live(self, request: Request) -> Response:
        """Stream changes of the topics in the query."""
        session, names, hub = session_of(request), request.query_params.getlist("topic"), self._web.hub
        client = self._web.client(request)
        for name in names:
            require_topic(name)  # what is no topic is told by a status
        if hub is None:
            raise Unavailable("this server is about to end")
        key = id(session)
        if self._streams.get(key, 0) >= _MOST_STREAMS:
            return refused(429, f"a session may have {_MOST_STREAMS} streams: close some tabs")

        async def messages() -> AsyncGenerator[bytes]:
            self._streams[key] = self._streams.get(key, 0) + 1
            try:
                async with aclosing(hub.listen(client, session.token, names)) as news:
                    async for told in news:
                        if session.is_over:
                            return  # asked for again, the stream is refused, and the tab shows the log-in
                        for message in told or [b""]:
                            yield message
            finally:
                self._streams[key] -= 1
                if not self._streams[key]:
                    del self._streams[key]

        return event_stream(messages())


async def _workload(client: AsyncClient) -> Any:
    cluster, workload, active, failed, agents, workflows = await asyncio.gather(
        client.cluster_state(),
        client.workload(),
        client.list_runs(views.RunFilter(states=_ACTIVE), limit=_MOST_ACTIVE),
        client.list_runs(views.RunFilter(states=(RunState.FAILED,)), limit=_RECENT),
        client.list_agents(),
        client.list_workflows(limit=_RECENT),
    )
    return document(
        {
            "cluster": documents.cluster(cluster),
            "workload": load(workload),
            "active": [shown_row(each) for each in reversed(active.runs)],
            "failed": [shown_row(each) for each in failed.runs],
            "agents": [documents.agent(each) for each in agents],
            "workflows": [documents.workflow(each) for each in workflows.workflows],
        }
    )
