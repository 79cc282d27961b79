"""Unix sockets as addresses, `unix:PATH`: the one in the data folder by which daemon and clients of one user meet.

Others can't reach it, nor can they be taken for it: a client hands its token to no socket that somebody else made.
"""

import os
import pwd
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from accio.errors import FailedPrecondition, PermissionDenied

PREFIX = "unix:"
NAME = "daemon.sock"
LONGEST_PATH = 107
"""Bytes of a socket's path that Linux takes (`sun_path` has one more, for its end)."""


def socket_path(address: str) -> Path | None:
    """Return the path in an address `unix:PATH`; None for one of another kind."""
    return Path(address.removeprefix(PREFIX)) if address.startswith(PREFIX) else None


def fits(path: Path) -> bool:
    """Return whether a socket can have this path."""
    return len(os.fsencode(path)) <= LONGEST_PATH


def socket_address(data: Path, environment: Mapping[str, str] = os.environ) -> str:
    """Return the address of the socket of a data folder: in it, or in the runtime folder if its path is too long.

    FailedPrecondition if neither has room for it.
    """
    path = data / NAME
    if fits(path):
        return f"{PREFIX}{path}"
    import hashlib  # with libraries of ciphers, which few paths need

    runtime = runtime_folder(environment)
    name = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:16]
    if runtime is None or not fits(runtime / f"{name}.sock"):
        raise FailedPrecondition(
            f"the path of the socket {path} is too long ({len(os.fsencode(path))} bytes; the system takes "
            f"{LONGEST_PATH}), and there is no runtime folder (XDG_RUNTIME_DIR) for it: choose a shorter "
            "ACCIO_DATA_DIR, or say the daemon's address in ACCIO_ADDR"
        )
    return f"{PREFIX}{runtime / name}.sock"


def runtime_folder(environment: Mapping[str, str]) -> Path | None:
    """Return where sockets go whose paths are too long; None if the system gives this user no runtime folder."""
    parent = Path(environment.get("XDG_RUNTIME_DIR", "") or f"/run/user/{os.getuid()}")
    return parent / "accio" if parent.is_absolute() and parent.is_dir() else None


def target(address: str) -> str:
    """Return how gRPC wants an address to be written: it reads the path of a socket as a part of a URL."""
    path = socket_path(address)
    return address if path is None else f"{PREFIX}{quote(os.fsencode(path))}"


def require_own(path: Path) -> None:
    """Raise PermissionDenied if somebody else made the socket at *path*: he would get the token. It may be missing."""
    owner = owner_of(path)
    if owner is not None and owner != os.geteuid():
        raise PermissionDenied(
            f"the socket {path} belongs to {user_name(owner)}, not to {user_name(os.geteuid())}, who asks: whoever "
            "made it would be handed the token. Remove it and start a daemon of your own (`accio up`), or say in "
            "ACCIO_ADDR where yours is"
        )


def owner_of(path: Path) -> int | None:
    """Return the number of the user who made the socket at *path*, None if there is none; it must be a socket."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PermissionDenied(
            f"the socket {path} can't be reached: {error.strerror}; ACCIO_DATA_DIR names the data folder of your own "
            "daemon, ACCIO_ADDR the address of another one"
        ) from None
    if not stat.S_ISSOCK(found.st_mode):
        raise FailedPrecondition(f"expected a socket at {path}, found something else: move it away, or name another")
    return found.st_uid


def user_name(number: int) -> str:
    """Return how to call a user: by name, or by number if no account has it."""
    try:
        return f"{pwd.getpwuid(number).pw_name} (user {number})"
    except KeyError:
        return f"user {number}"
