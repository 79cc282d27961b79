"""Which requests come in at all. Every one, whatever its method, passes here before any route sees it.

In this order: the Host must be ours (else a foreign page could reach us under a name of its own, "DNS rebinding"), and
so must be the one that a trusted proxy was asked by (a browser on this machine can write that header itself); what
changes something must come from our own pages; everything but pages, their files and the log-in needs a session; what
changes something must carry that session's secret. No page of another origin can know it.
"""

import hmac
from collections.abc import Awaitable, Callable

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from accio.late import dataclass
from accio_web.errors import refused
from accio_web.forwarded import SCHEMES, as_asked, forwarded
from accio_web.sessions import Session, Sessions
from accio_web.settings import Settings

API = "/api/"
LOGIN = "/api/v1/login"
CSRF = "x-accio-csrf"
LARGEST_BODY = 4 << 20
SAFE_METHODS = frozenset({"GET", "HEAD"})

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request isn't served."""

    status: int
    message: str


def check_host(hosts: list[str], allowed: frozenset[str]) -> Refusal | None:
    """Refuse requests that call us by a name that isn't ours, whatever the port."""
    if len(hosts) == 1 and host_name(hosts[0]) in allowed:
        return None
    return Refusal(421, "this server isn't called that; start it with --host-name=NAME to allow a name")


def host_name(host: str) -> str:
    """Return the name of "name:port", as it is compared: without the port, in lower case."""
    end = host.find("]") + 1 if host.startswith("[") else 0
    name, _, port = host[end:].partition(":")
    return "" if port and not port.isdecimal() else (host[:end] + name).lower()


def check_origin(method: str, headers: Headers, *, is_api: bool, scheme: str = "") -> Refusal | None:
    """Refuse what changes something unless it comes from our own origin, and calls from other sites at all; *scheme*:
    by which pages are served, if a proxy tells.
    """
    site, origin, host = headers.get("sec-fetch-site"), headers.get("origin"), headers.get("host", "")
    foreign = Refusal(403, "only pages of this server may ask for that")
    if site in ("cross-site", "same-site") and (is_api or method not in SAFE_METHODS):
        return foreign
    if method in SAFE_METHODS:
        return None
    if origin is not None:
        return None if origin in {f"{each}://{host}" for each in ((scheme,) if scheme else SCHEMES)} else foreign
    return None if site == "same-origin" else foreign


class Guard:
    """The outermost layer of the application."""

    def __init__(
        self, app: ASGIApp, settings: Settings, sessions: Sessions, cookie: str, now: Callable[[], float]
    ) -> None:
        self._app = app
        self._settings = settings
        self._sessions = sessions
        self._cookie = cookie
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        names = self._settings.host_names
        refusal = check_host(Headers(scope=scope).getlist("host"), names)
        said = forwarded(scope, self._settings.proxies)
        if said is None:
            await self._answer(scope, receive, send, refusal or self._check(scope))
            return
        if said.scheme not in ("", *SCHEMES):
            refusal = refusal or Refusal(400, f"X-Forwarded-Proto: expected http or https, found {said.scheme!r:.40}")
        if said.host:
            refusal = refusal or check_host([said.host], names)
        scope = as_asked(scope, said)
        with structlog.contextvars.bound_contextvars(client=said.client):
            await self._answer(scope, receive, send, refusal or self._check(scope, said.scheme))

    async def _answer(self, scope: Scope, receive: Receive, send: Send, refusal: Refusal | None) -> None:
        app = self._app if refusal is None else refused(refusal.status, refusal.message)
        changing = None if refusal is not None or scope["method"] in SAFE_METHODS else scope.get("accio.session")
        await app(scope, _bounded(receive), _with_headers(send, changing))

    def _check(self, scope: Scope, scheme: str = "") -> Refusal | None:
        headers, method = Headers(scope=scope), str(scope["method"])
        path = str(scope["path"]).removeprefix(self._settings.base_path)
        is_api = path.startswith(API)
        refusal = check_origin(method, headers, is_api=is_api, scheme=scheme)
        if refusal is not None:
            return refusal
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            return Refusal(413, f"expected at most {LARGEST_BODY:,} bytes")
        if path == LOGIN or not (is_api or method not in SAFE_METHODS):
            return None
        cookie = cookie_parser(headers.get("cookie", "")).get(self._cookie, "")
        session = self._sessions.find(cookie, self._now())
        if session is None:
            return Refusal(401, "log in first")
        scope["accio.session"], scope["accio.cookie"] = session, cookie
        if method in SAFE_METHODS:
            return None
        if not hmac.compare_digest(headers.get(CSRF, "").encode(), session.csrf.encode()):
            return Refusal(403, "only pages of this session may ask for that: load the page again")
        if self._settings.read_only and path != "/api/v1/logout":
            return Refusal(403, "this server was started with --read-only: it changes nothing")
        return None


def _bounded(receive: Receive) -> Receive:
    """Return a receiver that ends a body which grows beyond what was announced."""
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return {"type": "http.disconnect"} if seen > LARGEST_BODY else message

    return counting


def _with_headers(send: Send, changing: Session | None) -> Callable[[Message], Awaitable[None]]:
    """Return a sender that adds our headers, and counts a change before its answer is seen."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            if changing is not None:
                changing.changes += 1
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return sending
