"""Logging in and out."""

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accio import web_links
from accio.domain.people import Person
from accio.errors import AccioError, BadRequest, Unauthenticated
from accio.version import accio_version
from accio_client.documents import document
from accio_web import clock
from accio_web.answers import answer
from accio_web.errors import refused
from accio_web.web import Body, Web, body_of, session_of, text

log = structlog.get_logger(__name__)

_KEY = range(16, 201)  # letters of what a page makes up


class SessionRoutes:
    """Open, show and end a session."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def routes(self) -> list[Route]:
        return [
            Route("/api/v1/login", self.log_in, methods=["POST"]),
            Route("/api/v1/logout", self.log_out, methods=["POST"]),
            Route("/api/v1/session", self.show, methods=["GET"]),
        ]

    async def log_in(self, request: Request) -> Response:
        """Open a session for a one-time code, or for a token that the daemon knows."""
        sessions, now = self._web.sessions, self._web.now
        if not sessions.may_try(now()):
            return refused(429, "too many log-ins within a minute: wait a minute, and try again")
        body = await body_of(request)
        code, token = body.get("code"), body.get("token")
        cookie: str | None = None
        if isinstance(code, str):
            key = _key(body)
            cookie = sessions.redeem(code, now(), key) or self._redeem_further(code, key)
            if cookie is None:
                raise Unauthenticated(
                    "this link was used already, or is too old: `accio web link` prints another; or log in with the "
                    "token"
                )
        elif isinstance(token, str) and token.strip():
            cookie = sessions.open(token.strip(), await self._check(token.strip()), now())
        if cookie is None:
            raise Unauthenticated("expected a code or a token")
        log.info("logged in", by="code" if isinstance(code, str) else "token")
        response = answer(document({}))
        response.set_cookie(
            self._web.cookie,
            cookie,
            path=f"{self._web.settings.base_path}/",
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    def _redeem_further(self, code: str, key: str) -> str | None:
        """Open the session of whoever started this process for a code of `accio web link`."""
        settings = self._web.settings
        if not web_links.redeem(settings.links, code, clock.wall()):
            return None
        return self._web.sessions.open_by(code, key, settings.token, settings.user, self._web.now())

    async def _check(self, token: str) -> str:
        """Return who comes with a token, by the daemon, whose own words tell what it refuses. Who comes with one that
        identifies nobody is called as whoever started this process: for them it makes its calls.
        """
        if not (token.isascii() and token.isprintable()):
            raise Unauthenticated("a token holds printable ASCII characters only")
        client = self._web.clients.made(token)
        try:
            caller = (await client.cluster_state()).caller
        except AccioError:
            log.warning("a log-in was refused")
            raise
        finally:
            await client.close()
        return self._web.settings.user if caller is None else str(Person(name=caller.name, email=caller.email))

    async def log_out(self, request: Request) -> Response:
        """End the session."""
        self._web.selections.forget(session_of(request).csrf)
        self._web.sessions.close(request.scope["accio.cookie"])
        response = answer(document({}))
        response.delete_cookie(self._web.cookie, path=f"{self._web.settings.base_path}/")
        return response

    async def show(self, request: Request) -> Response:
        """Return what a page needs to know about its session and this server."""
        settings = self._web.settings
        return answer(
            document(
                {
                    "csrf": session_of(request).csrf,
                    "user": session_of(request).who,
                    "daemon": settings.daemon,
                    "read_only": settings.read_only,
                    "version": accio_version(),
                }
            )
        )


def _key(body: Body) -> str:
    """Return what a page made up to be known by, should it have to ask again; empty where it made up nothing."""
    key = text(body, "key")
    if key and len(key) not in _KEY:
        raise BadRequest(f"key: expected {_KEY.start} to {_KEY.stop - 1} characters, found {len(key)}")
    return key
