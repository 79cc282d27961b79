"""Answers that several tabs of a session ask for at once: the daemon is asked once, and the answer is written once.

An answer is given again while the feed that the session's tabs listen to has told of nothing since it was asked for,
nothing was changed through the session, and for a second at most: not everything that pages show is in the feed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import field
from typing import TypeAlias

from accio.late import dataclass
from accio.latest import Latest

KEPT = 16
"""Answers that are kept, of all sessions together."""
LIVES_S = 1.0

Ask: TypeAlias = Callable[[], Awaitable[bytes]]


@dataclass(slots=True)
class _Kept:
    """An answer, as of which change and moment it was asked for; who asks holds the lock, and the others wait."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    body: bytes = b""
    of: Hashable = None
    at: float = 0.0


class SharedAnswers:
    """Answers by what was asked, the least recently used forgotten first."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._kept: Latest[Hashable, _Kept] = Latest(KEPT)

    def __repr__(self) -> str:
        return f"SharedAnswers({len(self._kept)} kept)"

    async def of(self, key: Hashable, change: Callable[[], Hashable | None], ask: Ask) -> bytes:
        """Return the answer of *key*; *change* tells what has changed until now, None if nothing would tell."""
        if change() is None:
            return await ask()
        kept = self._kept.use(key) or _Kept()
        self._kept.keep(key, kept)
        async with kept.lock:  # where the one who asks gives up or is refused, the next one asks
            latest, now = change(), self._now()
            if latest is None or latest != kept.of or now - kept.at > LIVES_S:
                kept.of = None
                kept.body = await ask()
                kept.of, kept.at = latest, now
            return kept.body
