"""The application: the guard around the routes, and what lives as long as they are served."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from accio.errors import AccioError
from accio_web import clock
from accio_web.clients import Clients
from accio_web.errors import failed, refused
from accio_web.guard import Guard
from accio_web.live import Hub
from accio_web.routes.cluster import ClusterRoutes
from accio_web.routes.comparisons import ComparisonRoutes
from accio_web.routes.owners import OwnerRoutes
from accio_web.routes.pools import PoolRoutes
from accio_web.routes.queries import QueryRoutes
from accio_web.routes.results import ResultRoutes
from accio_web.routes.runs import RunRoutes
from accio_web.routes.sessions import SessionRoutes
from accio_web.routes.steering import SteeringRoutes
from accio_web.routes.storage import StorageRoutes
from accio_web.routes.submissions import SubmissionRoutes
from accio_web.routes.workflows import WorkflowRoutes
from accio_web.sessions import Sessions
from accio_web.settings import Settings
from accio_web.static_files import StaticFiles
from accio_web.web import Web

log = structlog.get_logger(__name__)


def application(settings: Settings, sessions: Sessions, now: Callable[[], float] = clock.now) -> Guard:
    """Return the application; it connects to the daemon when it is asked something."""
    cookie = f"accio_{settings.port}_{secrets.token_hex(4)}"
    web = Web(settings=settings, sessions=sessions, clients=Clients(settings), cookie=cookie, now=now)
    routes = all_routes(web)
    served: list[BaseRoute] = [Mount(settings.base_path, routes=routes)] if settings.base_path else list(routes)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            web.hub = Hub(group)
            try:
                yield
            finally:
                web.hub.close()
                web.hub = None
                await web.clients.close()

    inner = Starlette(
        routes=served,
        exception_handlers={AccioError: _tell, 404: _no_such, 405: _no_such, Exception: _bug},
        lifespan=lifespan,
    )
    return Guard(inner, settings, sessions, cookie, now)


def all_routes(web: Web) -> list[Route]:
    """Return every route that there is."""
    return [
        *SessionRoutes(web).routes(),
        *ClusterRoutes(web).routes(),
        *SteeringRoutes(web).routes(),
        *RunRoutes(web).routes(),
        *ResultRoutes(web).routes(),
        *QueryRoutes(web).routes(),
        *SubmissionRoutes(web).routes(),
        *WorkflowRoutes(web).routes(),
        *ComparisonRoutes(web).routes(),
        *StorageRoutes(web).routes(),
        *OwnerRoutes(web).routes(),
        *PoolRoutes(web).routes(),
        Route("/api/{rest:path}", _nothing, methods=["GET"]),
        *StaticFiles(web.settings.base_path).routes(),
    ]


async def _nothing(request: Request) -> Response:
    return refused(404, f"there is no {request.url.path}")


async def _tell(_: Request, error: Exception) -> Response:
    assert isinstance(error, AccioError)
    return failed(error)


async def _no_such(request: Request, error: Exception) -> Response:
    status = int(getattr(error, "status_code", 404))
    return refused(status, f"there is no {request.method} {request.url.path}")


async def _bug(request: Request, error: Exception) -> Response:
    reference = secrets.token_hex(4)
    log.error("a request failed", path=request.url.path, reference=reference, exc_info=error)
    return refused(500, f"this is a bug in accio web; its log has the details under {reference}")
