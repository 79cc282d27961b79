"""Whether and how the daemon's address is encrypted, and what others need to know of that to join."""

import os
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import grpc
import structlog

from accio import places, sockets
from accio.errors import BadRequest, FailedPrecondition
from accio.handshakes import host_of
from accio.trust import Join, join_token
from accio_daemon.config import Config
from accio_daemon.engine.ports import Clock
from accio_daemon.requesting import make_agent_token
from accio_daemon.services.transport.certificates import (
    GivenFiles,
    OwnAuthority,
    read_given,
    read_own,
    server_credentials,
    trust_of,
    what_is_wrong,
)

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - recognised, not listened at

log = structlog.get_logger(__name__)


def credentials(config: Config, clock: Clock) -> grpc.ServerCredentials:
    """Return what encrypts; certificates are made if there are none."""
    return server_credentials(_given(config.tls, clock) if config.tls else _own(config, clock))


def _given(files: Sequence[Path], clock: Clock) -> GivenFiles:
    given = GivenFiles(*files)
    if wrong := what_is_wrong(given.current(), datetime.fromtimestamp(clock.now().wall_ms / 1000, UTC)):
        log.warning("the certificate of --tls isn't good for long, or not now", file=str(files[0]), reason=wrong)
    return given


def _own(config: Config, clock: Clock) -> OwnAuthority:
    host = host_of(config.address)
    names = (socket.gethostname(), *(() if host in EVERYWHERE else (host,)))
    own = OwnAuthority(config.certificates, names, lambda: datetime.fromtimestamp(clock.now().wall_ms / 1000, UTC))
    log.info(
        "whoever joins from elsewhere needs a join file: accio daemon join-file FILE",
        authority=trust_of(own.current(), own=True).digest,
    )
    return own


def join(
    config: Config,
    address: str | None,
    environment: Mapping[str, str] = os.environ,
    *,
    agent: str | None = None,
    token_less: bool = False,
) -> Join:
    """Return what lets somebody join who finds the daemon at *address* (by default, where it is told to listen).

    With a new token for the agent of this name, which only the running daemon can make, if one is given; without any
    token, if it is to be *token_less*.
    """
    pair = read_given(*config.tls) if config.tls else read_own(config.certificates)
    where = _address(config, address)
    trust = trust_of(pair, own=not config.tls)
    if token_less:
        return Join(address=where, trust=trust, token="")
    told = {"ACCIO_TOKEN": environment.get("ACCIO_TOKEN", "")}
    token = places.find_token({**told, "ACCIO_DATA_DIR": str(config.data), "ACCIO_CONFIG_ROOT": str(config.data)})
    if not token:
        raise FailedPrecondition(
            f"there is no token in {config.data}: start the daemon once, or set ACCIO_TOKEN to the one to hand on"
        )
    if agent is not None:
        token = make_agent_token(config.socket, token, agent)
    return Join(address=where, trust=trust, token=token)


def token_to_join(joining: Join) -> str:
    """Return a join as one word."""
    if not joining.trust.digest:
        raise BadRequest(
            "the certificate is of an authority that machines know anyway: hand on the token as it is in a join file"
        )
    return join_token(joining.trust.digest, joining.token)


def _address(config: Config, given: str | None) -> str:
    address = places.parse_address(given) if given else config.address
    if not address or sockets.socket_path(address) is not None:
        raise BadRequest("expected the address at which others find this daemon, found none: --address HOST:PORT")
    host, _, port = address.rpartition(":")
    return f"{socket.gethostname()}:{port}" if host.strip("[]") in EVERYWHERE else address
