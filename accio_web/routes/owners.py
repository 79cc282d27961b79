"""Owners: whose work there is, how much of it may be at agents, and what it used of them."""

from datetime import timedelta
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accio.domain.problems import ValueProblem
from accio.domain.resources import parse_cpus
from accio.errors import BadRequest
from accio_client.clock import now
from accio_client.documents import document
from accio_client.documents import owners as documents
from accio_web.answers import answer
from accio_web.web import Web, body_of, flag, session_of, text, whole_number

log = structlog.get_logger(__name__)

_BY = ("owner", "pool", "day", "month")
_MOST_DAYS = 36_500


class OwnerRoutes:
    """Look at owners, and change their caps."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def routes(self) -> list[Route]:
        return [
            Route("/api/v1/owners", self.show, methods=["GET"]),
            Route("/api/v1/owners/cap", self.cap, methods=["POST"]),
            Route("/api/v1/usage", self.usage, methods=["GET"]),
        ]

    async def show(self, request: Request) -> Response:
        """Return whose work there is, what is queued and at agents of it, and the caps."""
        client = self._web.client(request)

        async def found() -> Any:
            return document(documents.owners(await client.list_owners()))

        return await self._web.shared_answer(request, found)

    async def usage(self, request: Request) -> Response:
        """Return what nodes used of agents within the last days, told apart by what the query names."""
        by = request.query_params.getlist("by") or ["owner"]
        unknown = [each for each in by if each not in _BY]
        if unknown:
            raise BadRequest(f"by: expected any of {', '.join(_BY)}, found {unknown[0]!r:.100}")
        days = whole_number(request, "days", 0, _MOST_DAYS)
        since = now() - timedelta(days=days) if days else None
        return answer(document(documents.usage(await self._web.client(request).usage(by=by, since=since))))

    async def cap(self, request: Request) -> Response:
        """Set the cap of an owner as a whole, or take it away; the daemon decides who may."""
        body = await body_of(request)
        owner, nothing = text(body, "owner").strip(), flag(body, "none")
        nodes, cpus = _nodes(text(body, "nodes")), _cpus(text(body, "cpus"))
        if not owner:
            raise BadRequest("owner: expected an address, a name, or everybody, found none")
        if nothing == (nodes is not None or cpus is not None):
            raise BadRequest("expected a number of nodes, of processors, or both; or that there is no cap")
        log.info("a cap is changed", owner=owner, nodes=nodes, cpus=cpus, by=session_of(request).who)
        changed = await self._web.client(request).change_cap(owner, nodes=nodes, cpus=cpus)
        return answer(document(documents.cap_change(changed)))


def _nodes(given: str) -> int | None:
    given = given.strip()
    if given and not (given.isascii() and given.isdecimal() and len(given) <= 9):
        raise BadRequest(f"nodes: expected a whole number up to 999999999, found {given!r:.100}")
    return int(given) if given else None


def _cpus(given: str) -> float | None:
    try:
        return parse_cpus(given.strip()) / 1000 if given.strip() else None
    except ValueProblem as problem:
        raise BadRequest(f"cpus: {problem.message}") from None
