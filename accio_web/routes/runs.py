"""Runs and their nodes: lists, details, logs, and what can be done to them."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import datetime

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from accio.domain.states import RunState
from accio.errors import AccioError, BadRequest
from accio_client import documents, views
from accio_client.documents import document
from accio_web.answers import answer
from accio_web.shown import shown_row, shown_run
from accio_web.streams import event_stream
from accio_web.web import Web, body_of, flag, session_of, texts, whole_number

log = structlog.get_logger(__name__)

_MOST_ROWS = 500
_ROWS = 50
_EVENTS = 1000


class RunRoutes:
    """Look at runs, and steer them."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def routes(self) -> list[Route]:
        return [
            Route("/api/v1/runs", self.index, methods=["GET"]),
            Route("/api/v1/runs/kill", self.kill, methods=["POST"]),
            Route("/api/v1/runs/retry", self.retry, methods=["POST"]),
            Route("/api/v1/runs/delete", self.delete, methods=["POST"]),
            Route("/api/v1/runs/{run}", self.show, methods=["GET"]),
            Route("/api/v1/runs/{run}/update", self.update, methods=["POST"]),
            Route("/api/v1/runs/{run}/events", self.events, methods=["GET"]),
            Route("/api/v1/runs/{run}/logs", self.follow, methods=["GET"]),
            Route("/api/v1/runs/{run}/log.txt", self.download, methods=["GET"]),
            Route("/api/v1/runs/{run}/nodes/{node}", self.node, methods=["GET"]),
        ]

    async def index(self, request: Request) -> Response:
        """Return a page of runs, newest first; of children, in the order of the sweep."""
        limit = whole_number(request, "limit", _ROWS, _MOST_ROWS)
        cursor = request.query_params.get("cursor") or None
        page = await self._web.client(request).list_runs(_filter(request), limit=limit, cursor=cursor)
        rows = [shown_row(each) for each in page.runs]
        return answer(document({"runs": rows, "total": page.total, "next": page.next}))

    async def show(self, request: Request) -> Response:
        """Return a run with its nodes, a parent with its children by state."""
        found = await self._web.client(request).get_run(request.path_params["run"])
        return answer(document(shown_run(found)))

    async def node(self, request: Request) -> Response:
        """Return everything about a node, and why it was executed or not."""
        client = self._web.client(request)
        run, node = request.path_params["run"], request.path_params["node"]
        found = await client.get_node(run, node)
        reasons = await client.why(run, node)
        why = documents.why(reasons[0]) if reasons else None
        return answer(document({**documents.node_details(found), "why": why}))

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
                yield orjson.dumps({"error": error.message})

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

    async def kill(self, request: Request) -> Response:
        """Stop runs."""
        return await self._outcomes(request, "kill", self._web.client(request).kill)

    async def retry(self, request: Request) -> Response:
        """Run again what failed, was killed or lost."""
        body = await body_of(request)
        client, latest = self._web.client(request), flag(body, "latest_operators")

        async def again(ids: list[str]) -> tuple[views.RunOutcome, ...]:
            return await client.retry(ids, latest_operators=latest)

        return await self._outcomes(request, "retry", again)

    async def delete(self, request: Request) -> Response:
        """Delete runs, stopping first what still runs."""
        return await self._outcomes(request, "delete", self._web.client(request).delete)

    async def _outcomes(
        self, request: Request, what: str, act: Callable[[list[str]], Awaitable[tuple[views.RunOutcome, ...]]]
    ) -> Response:
        ids = texts(await body_of(request), "ids")
        log.info("runs are changed", what=what, ids=ids, by=session_of(request).who)
        return answer(document(documents.outcomes(await act(ids))))

    async def update(self, request: Request) -> Response:
        """Set name, notes and tags; what isn't given stays."""
        body = await body_of(request)
        name, notes = (_text_or_none(body.get(field), field) for field in ("name", "notes"))
        tags = None if body.get("tags") is None else texts(body, "tags")
        run = request.path_params["run"]
        log.info("metadata is changed", run=run, by=session_of(request).who)
        found = await self._web.client(request).update(run, name=name, notes=notes, tags=tags)
        return answer(document({"run": shown_row(found.run), "changed": found.changed}))


def _text_or_none(found: object, field: str) -> str | None:
    if found is None or isinstance(found, str):
        return found
    raise BadRequest(f"{field}: expected a text")


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
