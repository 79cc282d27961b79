"""Who sees what agents of the simulation do."""

from typing import Protocol

from accio_daemon.core.outgoing import Assignment as Sent


class Witness(Protocol):
    """Who sees what agents do, as far as it belongs to one history."""

    history: str

    def began(self, agent: str, sent: Sent) -> None:
        """An attempt begins."""
        ...

    def finished(self, agent: str, attempt: int) -> None:
        """An attempt's report is on the agent's disk."""
        ...

    def died(self, agent: str, attempt: int, *, counts: bool) -> None:
        """An attempt died with its agent."""
        ...

    def acknowledged(self, attempt: int) -> None:
        """The daemon told the agent that it has an attempt's report."""
        ...

    def saved(self, attempt: int) -> None:
        """An attempt saved a checkpoint."""
        ...


class Nobody:
    """A witness of what counts no more."""

    history = ""

    def began(self, agent: str, sent: Sent) -> None:
        """See nothing."""

    def finished(self, agent: str, attempt: int) -> None:
        """See nothing."""

    def died(self, agent: str, attempt: int, *, counts: bool) -> None:
        """See nothing."""

    def acknowledged(self, attempt: int) -> None:
        """See nothing."""

    def saved(self, attempt: int) -> None:
        """See nothing."""
