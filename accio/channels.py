"""How clients and agents open connections to the daemon, whatever kind of address it has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from accio import places, sockets
from accio.trust import SYSTEM, Trust, join_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    import grpc.aio

    from accio.errors import AccioError

KEEPALIVE: tuple[tuple[str, int], ...] = (
    ("grpc.keepalive_time_ms", 5_000),
    ("grpc.keepalive_timeout_ms", 4_000),
    ("grpc.http2.ping_timeout_ms", 4_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)
"""By which both ends of a session notice within seconds that the other one is gone. Without `ping_timeout_ms` a frozen
one is noticed after a minute, whatever the others say.
"""

SESSION: tuple[tuple[str, int], ...] = (
    *KEEPALIVE,
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),  # a new channel is a new connection
    ("grpc.enable_http_proxy", 0),  # a proxy for the web has no business within a cluster
)
"""Options of a channel for one session, after whose end another channel is opened."""


def bearer(token: str | None) -> tuple[tuple[str, str], ...]:
    """Return the metadata that shows a token to the daemon; none without one."""
    return (("authorization", f"Bearer {token}"),) if token else ()


class Door:
    """Where the daemon is, and by what it is known (None: by nothing, in plain text)."""

    def __init__(self, address: str, trust: Trust | None = None) -> None:
        self.address = address
        self._path = sockets.socket_path(address)
        self._trust = trust if self._path is None else None  # a socket is known by who made it
        self._told = "" if self._trust is None or self._trust.authority else self._trust.digest

    @property
    def exposed(self) -> bool:
        """Whether others on the network can see what is said here, the token first."""
        return self._trust is None and not places.is_loopback(self.address)

    @property
    def is_near(self) -> bool:
        """Whether the daemon is on this machine, as far as the address tells."""
        return self._path is not None or places.is_loopback(self.address)

    @property
    def plain_place(self) -> Path | tuple[str, int] | None:
        """The path of the socket, or host and port, where the daemon is asked in plain text on this machine alone."""
        if self._path is not None:
            return self._path
        host, _, port = self.address.rpartition(":")
        return (host.strip("[]"), int(port)) if self._trust is None and not self.exposed else None

    def known_by(self, token: str) -> str:
        """Return a token that tells others, too, by what the daemon is known, where only a token told that here."""
        return join_token(self._told, token) if self._told else token

    def find_authority(self) -> None:
        """Fetch the authority if only its digest is known; blocks. Call it before `open`."""
        if self._trust is not None and not self._trust.authority:
            from accio import handshakes

            self._trust = handshakes.fetch_authority(self.address, self._trust)

    def open(self, options: Sequence[tuple[str, Any]]) -> grpc.aio.Channel:
        """Return a channel; PermissionDenied for a socket that somebody else made."""
        import grpc.aio  # not before: who asks without gRPC has a door, too

        if self._path is not None:
            sockets.require_own(self._path)
            return grpc.aio.insecure_channel(sockets.target(self.address), options=list(options))
        if self._trust is None:
            return grpc.aio.insecure_channel(self.address, options=list(options))
        assert self._trust.authority, "find_authority comes first"
        roots = _system_roots() if self._trust.authority == SYSTEM else self._trust.authority.encode()
        named = [("grpc.ssl_target_name_override", self._trust.name)] if self._trust.name else []
        return grpc.aio.secure_channel(self.address, grpc.ssl_channel_credentials(roots), options=[*options, *named])

    def explain(self) -> AccioError | None:
        """Return why nothing is reached here, if it is a matter of encryption; blocks."""
        if self._path is not None:
            return None
        from accio import handshakes

        return handshakes.explain(self.address, self._trust)


def _system_roots() -> bytes | None:
    """Return the authorities that this machine trusts; None for those that come with gRPC, if it names none."""
    import ssl

    file = ssl.get_default_verify_paths().cafile
    return Path(file).read_bytes() if file else None
