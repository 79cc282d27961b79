"""What the engine says of its own doings to whoever measures it: to nobody, unless metrics are served.

What measures for Prometheus is `metrics.py`, which a daemon without `--metrics` neither loads nor feeds.
"""

from accio_daemon.core.effects import Effects
from accio_daemon.core.world import World


class Observer:
    """Is told what happens, and notes nothing of it."""

    def observe_world(self, world: World) -> None:
        """Note what the engine works on, before anything else is told."""

    def decided(self, commands: int) -> None:
        """Note how many commands the core is about to decide."""

    def committed(self, fx: Effects, seconds: float) -> None:
        """Note what a transaction made durable, and how long that took."""

    def dispatched(self, agents: int, seconds: float) -> None:
        """Note the agents that a batch gave work, and how long after its first decision."""

    def called(self, method: str, seconds: float) -> None:
        """Note how long a unary call took."""

    def was_late(self, seconds: float) -> None:
        """Note how late the event loop was at one look."""
