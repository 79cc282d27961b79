"""What is kept: memoized results by operator, and content that nothing refers to any more."""

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accio.errors import BadRequest
from accio_client import documents
from accio_client.documents import document
from accio_web.answers import answer
from accio_web.web import Web, body_of, flag, session_of, text

log = structlog.get_logger(__name__)

_MOST_PIECES = 200


class StorageRoutes:
    """Look at the memo and the store, and free space."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def routes(self) -> list[Route]:
        return [
            Route("/api/v1/storage", self.show, methods=["GET"]),
            Route("/api/v1/storage/collect", self.collect, methods=["POST"]),
            Route("/api/v1/storage/invalidate", self.invalidate, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Return, by operator, how many results are memoized, how large they are, and how often they were used."""
        return answer(document(documents.cache(await self._web.client(request).cache())))

    async def collect(self, request: Request) -> Response:
        """Free what nothing refers to; with `dry_run`, only say what that is."""
        dry_run = flag(await body_of(request), "dry_run")
        if not dry_run:
            log.info("garbage is collected", by=session_of(request).who)
        found = documents.garbage(await self._web.client(request).collect_garbage(dry_run=dry_run))
        return answer(document({**found, "freed": found["freed"][:_MOST_PIECES], "pieces": len(found["freed"])}))

    async def invalidate(self, request: Request) -> Response:
        """Forget all memoized results of an operator; runs keep theirs."""
        operator = text(await body_of(request), "operator")
        if not operator:
            raise BadRequest("operator: expected the name of an operator, found none")
        log.info("results are invalidated", operator=operator, by=session_of(request).who)
        return answer(document({"removed": await self._web.client(request).remove_from_cache(operator=operator)}))
