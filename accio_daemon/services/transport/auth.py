"""Who calls: the bearer tokens that this daemon knows, whom they identify, and until when they hold.

All tokens are in memory, by digest, those that have ended included: a call costs one look, and whoever comes with one
that has ended is told why. Looking a digest up takes as long as the digest likes, and no longer for a token that is
almost right: whoever measures that learns about digests that nobody can choose.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime

from accio.domain.access import UNKNOWN, Caller, TokenKind, is_same
from accio.domain.caps import owner_key
from accio.domain.people import Person
from accio.errors import Unauthenticated
from accio_daemon.clock import SystemClock
from accio_daemon.services.transport.token_file import callers, read_person
from accio_daemon.storage.rows.access import StoredToken

_SCHEME = "bearer "
USED_EVERY_MS = 600_000
"""How coarse it is when a token was last used."""
REMEMBERED = 1000
"""Of how many allocations that are over those who come with their tokens are told so."""


def wall_ms() -> int:
    """Return the time by which tokens end, in epoch milliseconds."""
    return SystemClock().now().wall_ms


class Standing:
    """A token as it stands: whom it identifies, whether it still holds, and what goes on under it."""

    def __init__(self, caller: Caller, stored: StoredToken | None = None, now_ms: Callable[[], int] = wall_ms) -> None:
        """Stand for a token of the file, or for one that is stored."""
        self.caller = caller
        self.stored = stored
        self._now_ms = now_ms
        self._limits: set[asyncio.Timeout] = set()

    def __repr__(self) -> str:
        return f"Standing({self.caller})"

    @property
    def why_ended(self) -> str:
        """Why the token doesn't hold any more; empty while it does."""
        stored = self.stored
        if stored is None:
            return ""
        if stored.revoked_ms is not None and stored.allocation is not None and not stored.revoked_by:
            return f"this token was allocation {stored.allocation}'s, which was over at {_date(stored.revoked_ms)}"
        if stored.revoked_ms is not None:
            return f"this token was revoked by {stored.revoked_by} at {_date(stored.revoked_ms)}"
        if stored.expires_ms is not None and stored.expires_ms <= self._now_ms():
            return f"this token expired at {_date(stored.expires_ms)}"
        return ""

    @property
    def what_now(self) -> str:
        """What its holder may do about that; nothing where hosts come and go with the work."""
        if self.stored is not None and self.stored.allocation is not None:
            return ""
        return ": ask an administrator for another (`accio token create`), for ACCIO_TOKEN"

    def end(self, stored: StoredToken) -> None:
        """Note that the token was revoked: whatever goes on under it ends at once."""
        self.stored = stored
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(0)

    @contextmanager
    def limiting(self, limit: asyncio.Timeout) -> Iterator[None]:
        """Make a time-out, which has begun, be over when the token ends."""
        stored = self.stored
        if stored is not None and stored.expires_ms is not None:
            left_s = max(0, stored.expires_ms - self._now_ms()) / 1000
            limit.reschedule(asyncio.get_running_loop().time() + left_s)
        self._limits.add(limit)
        try:
            yield
        finally:
            self._limits.discard(limit)

    async def ended(self) -> str:
        """Wait until the token ends, and return why."""
        while not (why := self.why_ended):
            try:
                async with asyncio.timeout(None) as limit:
                    with self.limiting(limit):
                        await asyncio.get_running_loop().create_future()
            except TimeoutError:
                continue
        return why


class Tokens:
    """The tokens that this daemon takes, by their digests, and what is known of people through them."""

    def __init__(
        self,
        entries: Iterable[tuple[str, Person | None]],
        stored: Iterable[StoredToken] = (),
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        """Accept the tokens of a file, each with whom it identifies, and those that are stored."""
        self._now_ms = now_ms
        self._by_digest = {digest_of(token): Standing(caller) for token, caller in callers(entries)}
        self._stored: dict[int, Standing] = {}
        self._of_allocation: dict[int, list[int]] = {}  # the numbers of tokens that are good in one that isn't over
        self._over: deque[tuple[int, int]] = deque()  # allocations that were over last, and when
        self.used = asyncio.Event()
        """Set whenever some token is used that wasn't for a while."""
        for token in stored:
            self.add(token)

    def add(self, token: StoredToken) -> None:
        """Accept a token from now on."""
        person = token.owner if token.kind in (TokenKind.USER, TokenKind.ADMIN) else None
        named = person or Person(name=f"{token.kind} token {token.no}" + (f" ({token.name})" if token.name else ""))
        caller = Caller(kinds=frozenset({token.kind}), person=named, token=token.no, groups=token.groups)
        self._by_digest[token.digest] = self._stored[token.no] = Standing(caller, token, self._now_ms)
        if token.allocation is not None:
            self._of_allocation.setdefault(token.allocation, []).append(token.no)
            for over, at_ms in self._over:
                if over == token.allocation:  # it was over while the token was made
                    self._end_tokens_of(over, at_ms)

    def has_own(self, allocation: int) -> bool:
        """Return whether an allocation has a token of its own."""
        return allocation in self._of_allocation

    def allocation_over(self, allocation: int, at_ms: int) -> None:
        """End the tokens of an allocation, which is over. Those of the last ones are remembered, to say so."""
        self._end_tokens_of(allocation, at_ms)
        self._over.append((allocation, at_ms))
        if len(self._over) > REMEMBERED:
            forgotten, _ = self._over.popleft()
            for no in self._of_allocation.pop(forgotten, ()):
                standing = self._stored.pop(no)
                if standing.stored is not None:
                    del self._by_digest[standing.stored.digest]

    def _end_tokens_of(self, allocation: int, at_ms: int) -> None:
        for no in self._of_allocation.get(allocation, ()):
            standing = self._stored[no]
            if standing.stored is not None and standing.stored.revoked_ms is None:
                standing.end(replace(standing.stored, revoked_ms=at_ms))

    def identify(self, authorization: str | bytes | None) -> Standing:
        """Return the token that an `authorization` header holds, or raise Unauthenticated."""
        header = authorization.decode("ascii", "replace") if isinstance(authorization, bytes) else authorization
        if not header:
            raise Unauthenticated(
                "expected a bearer token, found none: set ACCIO_TOKEN, or ACCIO_DATA_DIR to the daemon's data folder"
            )
        given = header[len(_SCHEME) :].strip() if header.lower().startswith(_SCHEME) else ""
        found = self._by_digest.get(digest_of(given))
        if found is None:
            raise Unauthenticated(
                "the daemon doesn't know this token: set ACCIO_TOKEN to one of its token file, or to one that an "
                "administrator made with `accio token create`"
            )
        if why := found.why_ended:
            raise Unauthenticated(f"{why}{found.what_now}")
        self._note_use(found)
        return found

    def _note_use(self, standing: Standing) -> None:
        stored, now = standing.stored, self._now_ms()
        if stored is not None and now - (stored.used_ms or 0) >= USED_EVERY_MS:
            standing.stored = replace(stored, used_ms=now)
            self.used.set()

    def all(self) -> list[StoredToken]:
        """Return all stored tokens, the oldest first."""
        return [each.stored for each in self._stored.values() if each.stored is not None]

    def standing(self, no: int) -> Standing | None:
        """Return a stored token by its number."""
        return self._stored.get(no)

    def live_or_ended(self, *, ended: bool) -> list[StoredToken]:
        """Return the stored tokens that hold, or (*ended*) all of them; the oldest first."""
        return self.all() if ended else list(self.live())

    def used_at(self) -> dict[int, int]:
        """Return when tokens were last used, by their numbers; without those that never were."""
        return {each.no: each.used_ms for each in self.all() if each.used_ms}

    def live(self) -> Iterator[StoredToken]:
        """Yield the stored tokens that hold."""
        return (each.stored for each in self._stored.values() if each.stored is not None and not each.why_ended)

    def groups_of(self, person: Person) -> frozenset[str]:
        """Return the groups that somebody is in, by tokens that weren't revoked."""
        found = (each.groups for each in self.all() if each.revoked_ms is None and is_same(each.owner, person))
        return frozenset().union(*found)

    def groups(self) -> Mapping[str, frozenset[str]]:
        """Return the groups that people are in, by what tells owners apart."""
        found: dict[str, frozenset[str]] = {}
        for each in self.all():
            if each.revoked_ms is None and each.groups:
                key = owner_key(each.owner)
                found[key] = found.get(key, frozenset()) | each.groups
        return found

    def seen_by(self, caller: Caller) -> tuple[Person, ...] | None:
        """Return whose runs a caller sees where others' are hidden; None for everybody's."""
        if caller.is_admin:
            return None
        shared = (token.owner for token in self.live() if token.groups & caller.groups)
        return tuple(dict.fromkeys((caller.who, *shared)))


def digest_of(token: str) -> bytes:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).digest()


def _date(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


CALLER: ContextVar[Caller] = ContextVar("CALLER", default=UNKNOWN)
"""Who makes the current call."""

STANDING: ContextVar[Standing] = ContextVar("STANDING")
"""The token of the current call."""


def caller(claimed: str) -> Person:
    """Return the caller: whom the token identifies, else who the request says it is, else somebody without a name."""
    known = CALLER.get()
    return known.person or read_person(claimed) or known.who
