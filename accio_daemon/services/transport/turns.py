"""Calls of one connection begin one after the other, each in a turn of the event loop of its own.

To read a request, to check it and perhaps to refuse it takes half a millisecond. Whoever makes many calls at the same
time would have all of them begin in one turn, for which every other connection's call waits at each of its own turns.
"""

import asyncio
from collections import deque


class Turns:
    """State: who waits for a turn, by connection; a connection is in it while one of its calls has begun this turn."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def take(self, connection: str) -> None:
        """Return in a turn of the loop in which no other call of the connection does; at once if none has in this
        one.
        """
        waiting = self._waiting.get(connection)
        if waiting is None:
            self._waiting[connection] = deque()
            asyncio.get_running_loop().call_soon(self._go_on, connection)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        await turn

    def _go_on(self, connection: str) -> None:
        """Begin the next call of a connection."""
        waiting = self._waiting[connection]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():  # who has given up needs none
                turn.set_result(None)
                asyncio.get_running_loop().call_soon(self._go_on, connection)
                return
        del self._waiting[connection]
