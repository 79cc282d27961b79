"""Submitting: what a definition would do, and the run that it makes."""

from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accio.errors import AccioError, BadRequest, InvalidDefinition
from accio_client import documents, views
from accio_client.client import AsyncClient
from accio_client.documents import document
from accio_web.answers import answer
from accio_web.expansion import expansions
from accio_web.web import Body, Web, body_of, session_of

log = structlog.get_logger(__name__)

_LONGEST_KEY = 200


class SubmissionRoutes:
    """Check run definitions, and submit them."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def routes(self) -> list[Route]:
        return [
            Route("/api/v1/check", self.check, methods=["POST"]),
            Route("/api/v1/submit", self.submit, methods=["POST"]),
        ]

    async def check(self, request: Request) -> Response:
        """Return what a definition would do, or everything that is wrong with it; create nothing."""
        body = await body_of(request)
        definition, cache = _definition(body), _cache(body)
        client = self._web.client(request)
        told: dict[str, Any] = {"params": await _expanded(client, definition), "errors": [], "dry_run": None}
        try:
            found = await client.dry_run(definition, base_path="", cache=cache)
        except InvalidDefinition as error:
            told |= {"errors": documents.issues(error.issues), "warnings": documents.issues(error.warnings)}
        else:
            told |= {"dry_run": documents.dry_run(found), "warnings": documents.issues(found.warnings)}
        return answer(document(told | {"valid": not told["errors"]}))

    async def submit(self, request: Request) -> Response:
        """Create a run; the same key creates it once."""
        body = await body_of(request)
        definition, cache, key = _definition(body), _cache(body), body.get("key")
        if not (isinstance(key, str) and key and len(key) <= _LONGEST_KEY):
            raise BadRequest("key: expected a text that is another for each form that is submitted")
        done = await self._web.client(request).submit(definition, base_path="", cache=cache, idempotency_key=key)
        log.info("a run is submitted", run=done.id, by=session_of(request).who)
        return answer(document({"id": done.id, "created": done.created, "warnings": documents.issues(done.warnings)}))


async def _expanded(client: AsyncClient, definition: dict[str, Any]) -> documents.Document:
    workflow, params = definition.get("workflow"), definition.get("params")
    if not isinstance(workflow, str) or not isinstance(params, dict):
        return {}
    try:
        return expansions(await client.get_workflow(workflow), params)
    except AccioError:
        return {}  # the dry run says what is wrong with the workflow


def _definition(body: Body) -> dict[str, Any]:
    found = body.get("definition")
    if not isinstance(found, dict):
        raise BadRequest("definition: expected a run definition (a JSON object)")
    return found


def _cache(body: Body) -> views.CacheMode:
    match body.get("cache", "use"):
        case "use":
            return "use"
        case "none":
            return "none"
        case "refresh":
            return "refresh"
        case other:
            raise BadRequest(f"cache: expected use, none or refresh, found {other!r:.100}")
