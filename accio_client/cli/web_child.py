"""The web interface as a child of `accio up`: runs don't need it, and go on without it."""

import os
import secrets
import select
import socket
from importlib.util import find_spec
from pathlib import Path
from time import monotonic

from accio import places, web_door, web_links
from accio.errors import FailedPrecondition
from accio.interpreter import without_working_folder
from accio.version import DISTRIBUTION
from accio_client.cli.processes import Child
from accio_client.cli.session import Session

_NICE = 5


class WebDoor:
    """Where the web interface is reached. It listens at once, so that the link works; its program is started for the
    first who comes: it takes as long as all else that a start does, and as much memory as the daemon.
    """

    name = "web interface"

    def __init__(self, address: str, listening: socket.socket, log: Path) -> None:
        """Serve the daemon at *address*."""
        self.log = log
        self._address = address
        self._listening = listening
        self._code = secrets.token_urlsafe(24)
        self._opened = monotonic()
        self._child: Child | None = None
        self.link = web_door.link(listening, self._code)
        self._doorway = web_links.Doorway(listening, web_door.link(listening), address)

    def ended(self, within_s: float) -> bool:
        """Return whether its program has ended, after waiting for that for a moment, or for the first who comes."""
        if self._child is not None:
            return self._child.ended(within_s)
        if select.select([self._listening], [], [], within_s)[0]:
            self._child = self._start()
        return False

    @property
    def ending(self) -> str:
        """How its program, which has ended, ended."""
        assert self._child is not None
        return self._child.ending

    def stop(self) -> None:
        """Listen no longer, and end the program."""
        self._doorway.close()
        self._listening.close()
        if self._child is not None:
            self._child.stop()

    def _start(self) -> Child:
        inherited = self._listening.fileno()
        environment = without_working_folder(os.environ) | {"ACCIO_ADDR": self._address, web_door.CODE: self._code}
        known = f"--known-for={monotonic() - self._opened:.3f}"
        arguments = ["accio_web", f"--inherited={inherited}", known]
        with self._listening:  # only the program listens from now on: nobody waits in vain once it has ended
            return Child(self.name, arguments, self.log, environment, inherited=[inherited], nice=_NICE)


def open_web(session: Session, address: str) -> WebDoor | None:
    """Listen for who wants the web interface of the daemon there; say why, and return None, where there can be none."""
    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        session.say(f"no web interface: it needs {missing[0]} (pip install '{DISTRIBUTION}[web]')")
        return None
    try:
        listening = web_door.listen()
    except FailedPrecondition as error:
        session.say(f"no web interface: {error.message}")
        return None
    return WebDoor(address, listening, places.data_folder() / "logs" / "web.log")
