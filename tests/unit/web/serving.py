"""The application of the web interface in this process, asked without a network; its daemon is away."""

import httpx

from accio_web.app import all_routes, application
from accio_web.clients import Clients
from accio_web.sessions import Sessions
from accio_web.settings import Settings
from accio_web.web import Web

AWAY = Settings(daemon="127.0.0.1:1", token="secret", user="me", port=7616)
ORIGIN = "http://127.0.0.1:7616"
OURS = {"origin": ORIGIN, "sec-fetch-site": "same-origin"}


def paths(settings: Settings = AWAY) -> dict[str, set[str]]:
    """Every path with something in the place of its parameters, and the methods that its route has."""
    web = Web(settings=settings, sessions=Sessions(), clients=Clients(settings), cookie="unused", now=lambda: 0.0)
    found: dict[str, set[str]] = {}
    for route in all_routes(web):
        path = route.path
        for name in route.param_convertors:
            path = path.replace(f"{{{name}}}", "x").replace(f"{{{name}:path}}", "x")
        found.setdefault(path, set()).update(route.methods or ())
    return found


class Browser:
    """A client with the headers of a page of ours, and perhaps a session."""

    def __init__(self, settings: Settings = AWAY) -> None:
        self.sessions = Sessions()
        self.settings = settings
        transport = httpx.ASGITransport(app=application(settings, self.sessions, now=lambda: 0.0))
        self.http = httpx.AsyncClient(transport=transport, base_url=ORIGIN)
        self.csrf = ""

    async def log_in(self) -> None:
        code = self.sessions.offer("secret", "me", 0.0)
        answer = await self.http.post("/api/v1/login", json={"code": code}, headers=OURS)
        assert answer.status_code == 200
        self.csrf = (await self.http.get("/api/v1/session")).json()["csrf"]
