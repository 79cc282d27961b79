"""Readings of the same thing take turns: who comes while one goes on waits for the next, which serves all who came."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import field
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakValueDictionary

from accio.late import dataclass

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")


def _lock() -> asyncio.Lock:
    import asyncio  # where turns are taken there is an event loop; to keep none for them, it needn't be loaded

    return asyncio.Lock()


@dataclass(eq=False, slots=True, weakref_slot=True)
class _Turn:
    """Who reads holds the lock; *began* is the moment at which the last reading that ended had begun."""

    lock: asyncio.Lock = field(default_factory=_lock)
    began: int = 0


class Turns:
    """Turns by what is read. Use it inside one event loop."""

    def __init__(self) -> None:
        self._turns: WeakValueDictionary[Hashable, _Turn] = WeakValueDictionary()
        self._moments = itertools.count(1)

    def __repr__(self) -> str:
        return f"Turns({len(self._turns)} things are read)"

    async def of(self, key: Hashable, known: Callable[[], T | None], read: Callable[[], Awaitable[T]]) -> T:
        """Return what *read* returns; if a reading that began after this call has ended meanwhile, what is *known*."""
        came = next(self._moments)
        turn = self._turns.get(key)
        if turn is None:
            turn = self._turns[key] = _Turn()
        async with turn.lock:
            found = known() if turn.began > came else None
            if found is None:
                began = next(self._moments)
                found = await read()
                turn.began = began
            return found
