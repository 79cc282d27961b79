"""What operators leave behind when their template is killed, and nobody but the agent can bury any more.

The kernel kills the workers of a template that dies; what they had started as processes of their own would go on, also
in sessions of their own. So the agent adopts it, as templates adopt what dead workers leave, and kills it. The kernel
gives orphans to the first thread, the event loop's, which starts templates alone: what other threads start (to describe
operators, make environments, pull images) is theirs until they have waited for it.
"""

import asyncio
import os
from collections.abc import Callable, Collection
from contextlib import suppress

from accio_agent import linux

LOOK_AGAIN_S = 0.05
"""How long a look waits while strays are dying: workers come first, and what they leave after them."""


class Strays:
    """The children of this process that aren't its own. Of these, only templates are started by the first thread."""

    def __init__(self, own: Callable[[], Collection[int]]) -> None:
        """*own* names the processes that stay."""
        self._own = own
        self._timer: asyncio.TimerHandle | None = None

    def adopt(self) -> None:
        """Become the parent of what is left by others below this process, from now on."""
        linux.adopt_orphans()

    def bury(self) -> None:
        """Kill the strays that there are, and look again until none is left."""
        self._timer = None
        if self._kill():
            self._timer = asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self.bury)

    def close(self) -> None:
        """Kill the strays that there are; their burial is left to the system."""
        if self._timer is not None:
            self._timer.cancel()
        self._kill()

    def _kill(self) -> bool:
        """Kill the strays and reap the dead ones; whether there were any."""
        own = self._own()
        strays = [pid for pid in linux.adopted(os.getpid()) if pid not in own]
        for pid in strays:
            linux.kill_all(linux.descendants(pid))
        linux.kill_all(strays)
        for pid in strays:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        return bool(strays)
