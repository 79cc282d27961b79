"""When a transaction is carried out on the event loop itself, without a hop to the writer's thread and back.

A hop costs more than the processor time of a small transaction: the thread has to be woken, wants the interpreter that
the loop has, and the loop has to be woken in the end. On an idle system nobody needs the loop meanwhile. Yet the loop
must not wait for a slow disk, nor for transactions that come one after the other, nor for a checkpoint of the log.
"""

import time
from collections.abc import Callable

from accio_daemon.short_calls import ShortCalls

QUICK_S = 0.005
"""Seconds that the last transaction may have taken: as long as a step of deciding may keep the loop."""

IN_A_ROW = 100
"""Transactions on the loop between two of the writer's thread: none of them makes checkpoints, which take a while."""


class AtOnce:
    """State: how long the last transaction took, when it ended, and how many were carried out at once since a hop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, short_calls: ShortCalls | None = None) -> None:
        """Begin as if the disk were slow: nothing is known of it. *clock* gives seconds; *short_calls* go first."""
        self.clock = clock
        self._short_calls = short_calls or ShortCalls(clock)
        self._took = float("inf")
        self._ended = 0.0
        self._count = 0

    def allows(self) -> bool:
        """Return whether a small transaction may keep the loop now: the last one was quick, and the loop has been there
        for others at least as long since, and no call needs it soon. So transactions have half of the loop's time at
        most, and none where calls of several callers come in all the time: a disk that is busy for once would keep all
        of them waiting, and the one whose commit it is would gain but a hop.
        """
        if self._short_calls.are_there or self._short_calls.come_from_several:
            return False
        return self._took <= QUICK_S and self.clock() - self._ended >= self._took and self._count < IN_A_ROW

    def ended(self, begun: float, *, at_once: bool) -> None:
        """Note that a transaction ends that had *begun* then by the clock, on the loop or on the writer's thread."""
        self._ended = self.clock()
        self._took = self._ended - begun
        self._count = self._count + 1 if at_once else 0
