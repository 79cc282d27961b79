"""Which calls are under way that need the event loop for a moment only, so that longer work on it lets them pass.

A call takes several turns of the loop: gRPC announces it, brings its request, a reader's thread takes a job and gives
what it found. If the loop does a step of other work between any two of them, a call waits for as many steps as it has
turns. So whoever does such steps waits after each, for as long at most as it took: then a call waits for one step, and
however many calls there are, the steps have half of the loop's time.

Long reads and whoever waits for the engine don't count: nothing would go on meanwhile.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ANNOUNCED_S = 0.005
"""How long the request of a call that was announced is waited for: it may never come."""

READING_S = 0.02
"""How long after the newest of them began reads count: one that isn't over by then isn't short."""

SEVERAL = 4
SEVERAL_IN_S = 0.5
"""How many requests within how many seconds come all the time; who submits a sweep and waits for it makes fewer."""

_TURN_S = 0.0005
"""Seconds of work after which others get one more turn of the loop."""

_TURNS = 12
"""The turns that they get at most."""


class ShortCalls:
    """State: how many calls were announced and how many read, and until when either counts.

    Of the loop's thread; others may look, and wait.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with none; *clock* gives seconds."""
        self._clock = clock
        self._announced = 0
        self._announced_until = 0.0
        self._reading = 0
        self._reading_until = 0.0
        self._begun = deque([(-SEVERAL_IN_S, "")] * SEVERAL, maxlen=SEVERAL)  # when the last requests came, and whence
        self._waiting: set[asyncio.Future[None]] = set()
        self._none = threading.Event()

    @property
    def are_there(self) -> bool:
        """Whether a call needs the loop soon."""
        if not (self._reading or self._announced):
            return False
        now = self._clock()
        return (self._reading > 0 and now < self._reading_until) or (
            self._announced > 0 and now < self._announced_until
        )

    @property
    def keep_coming(self) -> bool:
        """Whether calls come in all the time, so that the next one will find the loop at work, too."""
        return self._clock() - self._begun[0][0] < SEVERAL_IN_S

    @property
    def come_from_several(self) -> bool:
        """Whether calls of more than one caller keep coming: who keeps the loop for one keeps it from others."""
        return self.keep_coming and len({connection for _, connection in self._begun}) > 1

    def announce(self) -> None:
        """Note a call whose request follows."""
        now = self._clock()
        if now >= self._announced_until:
            self._announced = 0  # those before have come to nothing
        self._announced += 1
        self._announced_until = now + ANNOUNCED_S
        self._none.clear()

    def begin(self, connection: str = "") -> None:
        """Note that the request of a call has come over a connection."""
        self._begun.append((self._clock(), connection))
        self._announced = max(0, self._announced - 1)
        self._tell()

    def come(self, connection: str) -> None:
        """Note a request that nobody announced, as it came in a call that goes on."""
        self._begun.append((self._clock(), connection))

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Count a short read for as long as the context lasts."""
        self._reading += 1
        self._reading_until = self._clock() + READING_S
        self._none.clear()
        try:
            yield
        finally:
            self._reading -= 1
            self._tell()

    def _tell(self) -> None:
        if not self.are_there:
            self._none.set()
            for future in self._waiting:
                if not future.done():
                    future.set_result(None)

    def wait_in_thread(self, seconds: float) -> None:
        """Wait in a thread other than the loop's until none is there, for that number of seconds at most."""
        if self.are_there:
            self._none.wait(min(seconds, ANNOUNCED_S if not self._reading else READING_S))

    async def pass_by(self, seconds: float) -> None:
        """Wait until none is there, but not for longer than that number of seconds."""
        ends = self._clock() + seconds
        while self.are_there and (left := ends - self._clock()) > 0:
            passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(passed)
            try:
                await asyncio.wait((passed,), timeout=left)
            finally:
                self._waiting.discard(passed)


async def yield_turns(seconds: float) -> None:
    """Yield the loop to others after a step that took so many *seconds*: for more turns after a long one, or a call,
    which needs several, would wait for as many steps.
    """
    for _ in range(1 + min(_TURNS, int(seconds / _TURN_S))):
        await asyncio.sleep(0)
