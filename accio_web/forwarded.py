"""What a proxy says about who asked it: X-Forwarded-Host, -Proto and -For, from the peers that are told to be proxies.

Whoever asks the proxy may send such headers, too, which proxies keep and write theirs behind: only the last value was
written by the proxy that connects, and only it counts. Of X-Forwarded-For that is the address that connected to the
proxy. The header Forwarded (RFC 7239) counts nowhere.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, TypeAlias

from accio.errors import BadRequest
from accio.late import dataclass

if TYPE_CHECKING:  # the command line says how to get starlette where it is missing
    from collections.abc import Iterable

    from starlette.types import Scope

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

HOST, PROTO, FOR = b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-for"
SCHEMES = ("http", "https")
_ON_THIS_MACHINE = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """The peers whose word counts: those of these *networks*, and with *files* whoever asks at a file's socket, which
    only its owner can.
    """

    networks: tuple[Network, ...]
    files: bool

    def include(self, peer: str | None) -> bool:
        """Return whether the peer of an address is a proxy; None: one at a socket in the file system."""
        if peer is None:
            return self.files
        address = _address(peer)
        return address is not None and any(address in network for network in self.networks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """What a proxy said; empty where it said nothing. *scheme* is as it was written, perhaps none that there is."""

    host: str
    scheme: str
    client: str


def proxies(addresses: Iterable[str]) -> Proxies:
    """Return the proxies at some addresses or networks ("10.0.0.0/24"); without any, those on this machine.

    BadRequest names what is no address.
    """
    named = tuple(addresses)
    found = []
    for each in named or _ON_THIS_MACHINE:
        try:
            found.append(ipaddress.ip_network(each))
        except ValueError:
            raise BadRequest(
                f"--proxy-address {each}: expected an address or a network, such as 10.0.0.5 or 10.0.0.0/24"
            ) from None
    return Proxies(networks=tuple(found), files=not named)


def forwarded(scope: Scope, trusted: Proxies | None) -> Forwarded | None:
    """Return what the peer of a request says about who asked it; None where its word doesn't count."""
    client = scope.get("client")
    peer = None if client is None else str(client[0])
    if trusted is None or not trusted.include(peer):
        return None
    said = {name: value for name, value in scope["headers"] if name in (HOST, PROTO, FOR)}  # the last of each
    host, scheme, asked_by = (
        said.get(name, b"").decode("latin-1").rpartition(",")[2].strip() for name in (HOST, PROTO, FOR)
    )
    return Forwarded(host=host, scheme=scheme.lower(), client=_client(asked_by, peer))


def as_asked(scope: Scope, said: Forwarded) -> Scope:
    """Return a request as the proxy was asked it: with that host, scheme and client."""
    headers = scope["headers"]
    if said.host:
        headers = [each for each in headers if each[0] != b"host"] + [(b"host", said.host.encode("latin-1"))]
    client = (said.client, 0) if said.client else scope.get("client")
    return {**scope, "headers": headers, "scheme": said.scheme or scope["scheme"], "client": client}


def _client(text: str, peer: str | None) -> str:
    """Return the address in a text, which may have a port; the peer's where there is none: what a log shows is one."""
    end = text.find("]")
    host = text[1:end] if text.startswith("[") and end > 0 else text.partition(":")[0] if text.count(":") == 1 else text
    address = _address(host)
    return (peer or "") if address is None else str(address)


def _address(text: str) -> Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found
