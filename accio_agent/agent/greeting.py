"""How a session with the daemon opens: who the agent is, what it offers, and of which history what it holds is."""

from collections.abc import Sequence
from pathlib import Path

from accio.domain.resources import Resources
from accio.v1 import agents_pb2
from accio_agent.agent.disk.aside import OtherHistory, label_logs
from accio_agent.agent.disk.journal import Journal
from accio_agent.agent.disk.start import keep_start, last_start
from accio_agent.agent.offer import Identity, Offers, hello


class Greeting:
    """Says hello, and keeps what a welcome tells of the daemon: its history, and which start of it this is."""

    def __init__(
        self, identity: Identity, resources: Resources, operators: Offers, folder: Path, journal: Journal
    ) -> None:
        self.identity = identity
        self._resources = resources
        self._operators = operators
        self._folder = folder
        self._journal = journal
        self._start = last_start(folder)
        self._lasts_ms = 0  # what was left of the host's time at the first hello, if it ends

    def hello(self, held: Sequence[agents_pb2.HeldAttempt], *, draining: bool) -> agents_pb2.Hello:
        """Return the first message of a session, with what was *held* since the last."""
        history = self._journal.remembered.history
        message = hello(self.identity, self._resources, self._operators, held=held, draining=draining, history=history)
        message.start = self._start
        # What passed until the first one is time that no node of any such host ever has.
        self._lasts_ms = message.lasts_ms = self._lasts_ms or message.ends_in_ms
        return message

    def check_history(self, history: str) -> None:
        """Raise OtherHistory if what is held belongs to another history than the daemon's."""
        own = self._journal.remembered.history
        if own and own != history:
            raise OtherHistory(history)

    def welcomed(self, welcome: agents_pb2.Welcome) -> None:
        """Keep whose history this is, if that wasn't known, and which start of the daemon."""
        if welcome.history and not self._journal.remembered.history:
            self._journal.belongs_to(welcome.history)
            label_logs(self._folder, welcome.history)
        if welcome.start != self._start:
            self._start = welcome.start
            keep_start(self._folder, welcome.start)
