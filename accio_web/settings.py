"""What the web interface is started with."""

from pathlib import Path

from accio.late import dataclass
from accio_web.forwarded import Proxies

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The daemon is at *daemon*; *token* and *user* are those of whoever started this process."""

    daemon: str
    token: str | None
    user: str
    port: int
    base_path: str = ""
    read_only: bool = False
    host_names: frozenset[str] = LOOPBACK
    name: str = "127.0.0.1"
    """By which links call this server."""
    certificate: tuple[str, str] | None = None
    """The files of certificate and key; None: TLS isn't spoken here."""
    proxies: Proxies | None = None
    """Whose X-Forwarded-* headers count; None: nobody's."""
    links: Path | None = None
    """The folder of the codes of further links; None: there are none."""


def base_path(text: str) -> str:
    """Return a path prefix as "/a/b", or the empty text for none."""
    parts = [part for part in text.split("/") if part]
    return "".join(f"/{part}" for part in parts)
