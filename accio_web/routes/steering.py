"""What can be done to runs: those that are named, or those that a selection holds (accio_web.selections)."""

from collections.abc import Awaitable, Callable, Sequence

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accio.domain.ids import RunId
from accio.errors import AccioError, BadRequest
from accio_client import documents, views
from accio_client.client import AsyncClient
from accio_client.documents import document
from accio_web.answers import answer
from accio_web.shown import shown_row
from accio_web.web import Body, Web, body_of, flag, session_of, text, texts

log = structlog.get_logger(__name__)

Act = Callable[[list[str]], Awaitable[tuple[views.RunOutcome, ...]]]

_MOST_TOLD = 100
"""Outcomes of a selection that are told one by one: those that were refused."""
_MOST_TAGGED = 1000


class SteeringRoutes:
    """Kill, retry, delete and edit runs."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def routes(self) -> list[Route]:
        return [
            Route("/api/v1/runs/kill", self.kill, methods=["POST"]),
            Route("/api/v1/runs/retry", self.retry, methods=["POST"]),
            Route("/api/v1/runs/delete", self.delete, methods=["POST"]),
            Route("/api/v1/runs/tag", self.tag, methods=["POST"]),
            Route("/api/v1/runs/{run}/update", self.update, methods=["POST"]),
        ]

    async def kill(self, request: Request) -> Response:
        """Stop runs."""
        return await self._outcomes(request, "kill", await body_of(request), self._web.client(request).kill)

    async def retry(self, request: Request) -> Response:
        """Run again what failed, was killed or lost; if so asked, with more memory, processors or time from then on."""
        body = await body_of(request)
        client, latest = self._web.client(request), flag(body, "latest_operators")
        demand: views.RetryDemand = {
            "memory": text(body, "memory"),
            "cpus": text(body, "cpus"),
            "timeout": text(body, "timeout"),
            "force": flag(body, "force"),
        }

        async def again(ids: list[str]) -> tuple[views.RunOutcome, ...]:
            return await client.retry(ids, latest_operators=latest, **demand)

        return await self._outcomes(request, "retry", body, again)

    async def delete(self, request: Request) -> Response:
        """Delete runs, stopping first what still runs."""
        return await self._outcomes(request, "delete", await body_of(request), self._web.client(request).delete)

    async def tag(self, request: Request) -> Response:
        """Add tags to runs, and take others away; the rest stay."""
        body = await body_of(request)
        add, remove = texts(body, "add"), set(texts(body, "remove"))
        if not (add or remove):
            raise BadRequest("expected tags to add, or to take away, found neither")
        client = self._web.client(request)

        async def retag(ids: list[str]) -> tuple[views.RunOutcome, ...]:
            if len(ids) > _MOST_TAGGED:
                raise BadRequest(f"expected at most {_MOST_TAGGED:,} runs to tag at once, found {len(ids):,}")
            return tuple([await _retagged(client, each, add, remove) for each in ids])

        return await self._outcomes(request, "tag", body, retag)

    async def _outcomes(self, request: Request, what: str, body: Body, act: Act) -> Response:
        """Act, and return the outcome of each run that was named; of a selection, of those that were refused."""
        name = text(body, "selection")
        session = session_of(request)
        ids = list(self._web.selections.find(session.csrf, name).ids) if name else texts(body, "ids")
        log.info("runs are changed", what=what, ids=ids[:_MOST_TOLD], count=len(ids), by=session.who)
        found = await act(ids)
        refused = [each for each in found if each.error is not None]
        counts = {
            "changed": sum(each.changed for each in found),
            "unchanged": sum(not each.changed and each.error is None for each in found),
            "refused": len(refused),
        }
        return answer(document(documents.outcomes(refused[:_MOST_TOLD] if name else found) | counts))

    async def update(self, request: Request) -> Response:
        """Set name, notes and tags; what isn't given stays. With *was*, a name or notes that aren't that any more stay,
        too, and are the answer's *instead*: whoever wrote didn't see them.
        """
        body = await body_of(request)
        was = _text_or_none(body.get("was"), "was")
        name, notes = (_text_or_none(body.get(field), field) for field in ("name", "notes"))
        tags = None if body.get("tags") is None else texts(body, "tags")
        run = request.path_params["run"]
        client = self._web.client(request)
        if was is not None:
            now = (await client.get_run(run, nodes=False)).run
            there = now.name if notes is None else now.notes
            if there not in (was, name if notes is None else notes):
                return answer(document({"instead": there}))
        log.info("metadata is changed", run=run, by=session_of(request).who)
        found = await client.update(run, name=name, notes=notes, tags=tags)
        return answer(document({"run": shown_row(found.run), "changed": found.changed}))


async def _retagged(client: AsyncClient, run: str, add: Sequence[str], remove: set[str]) -> views.RunOutcome:
    try:
        found = (await client.get_run(run, nodes=False)).run
        tags = [tag for tag in dict.fromkeys((*found.tags, *add)) if tag not in remove]
        done = await client.update(run, tags=tags)
    except AccioError as error:
        return views.RunOutcome(id=RunId(run), changed=False, error=error.message)
    return views.RunOutcome(id=done.run.id, changed=done.changed, error=None)


def _text_or_none(found: object, field: str) -> str | None:
    if found is None or isinstance(found, str):
        return found
    raise BadRequest(f"{field}: expected a text")
