"""Where a client connects, with which token, and as whom: what is given wins, then the environment, then the files."""

import getpass
import os
from collections.abc import Mapping
from typing import Self

from accio import places
from accio.late import dataclass
from accio.trust import Trust, split_token

LARGEST_DEFINITION = 4_000_000
"""Bytes of a definition that a call can carry: the daemon takes messages of 4 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `AsyncClient` needs to know; `user` is "Name <email>", or a name alone."""

    address: str
    token: str | None
    trust: Trust | None  # by what the daemon is known
    user: str

    @classmethod
    def load(
        cls,
        *,
        address: str | None = None,
        token: str | None = None,
        user: str | None = None,
        cluster: str | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> Self:
        if address:
            address = places.parse_address(address)
        else:
            environment = places.joining(environment, cluster or None)
            address = places.cluster_address(cluster, environment) if cluster else places.daemon_address(environment)
        given, told = split_token(token) if token else (None, None)
        return cls(
            address=address,
            token=given or places.find_token(environment),
            trust=told or places.find_trust(environment),
            user=user or environment.get("ACCIO_USER", "").strip() or login_name(),
        )


def login_name() -> str:
    """Return the name under which the operating system knows the user; the number if it has no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run under a number that no account has
        return f"user {os.getuid()}"


def web_address(environment: Mapping[str, str] = os.environ) -> str:
    """Return where the web interface is: what ACCIO_WEB says (without a slash at its end), else the default."""
    from accio import web_door  # listens, too: other calls needn't load it

    return environment.get("ACCIO_WEB", "").strip().rstrip("/") or f"http://{web_door.HOST}:{web_door.PORT}"
