"""Of calls that one caller makes many of at the same time, a few are under way at once; the others begin one by one.

To read a request, to check it and perhaps to refuse it takes half a millisecond. Whoever makes many calls would have
all of them begin in one turn of the event loop, for which every other call waits at each of its own turns. So calls of
one kind from one connection wait in a line of their own while several are under way, and each turn of the loop lets
one begin, by turns of the lines: who makes one call goes before who makes a hundred.

Connections over a Unix socket have no name of their own: there, calls of one kind are one line.
"""

import asyncio
from collections import Counter, OrderedDict, deque

AT_ONCE = 4
"""Calls of one line that may be under way before further ones wait for a turn."""

Line = tuple[str, str]
"""A connection, and a method that is called over it."""


class Turns:
    """State: how many calls of each line are under way, and those that wait, the line whose turn is next first."""

    def __init__(self) -> None:
        self._under_way: Counter[Line] = Counter()
        self._waiting: OrderedDict[Line, deque[asyncio.Future[None]]] = OrderedDict()
        self._is_going_on = False

    async def take(self, line: Line) -> None:
        """Note a call of a line; return once it may begin: at once unless several are under way, else in a turn of the
        loop in which no other that had to wait does.
        """
        self._under_way[line] += 1
        if self._under_way[line] <= AT_ONCE:
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(line, deque()).append(turn)
        if not self._is_going_on:
            self._is_going_on = True
            asyncio.get_running_loop().call_soon(self._go_on)
        try:
            await turn
        except asyncio.CancelledError:
            self.leave(line)
            raise

    def leave(self, line: Line) -> None:
        """Note that a call is over."""
        self._under_way[line] -= 1
        if not self._under_way[line]:
            del self._under_way[line]

    def _go_on(self) -> None:
        """Begin the next call that waits."""
        while self._waiting:
            line, waiting = self._waiting.popitem(last=False)
            turn = waiting.popleft()
            if waiting:
                self._waiting[line] = waiting  # behind all others
            if not turn.done():  # who has given up needs none
                turn.set_result(None)
                asyncio.get_running_loop().call_soon(self._go_on)
                return
        self._is_going_on = False
