"""What every call needs: the connection, and as whom it is made."""

from __future__ import annotations

from accio.channels import Door
from accio_client.calls.half_characters import telling
from accio_client.connection import PATIENCE_S, Connection
from accio_client.deadlines import DEADLINE_S
from accio_client.other_processes import not_copied
from accio_client.settings import Settings
from accio_client.turns import Turns

SUBMIT_DEADLINE_S = 60.0
"""For a definition, which takes the daemon longer to check than other requests."""


class Caller:
    """A connection to a daemon. Open it in the event loop that uses it."""

    def __init_subclass__(cls) -> None:
        """Have each call of a subject tell of texts that no message can hold."""
        super().__init_subclass__()
        for name, call in list(vars(cls).items()):
            if not name.startswith("_"):
                setattr(cls, name, telling(call))

    def __init__(
        self,
        address: str | None = None,
        *,
        token: str | None = None,
        user: str | None = None,
        cluster: str | None = None,
        deadline: float = DEADLINE_S,
        patience: float = PATIENCE_S,
        brief: bool = False,
    ) -> None:
        """Find the daemon at *address*, as the *cluster* of that name, or by the environment; nothing is sent yet.

        With a join token, which doesn't hold the authority itself, the daemon is asked for that.
        A call takes at most *deadline* seconds; it is repeated for *patience* seconds while the daemon is away.
        *brief* is for `BlockingCaller` alone, as its calls may block.
        """
        settings = Settings.load(address=address, token=token, user=user, cluster=cluster)
        door = Door(settings.address, settings.trust)
        door.find_authority()
        self.address = settings.address
        self.exposed = door.exposed
        self._user = settings.user
        self._connection = Connection(
            door=door,
            token=settings.token,
            user=settings.user,
            deadline=deadline,
            patience=patience,
            brief=brief,
        )
        self._accio = self._connection.accio
        self._turns = Turns()

    __reduce__ = not_copied
