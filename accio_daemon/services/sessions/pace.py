"""How fast the messages of one session are read: who sends more slows himself down, as nobody reads him meanwhile."""

import asyncio


class Pace:
    """At most *at_once* messages in any *seconds* on average, counted in groups of that size."""

    def __init__(self, at_once: int, seconds: float) -> None:
        """Begin with a group."""
        self._at_once = at_once
        self._seconds = seconds
        self._count = 0
        self._began = asyncio.get_running_loop().time()

    async def keep(self) -> None:
        """Wait after a message, if its group came faster than it may."""
        self._count += 1
        if self._count < self._at_once:
            return
        now = asyncio.get_running_loop().time
        early = self._began + self._seconds - now()
        if early > 0:
            await asyncio.sleep(early)
        self._count, self._began = 0, now()
