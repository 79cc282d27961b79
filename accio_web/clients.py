"""The connections to the daemon: one for each token that somebody has logged in with, and the results read by it."""

from accio_client.client import AsyncClient
from accio_web.columns import Columns
from accio_web.settings import Settings

PATIENCE_S = 1.0
"""How long a call waits for a daemon that is away: a page says so, and asks again by itself."""


class Clients:
    """Clients by token. Use it inside one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clients: dict[str | None, AsyncClient] = {}
        self._columns: dict[str | None, Columns] = {}

    def of(self, token: str | None) -> AsyncClient:
        """Return the client that calls with this token."""
        if token not in self._clients:
            self._clients[token] = self.made(token)
        return self._clients[token]

    def made(self, token: str | None) -> AsyncClient:
        """Return a client of the caller's own, who closes it."""
        return AsyncClient(self._settings.daemon, token=token, user=self._settings.user, patience=PATIENCE_S)

    def columns(self, token: str | None) -> Columns:
        """Return what was read with this token: nobody sees what another may see."""
        return self._columns.setdefault(token, Columns())

    async def close(self) -> None:
        """Close all of them."""
        for client in self._clients.values():
            await client.close()
