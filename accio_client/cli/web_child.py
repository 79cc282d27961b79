"""The web interface as a child of `accio up`: runs don't need it, and go on without it."""

import os
import secrets
from importlib.util import find_spec

from accio import places, web_door
from accio.errors import FailedPrecondition
from accio.interpreter import without_working_folder
from accio.version import DISTRIBUTION
from accio_client.cli.processes import Child
from accio_client.cli.session import Session

_NICE = 5


class WebChild(Child):
    """A web interface that serves; *link* logs in once."""

    link: str = ""


def start_web(session: Session, address: str) -> WebChild | None:
    """Start the web interface of the daemon there; say why, and return None, where there can be none.

    It listens at once, so that the link works, and begins to serve while others have the processors first.
    """
    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        session.say(f"no web interface: it needs {missing[0]} (pip install '{DISTRIBUTION}[web]')")
        return None
    try:
        listening = web_door.listen()
    except FailedPrecondition as error:
        session.say(f"no web interface: {error.message}")
        return None
    with listening:
        code = secrets.token_urlsafe(24)
        environment = without_working_folder(os.environ) | {"ACCIO_ADDR": address, web_door.CODE: code}
        arguments = ["accio_web", f"--inherited={listening.fileno()}"]
        log = places.data_folder() / "logs" / "web.log"
        child = WebChild("web interface", arguments, log, environment, inherited=[listening.fileno()], nice=_NICE)
        child.link = web_door.link(listening, code)
        return child
