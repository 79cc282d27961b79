"""The HTTP server around the application."""

import socket

import uvicorn

from accio_web.app import application
from accio_web.connections import Connection
from accio_web.sessions import Sessions
from accio_web.settings import Settings


def run(settings: Settings, sessions: Sessions, listening: socket.socket) -> None:
    """Serve at a socket until SIGINT or SIGTERM; streams are cut then."""
    certificate, key = settings.certificate or (None, None)
    config = uvicorn.Config(
        application(settings, sessions),
        ssl_certfile=certificate,
        ssl_keyfile=key,
        http=Connection,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=64 << 10,
    )
    uvicorn.Server(config).run(sockets=[listening])
