"""Where the web interface listens, and the link that opens it: what `accio web` and `accio up` agree upon."""

import contextlib
import os
import socket
import stat

from accio.errors import FailedPrecondition

HOST = "127.0.0.1"
PORT = 7616
MORE_PORTS = 50
"""How many further ports are tried where the default is taken."""
CODE = "ACCIO_WEB_CODE"
"""The variable in which a parent process passes the first one-time code on."""

_WAITING = 128


def listen(port: int | None = None, host: str = HOST) -> socket.socket:
    """Return a socket that listens at *host*, this machine only by default: at *port*, else at the first free one."""
    problem = ""
    for each in [port] if port is not None else range(PORT, PORT + MORE_PORTS):
        try:
            return socket.create_server((host, each), family=_family(host), backlog=_WAITING)
        except OSError as error:
            problem = error.strerror or str(error)
    where = f"port {port}" if port is not None else f"any port from {PORT} to {PORT + MORE_PORTS - 1}"
    raise FailedPrecondition(f"{where} of {host} can't be listened at ({problem}): choose another one with --port")


def listen_at_file(path: str) -> socket.socket:
    """Return a socket at *path*, for nobody but its owner; one that was left behind is replaced."""
    listening = socket.socket(socket.AF_UNIX)
    try:
        _clear(path)
        mask = os.umask(0o177)  # no moment in which others might connect
        try:
            listening.bind(path)
        finally:
            os.umask(mask)
        listening.listen(_WAITING)
    except OSError as error:
        listening.close()
        raise FailedPrecondition(f"{path} can't be listened at: {error.strerror or error}") from None
    return listening


def _clear(path: str) -> None:
    """Remove a socket that nobody listens at any more."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.lstat(path).st_mode):
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(path):
                    os.unlink(path)  # noqa: PTH108 - beside lstat, of the same text


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def link(
    listening: socket.socket, code: str = "", base_path: str = "", *, name: str = HOST, encrypted: bool = False
) -> str:
    """Return the address that logs in once, or what precedes its code, which stands behind the #: no server's log
    ever has it.

    Of a socket in the file system it is what a tunnel to the default port makes of it.
    """
    port = PORT if listening.family == socket.AF_UNIX else listening.getsockname()[1]
    shown = f"[{name}]" if ":" in name else name
    return f"{'https' if encrypted else 'http'}://{shown}:{port}{base_path}/login#code={code}"
