"""Which executions are given an attempt, decision by decision, for judges of what may begin."""

from accio_daemon.core.records import Execution
from accio_daemon.core.terms import AttemptNo
from accio_daemon.core.world import World


class NewAttempts:
    """Compares a world with what it was at the look before."""

    def __init__(self) -> None:
        """Know nothing of this life of the daemon yet."""
        self._before: set[AttemptNo] | None = None

    def look(self, world: World) -> list[Execution]:
        """Return what has been given an attempt since the look before; nothing at the first look."""
        before, self._before = self._before, set(world.by_attempt)
        return [] if before is None else [world.by_attempt[no] for no in self._before - before]
