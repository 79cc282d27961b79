"""What every route works with: settings, sessions, connections and the live topics of this process."""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import field
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from accio.errors import BadRequest, PermissionDenied
from accio.late import dataclass
from accio_client.client import AsyncClient
from accio_web.answers import answer_bytes
from accio_web.clients import Clients
from accio_web.live import Hub
from accio_web.selections import Selections
from accio_web.sessions import Session, Sessions
from accio_web.settings import Settings
from accio_web.shared import SharedAnswers

Body = dict[str, object]


@dataclass(slots=True, kw_only=True)
class Web:
    """The state of the process; *hub* is there while it serves."""

    settings: Settings
    sessions: Sessions
    clients: Clients
    cookie: str
    now: Callable[[], float]
    hub: Hub | None = None
    selections: Selections = field(default_factory=Selections)
    _shared: SharedAnswers = field(init=False)

    def __post_init__(self) -> None:
        self._shared = SharedAnswers(self.now)

    def client(self, request: Request) -> AsyncClient:
        """Return the client that calls with the rights of the request's user."""
        return self.clients.of(session_of(request).token)

    async def shared_answer(self, request: Request, ask: Callable[[], Awaitable[Any]]) -> Response:
        """Answer a request that reads with the document that *ask* returns, or has returned to another tab."""
        session = session_of(request)

        def change() -> Hashable | None:
            told = None if self.hub is None else self.hub.told(session.token)
            return None if told is None else (told, session.changes)

        async def written() -> bytes:
            return orjson.dumps(await ask())

        key = (session.csrf, request.url.path, request.url.query)
        return answer_bytes(await self._shared.of(key, change, written))


def session_of(request: Request) -> Session:
    """Return the session that the guard has found."""
    found = request.scope.get("accio.session")
    if not isinstance(found, Session):
        raise PermissionDenied("log in first")
    return found


async def body_of(request: Request) -> Body:
    """Return the request's JSON object."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise BadRequest("expected a body of type application/json")
    try:
        found = await request.json()
    except ValueError:
        raise BadRequest("expected a JSON object, found something that isn't JSON") from None
    except ClientDisconnect:  # also where the body grew beyond what may be sent
        raise BadRequest("expected a whole body of at most 4 MiB") from None
    if not isinstance(found, dict):
        raise BadRequest("expected a JSON object")
    return found


def texts(body: Body, name: str, *, most: int = 1000) -> list[str]:
    """Return a list of texts of the body."""
    found = body.get(name)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found) or len(found) > most:
        raise BadRequest(f"{name}: expected a list of at most {most} texts")
    return found


def text(body: Body, name: str) -> str:
    """Return a text of the body; empty where it isn't there."""
    found = body.get(name, "")
    if not isinstance(found, str):
        raise BadRequest(f"{name}: expected a text")
    return found


def flag(body: Body, name: str) -> bool:
    """Return a truth value of the body; false where it isn't there."""
    found = body.get(name, False)
    if not isinstance(found, bool):
        raise BadRequest(f"{name}: expected true or false")
    return found


def whole_number(request: Request, name: str, default: int, most: int) -> int:
    """Return a number of the query, from 1."""
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= most):
        raise BadRequest(f"{name}: expected a number from 1 to {most}, found {text!r}")
    return int(text)
