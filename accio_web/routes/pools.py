"""Pools: which there are, why each has as many hosts as it has, what became of those, and changes of pools."""

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accio.errors import BadRequest
from accio_client.documents import document
from accio_client.documents.pools import allocation, pool
from accio_web.answers import answer
from accio_web.web import Body, Web, body_of, session_of, whole_number

log = structlog.get_logger(__name__)

_ROWS, _MOST_ROWS = 50, 500
_AS_FILE = "auto"


class PoolRoutes:
    """Look at pools, and change them."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def routes(self) -> list[Route]:
        return [
            Route("/api/v1/pools", self.index, methods=["GET"]),
            Route("/api/v1/allocations", self.allocations, methods=["GET"]),
            Route("/api/v1/pools/{pool}", self.change, methods=["POST"]),
        ]

    async def index(self, request: Request) -> Response:
        """Return the pools in order of preference, and what waits that none of them can serve."""
        found = await self._web.client(request).list_pools()
        return answer(document({"pools": [pool(each) for each in found.pools], "unservable": list(found.unservable)}))

    async def allocations(self, request: Request) -> Response:
        """Return a page of the hosts that pools asked their engines for, newest first."""
        asked = request.query_params
        page = await self._web.client(request).list_allocations(
            pool=asked.get("pool") or None,
            live=asked.get("live") == "1",
            limit=whole_number(request, "limit", _ROWS, _MOST_ROWS),
            cursor=asked.get("cursor") or None,
        )
        return answer(document({"allocations": [allocation(each) for each in page.allocations], "next": page.next}))

    async def change(self, request: Request) -> Response:
        """Pause a pool or let it go on, or keep a number of its hosts; the daemon decides who may."""
        body, name = await body_of(request), request.path_params["pool"]
        paused, kept = _paused(body), _kept(body)
        if (paused is None) == (kept is None):
            raise BadRequest("expected either paused (true or false), or kept (a number of hosts, or auto)")
        log.info("a pool is changed", pool=name, paused=paused, kept=kept, by=session_of(request).who)
        changed = await self._web.client(request).change_pool(name, paused=paused, kept=kept)
        return answer(document({"pool": pool(changed)}))


def _paused(body: Body) -> bool | None:
    found = body.get("paused")
    if found is not None and not isinstance(found, bool):
        raise BadRequest("paused: expected true or false")
    return found


def _kept(body: Body) -> int | str | None:
    found = body.get("kept")
    if found is None or found == _AS_FILE:
        return found
    if isinstance(found, bool) or not isinstance(found, int):
        raise BadRequest(f"kept: expected a whole number of hosts, or {_AS_FILE}")
    return found
