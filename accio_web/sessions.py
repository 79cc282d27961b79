"""Who is logged in: one-time codes, sessions, and how often anybody may try.

A session holds the user's own token, in memory only: the daemon decides what its user may do. Time is an argument.
"""

import hashlib
import secrets
from collections import deque
from dataclasses import replace

from accio.late import dataclass
from accio.web_links import CODE_LIVES_S

IDLE_S = 12 * 3600.0
MOST_TRIES = 5
TRIES_WITHIN_S = 60.0
AGAIN_WITHIN_S = 60.0
"""Seconds for which a page that has redeemed a code may do so again: the answer, with its cookie, may have got lost."""


@dataclass(slots=True, kw_only=True)
class Session:
    """A logged-in browser; *csrf* is what its changing calls must carry, *who* is for the log, *changes* counts what
    was changed through it, and *is_over* tells what goes on that somebody has logged out.
    """

    token: str | None
    who: str
    csrf: str
    used_at: float
    changes: int = 0
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Redeemed:
    """A code that opened the session of *cookie*, for a page that came with a *key* of its own making."""

    key: bytes
    cookie: bytes
    until: float


class Sessions:
    """All sessions and codes of this process. Nothing of them outlives it."""

    def __init__(self) -> None:
        self._codes: dict[bytes, tuple[str | None, str, float]] = {}
        self._redeemed: dict[bytes, _Redeemed] = {}
        self._sessions: dict[bytes, Session] = {}
        self._tries: deque[float] = deque()

    def __repr__(self) -> str:
        return f"Sessions(codes={len(self._codes)}, sessions={len(self._sessions)})"

    def offer(self, token: str | None, who: str, now: float, code: str = "") -> str:
        """Return a code that opens one session with *token*, once."""
        code = code or secrets.token_urlsafe(24)
        self._codes[_digest(code)] = (token, who, now + CODE_LIVES_S)
        return code

    def may_try(self, now: float) -> bool:
        """Return whether another log-in may be tried, and count it."""
        while self._tries and self._tries[0] <= now - TRIES_WITHIN_S:
            self._tries.popleft()
        if len(self._tries) >= MOST_TRIES:
            return False
        self._tries.append(now)
        return True

    def redeem(self, code: str, now: float, key: str = "") -> str | None:
        """Open the session that a code stands for and return its cookie; None where the code is none, or is over.

        With the *key* that it was redeemed with, a code may be redeemed again for a while: that ends the session which
        it opened before.
        """
        token, who, until = self._codes.pop(_digest(code), (None, "", 0.0))
        return self.open_by(code, key, token, who, now) if now < until else self._redeem_again(code, key, now)

    def open_by(self, code: str, key: str, token: str | None, who: str, now: float) -> str:
        """Open the session of a code that is redeemed by whoever has this *key*, and return its cookie."""
        cookie = self.open(token, who, now)
        if key:
            self._redeemed[_digest(code)] = _Redeemed(
                key=_digest(key), cookie=_digest(cookie), until=now + AGAIN_WITHIN_S
            )
        return cookie

    def _redeem_again(self, code: str, key: str, now: float) -> str | None:
        found = self._redeemed.get(_digest(code))
        if found is None or now >= found.until or found.key != _digest(key):
            return None
        session = self._sessions.pop(found.cookie, None)
        if session is None:  # it was logged out
            return None
        session.is_over = True
        cookie = self.open(session.token, session.who, now)
        self._redeemed[_digest(code)] = replace(found, cookie=_digest(cookie))
        return cookie

    def open(self, token: str | None, who: str, now: float) -> str:
        """Open a session and return its cookie."""
        cookie = secrets.token_urlsafe(32)
        self._forget(now)
        self._sessions[_digest(cookie)] = Session(token=token, who=who, csrf=secrets.token_urlsafe(32), used_at=now)
        return cookie

    def find(self, cookie: str, now: float) -> Session | None:
        """Return the session of a cookie, which goes on to live; None where it is unknown or was idle too long."""
        found = self._sessions.get(_digest(cookie))
        if found is None or now - found.used_at > IDLE_S:
            return None
        found.used_at = now
        return found

    def close(self, cookie: str) -> None:
        """End a session, and with it what is streamed to it."""
        found = self._sessions.pop(_digest(cookie), None)
        if found is not None:
            found.is_over = True

    def _forget(self, now: float) -> None:
        for digest in [each for each, session in self._sessions.items() if now - session.used_at > IDLE_S]:
            del self._sessions[digest]
        for digest in [each for each, (_, _, until) in self._codes.items() if until <= now]:
            del self._codes[digest]
        for digest in [each for each, redeemed in self._redeemed.items() if redeemed.until <= now]:
            del self._redeemed[digest]


def _digest(secret: str) -> bytes:
    """Return the key under which a secret is kept: looking it up takes as long whatever was guessed."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()
