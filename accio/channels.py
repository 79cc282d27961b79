"""How clients and agents open a connection to the daemon, whatever kind of address it has."""

from collections.abc import Sequence
from typing import Any

import grpc.aio

from accio import sockets


def open_channel(address: str, options: Sequence[tuple[str, Any]]) -> grpc.aio.Channel:
    """Return a channel to HOST:PORT or `unix:PATH`; PermissionDenied for a socket that somebody else made."""
    path = sockets.socket_path(address)
    if path is not None:
        sockets.require_own(path)
    return grpc.aio.insecure_channel(sockets.target(address), options=list(options))
