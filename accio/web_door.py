"""Where the web interface listens, and the link that opens it: what `accio web` and `accio up` agree upon."""

import socket

from accio.errors import FailedPrecondition

HOST = "127.0.0.1"
PORT = 7616
MORE_PORTS = 50
"""How many further ports are tried where the default is taken."""
CODE = "ACCIO_WEB_CODE"
"""The variable in which a parent process passes the first one-time code on."""


def listen(port: int | None = None) -> socket.socket:
    """Return a socket that listens on this machine only: at *port*, else at the first free one from the default."""
    for each in [port] if port is not None else range(PORT, PORT + MORE_PORTS):
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, each))
            listening.listen(128)
        except OSError:
            listening.close()
            continue
        return listening
    where = f"port {port}" if port is not None else f"any port from {PORT} to {PORT + MORE_PORTS - 1}"
    raise FailedPrecondition(f"{where} of {HOST} can't be listened at: choose another one with --port")


def link(listening: socket.socket, code: str, base_path: str = "") -> str:
    """Return the address that logs in once. The code stands behind the #: no server's log ever has it."""
    return f"http://{HOST}:{listening.getsockname()[1]}{base_path}/login#code={code}"
