"""The one place of the daemon that reads clocks."""

import time

from accio_daemon.core.terms import Instant


class SystemClock:
    """The machine's clocks.

    CLOCK_BOOTTIME goes on while the machine sleeps: a lease is over then, as everybody else sees it.
    """

    def now(self) -> Instant:
        """Return this moment."""
        return Instant(wall_ms=time.time_ns() // 1_000_000, mono=time.clock_gettime(time.CLOCK_BOOTTIME))
