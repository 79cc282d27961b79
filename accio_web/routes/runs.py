"""Runs and their nodes: lists, details, histories and logs."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from accio.domain.states import RunState
from accio.errors import AccioError, BadRequest, NotFound
from accio_client import documents, views
from accio_client.documents import document
from accio_web.answers import answer
from accio_web.neighbours import neighbours
from accio_web.shown import shown_counts, shown_row, shown_run
from accio_web.streams import event_stream
from accio_web.web import Web, whole_number

_MOST_ROWS = 500
_ROWS = 50
_EVENTS = 1000
_LONGEST_NUMBER = 20


class RunRoutes:
    """Look at runs."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def routes(self) -> list[Route]:
        return [
            Route("/api/v1/runs", self.index, methods=["GET"]),
            Route("/api/v1/runs/{run}", self.show, methods=["GET"]),
            Route("/api/v1/runs/{run}/counts", self.counts, methods=["GET"]),
            Route("/api/v1/runs/{run}/neighbours", self.neighbours, methods=["GET"]),
            Route("/api/v1/runs/{run}/events", self.events, methods=["GET"]),
            Route("/api/v1/runs/{run}/logs", self.follow, methods=["GET"]),
            Route("/api/v1/runs/{run}/log.txt", self.download, methods=["GET"]),
            Route("/api/v1/runs/{run}/nodes/{node}", self.node, methods=["GET"]),
        ]

    async def index(self, request: Request) -> Response:
        """Return a page of runs, newest first; of children, in the order of the sweep."""
        limit = whole_number(request, "limit", _ROWS, _MOST_ROWS)
        cursor = request.query_params.get("cursor") or None
        wanted, client = _filter(request), self._web.client(request)

        async def found() -> Any:
            page = await client.list_runs(wanted, limit=limit, cursor=cursor)
            rows = [shown_row(each) for each in page.runs]
            return document({"runs": rows, "total": page.total, "next": page.next})

        return await self._web.shared_answer(request, found)

    async def show(self, request: Request) -> Response:
        """Return a run with its nodes, a parent with its children by state."""
        found = await self._web.client(request).get_run(request.path_params["run"])
        return answer(document(shown_run(found)))

    async def counts(self, request: Request) -> Response:
        """Return for each node of a sweep's graph in how many children it is in which state."""
        client, run = self._web.client(request), request.path_params["run"]

        async def found() -> Any:
            return document(shown_counts(await client.count_nodes(run)))

        return await self._web.shared_answer(request, found)

    async def node(self, request: Request) -> Response:
        """Return everything about a node, and why it was executed or not."""
        client = self._web.client(request)
        run, node = request.path_params["run"], request.path_params["node"]
        found = await client.get_node(run, node)
        reasons = await client.why(run, node)
        why = documents.why(reasons[0]) if reasons else None
        return answer(document({**documents.node_details(found), "why": why}))

    async def neighbours(self, request: Request) -> Response:
        """Return the children beside a child: one step along each parameter that varies."""
        parent, dot, number = request.path_params["run"].partition(".")
        if not (dot and number.isascii() and number.isdecimal() and len(number) < _LONGEST_NUMBER):
            raise BadRequest(f"expected a child as in RUN.3, found {request.path_params['run']!r:.100}")
        head = await self._web.client(request).column_head(parent)
        if int(number) >= head.sweep.size:
            raise NotFound(f"the sweep has no child {number}: it has {head.sweep.size}")

        def is_there(child: int) -> bool:
            return not any(first <= child < first + count for first, count in head.deleted)

        return answer(document(neighbours(head.sweep, int(number), is_there)))

    async def events(self, request: Request) -> Response:
        """Return a run's history, oldest first."""
        found = await self._web.client(request).events(request.path_params["run"], limit=_EVENTS)
        return answer(document({"events": [documents.event(each) for each in found]}))

    async def follow(self, request: Request) -> Response:
        """Stream what a run prints, as it comes, until it has ended; the last message is an empty list."""
        client, run = self._web.client(request), request.path_params["run"]
        node = request.query_params.get("node") or None
        await client.get_run(run, nodes=False)  # what isn't there is told by a status

        async def messages() -> AsyncGenerator[bytes]:
            try:
                async with aclosing(client.log_groups(run, node, follow=True)) as groups:
                    async for lines in groups:
                        yield orjson.dumps([documents.log_line(line) for line in lines])
                yield b"[]"
            except AccioError as error:
                yield orjson.dumps({"error": error.message, "kind": type(error).__name__})

        return event_stream(messages())

    async def download(self, request: Request) -> Response:
        """Return what a run has printed until now, as a file."""
        client, run = self._web.client(request), request.path_params["run"]
        node = request.query_params.get("node") or None
        await client.get_run(run, nodes=False)

        async def lines() -> AsyncGenerator[bytes]:
            async with aclosing(client.log_groups(run, node)) as groups:
                async for group in groups:
                    yield "".join(f"{line.text}\n" for line in group).encode()

        headers = {
            "content-disposition": "attachment; filename=log.txt",
            "cache-control": "no-store",
        }
        return StreamingResponse(lines(), headers=headers, media_type="text/plain; charset=utf-8")


def _filter(request: Request) -> views.RunFilter:
    asked = request.query_params
    states = {state.value: state for state in RunState}
    unknown = [each for each in asked.getlist("state") if each not in states]
    if unknown:
        raise BadRequest(f"state: expected one of {', '.join(states)}, found {unknown[0]!r}")
    return views.RunFilter(
        parent=asked.get("parent", ""),
        states=tuple(states[each] for each in asked.getlist("state")),
        tags=tuple(asked.getlist("tag")),
        owner=asked.get("owner", ""),
        name=asked.get("name", ""),
        workflow=asked.get("workflow", ""),
        text=asked.get("text", ""),
        created_after=_instant(asked.get("after", "")),
        where=asked.get("where", ""),
        sort=asked.get("sort", ""),
    )


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"after: expected a time as 2026-01-31T12:00:00Z, found {text!r}") from None
    if found.tzinfo is None:
        raise BadRequest(f"after: expected a time with its zone, found {text!r}")
    return found
