"""A turn of deciding: the World, what is decided about it, and the instant at which.

Every function that decides takes one; who only looks takes the World, and the instant if time matters.
"""

from accio.late import dataclass
from accio_daemon.core.effects import Effects
from accio_daemon.core.terms import Instant
from accio_daemon.core.world import World


@dataclass(frozen=True, slots=True)
class Turn:
    """What one or several commands are decided with: all of them at the same instant."""

    world: World
    fx: Effects
    now: Instant

    def next_sequence(self) -> int:
        """Number the next decision that the queue's order depends on."""
        self.world.sequence += 1
        self.fx.sequence = self.world.sequence
        return self.world.sequence
