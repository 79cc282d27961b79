"""How jobs that take their time let short ones pass.

A short job takes the interpreter once for each row, and gets it from a job that computes only after its switching
interval: ten rows beside a search take as long as a hundred. So a job that computes looks, row by row, whether a short
one is under way, and rests until that is over. It rests no longer than it has worked: however many short ones come, it
gets half of its time. It rests, too, while a call has but been announced: the event loop would have to take the
interpreter from it again and again until it has the request.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from accio_daemon.short_calls import ShortCalls

T = TypeVar("T")

_MOST_S = 0.02
"""The longest rest: a short job that isn't over by then isn't short."""

_local = threading.local()


class Courtesy:
    """Counts the short jobs under way, so that long computations beside them can make way."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, calls: ShortCalls | None = None) -> None:
        """Begin with none; *clock* tells seconds, and *calls* what the event loop has."""
        self.clock = clock
        self._calls = calls or ShortCalls(clock)
        self._lock = threading.Lock()
        self._under_way = 0
        self._none_left = threading.Event()

    @contextmanager
    def expected(self) -> Iterator[None]:
        """Pass while others rest."""
        with self._lock:
            self._under_way += 1
            self._none_left.clear()
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1
                if not self._under_way:
                    self._none_left.set()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Make way for short jobs in this thread, wherever `letting_pass` is used."""
        _local.shown = _Shown(self)
        try:
            yield
        finally:
            del _local.shown

    @property
    def is_asked(self) -> bool:
        """Whether a short job is under way, or a call has been announced."""
        return self._under_way > 0 or self._calls.are_there

    def wait(self) -> None:
        """Wait until no short job is under way, or none is announced; or for long enough."""
        if self._under_way:
            self._none_left.wait(_MOST_S)
        else:
            self._calls.wait_in_thread(_MOST_S)


class _Shown:
    """The courtesy of one job."""

    def __init__(self, courtesy: Courtesy) -> None:
        self._courtesy = courtesy
        self._works_until = courtesy.clock()

    def rest(self) -> None:
        """Rest if a short job is under way, unless the last rest was longer than the work since."""
        if not self._courtesy.is_asked:
            return
        began = self._courtesy.clock()
        if began < self._works_until:
            return
        self._courtesy.wait()
        ended = self._courtesy.clock()
        self._works_until = ended + (ended - began)


def letting_pass(rows: Iterable[T]) -> Iterator[T]:
    """Yield each row; before it, let short jobs pass if the job of this thread is one that shall."""
    shown: _Shown | None = getattr(_local, "shown", None)
    if shown is None:
        yield from rows
        return
    for row in rows:
        shown.rest()
        yield row
