"""What `accio run` works with: the daemon that is there, or one of its own, and an agent that offers what is named."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from accio import places
from accio.errors import AccioError, FailedPrecondition
from accio.interpreter import without_working_folder
from accio.late import dataclass
from accio.sockets import socket_address
from accio_client.cli.daemon import GRACE_S, listens
from accio_client.cli.processes import Child
from accio_client.cli.session import Session

if TYPE_CHECKING:
    from accio_client.sync import Client

_LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A daemon with agents; `ends` tells whether it ends with this command, `offers` whether an agent of it does.

    Of a `private` one nothing is kept.
    """

    client: "Client"
    ends: bool
    offers: tuple[str, ...]
    private: bool = False

    @property
    def how_to_go_on(self) -> str:
        """How to bring back what ended with this command."""
        return f"start one with `accio up{self._options}`"

    @property
    def after_detaching(self) -> str:
        """Say what becomes of a run after its follower has detached."""
        if self.ends:
            return f"what this command started ends with it; the run goes on with `accio up{self._options}`"
        if not self.offers:
            return ""
        return f"this command's agent ends with it; the run goes on with `accio agent{self._options}`"

    @property
    def _options(self) -> str:
        return "".join(f" -operators={each}" for each in self.offers)


@contextmanager
def started(session: Session, offered: Sequence[str], *, private: bool, installed: bool) -> Iterator[Place]:
    """Yield a daemon with an agent that offers some operators; what was started for this has ended afterwards.

    *installed*: whether a daemon's own agent offers those of installed packages, too, which takes longer.
    """
    from accio_client.private import LocalClient, PrivateCluster

    if private or _nobody_is_there(session):
        session.say("starting a daemon and an agent …")
        folder = None if private else places.data_folder()
        with LocalClient(PrivateCluster(folder, offered, installed=installed)) as client:
            yield Place(client=client, ends=True, offers=tuple(offered), private=private)
        return
    with session.client() as client:
        if not offered:
            yield Place(client=client, ends=False, offers=())
            return
        client.list_agents()  # says so if no daemon answers, before anything is started
        session.say(f"using the daemon at {client.address}; starting an agent …")
        with _agent(client, offered):
            yield Place(client=client, ends=False, offers=tuple(offered))


def _nobody_is_there(session: Session) -> bool:
    """Return whether the daemon that is meant is the one of the data folder, and isn't running."""
    if session.addr or session.cluster:
        return False
    with suppress(AccioError):  # the path of a socket is too long: then there is none
        return places.daemon_address() == (own := socket_address(places.data_folder())) and not listens(own)
    return False


@contextmanager
def _agent(client: "Client", offered: Sequence[str]) -> Iterator[None]:
    """Yield while an agent on this machine offers some operators, and nothing else, and is connected."""
    name = f"run-{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="accio-", ignore_cleanup_errors=True) as folder:
        arguments = [f"--daemon={client.address}", f"--name={name}", f"--state-dir={folder}/state", "--no-installed"]
        arguments += [f"--grace={GRACE_S}", *(f"--operators={each}" for each in offered)]
        environment = without_working_folder(os.environ)
        child = Child("agent", ["accio_agent", *arguments], Path(folder) / "agent.log", environment)
        try:
            _await(client, child, name)
            yield
        finally:
            child.stop()
            with suppress(AccioError):  # nobody needs to know it any more
                client.remove_agent(name)


def _await(client: "Client", child: Child, name: str) -> None:
    """Wait until the agent is connected, however long its operators take to be imported."""
    while not any(agent.name == name and agent.state == "connected" for agent in client.list_agents()):
        if child.ended(_LOOK_EVERY_S):
            raise FailedPrecondition(
                f"the agent can't be started: it ended {child.ending}; its last words:\n{child.last_words()}"
            )
