"""Making, ending and naming tokens: what changes the tokens that the daemon knows, in the database and in memory.

The database comes first: a token is told once it is durable, and one that was revoked stays so after a restart.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import structlog

from accio.domain.access import Caller, TokenKind, is_same
from accio.domain.people import Person
from accio.domain.pools import POOL_NAME_RULE, is_pool_name
from accio.domain.quantities import LAST_MS
from accio.errors import AlreadyExists, BadRequest, FailedPrecondition, NotFound, PermissionDenied
from accio_daemon.core.commands import ChangeGroups
from accio_daemon.engine.ports import Clock, EnginePort
from accio_daemon.services.transport.auth import CALLER, Tokens, digest_of
from accio_daemon.storage.jobs import Transaction
from accio_daemon.storage.rows import access
from accio_daemon.storage.rows.access import Change, StoredToken

log = structlog.get_logger(__name__)

_PREFIX = {TokenKind.USER: "u", TokenKind.AGENT: "a", TokenKind.POOL: "p", TokenKind.ADMIN: "x"}
_SECRET_BYTES = 32
_AFTER_DEADLINE_S = 3600.0
"""So long a token of an allocation holds beyond the time that its host has; mostly it ends with the allocation."""


class TokenKeeper:
    """Keeps tokens, and who changed what."""

    def __init__(
        self, *, engine: EnginePort, tokens: Tokens, clock: Clock, secret: Callable[[int], str] = secrets.token_urlsafe
    ) -> None:
        """Write through the engine; what holds is known to *tokens*."""
        self._engine = engine
        self._tokens = tokens
        self._clock = clock
        self._secret = secret
        self._served: dict[int, Counter[str]] = {}  # by tokens, how many sessions serve pools with them

    def change(self, what: str, subject: str) -> Change:
        """Log what is being changed by the caller, and return it, to be kept in the transaction of the change."""
        caller, now = CALLER.get(), self._clock.now()
        change = Change(at_ms=now.wall_ms, by=str(caller.who), token=caller.token, what=what, subject=subject)
        log.info("changed", what=what, subject=subject, by=change.by, token=caller.token)
        return change

    async def keep(self, what: str, subject: str) -> None:
        """Log and keep what was changed by the caller."""
        change = self.change(what, subject)
        await self._engine.write(lambda transaction: access.record_change(transaction, change), frees=True)

    async def create(
        self,
        *,
        kind: TokenKind,
        owner: Person | None,
        name: str,
        groups: frozenset[str],
        expires_in_ms: int,
        allocation: int | None = None,
        pools: frozenset[str] = frozenset(),
    ) -> tuple[str, StoredToken]:
        """Make a token, and return its text with what is kept of it; with an *allocation*, it is good there alone, with
        *pools*, which are for a pool's, it serves no others.
        """
        caller = CALLER.get()
        self._check(caller, kind, owner, name, groups)
        _check_pools(kind, pools)
        if not caller.is_admin:
            self._require_own(caller, allocation)
        if allocation is not None and (kind is not TokenKind.AGENT or name):
            raise BadRequest("a token for one allocation is that of an agent, whose name it gets as the agent joins")
        now = self._clock.now().wall_ms
        text = f"accio_{_PREFIX[kind]}_{self._secret(_SECRET_BYTES)}"
        token = StoredToken(
            no=0,
            digest=digest_of(text),
            kind=kind,
            owner=owner or caller.who,
            name=name,
            groups=groups,
            made_with=caller.token,
            created_ms=now,
            expires_ms=self._end_of_new(caller, now, expires_in_ms),
            allocation=allocation,
            pools=pools,
        )
        purpose = name if allocation is None else f"allocation {allocation}"
        subject = f"{kind} token of {token.owner}" + (f" ({purpose})" if purpose else "")
        change = self.change("create token", subject)
        stored = replace(token, no=await self._engine.write(partial(_store, token, change)))
        self._tokens.add(stored)
        if groups:
            self.tell_groups()
        return text, stored

    def _end_of_new(self, caller: Caller, now: int, expires_in_ms: int) -> int | None:
        """Return when a token of *caller* ends: not after his own, unless he is an administrator; None for never."""
        expires = now + expires_in_ms if expires_in_ms else None
        if expires is not None and expires > LAST_MS:
            raise BadRequest("expected a token that expires before the year 10000, or, without a duration, never")
        parent = self._tokens.standing(caller.token)
        if not caller.is_admin and parent is not None and parent.stored is not None and parent.stored.expires_ms:
            expires = min(expires or parent.stored.expires_ms, parent.stored.expires_ms)
        return expires

    def tell_groups(self) -> None:
        """Post who is in which groups to the queue, as agents may take nodes of a group's members only."""
        self._engine.post(ChangeGroups(groups=self._tokens.groups()))

    def _check(self, caller: Caller, kind: TokenKind, owner: Person | None, name: str, groups: frozenset[str]) -> None:
        if not caller.is_admin and kind is not TokenKind.AGENT:
            raise PermissionDenied(f"a pool makes tokens of agents only, found one of kind {kind}; you are {caller}")
        if owner is not None and kind in (TokenKind.AGENT, TokenKind.POOL):
            raise BadRequest(f"a token of kind {kind} is nobody's: whoever makes it stands for it; leave out the owner")
        if groups and kind is not TokenKind.USER:
            raise BadRequest(f"groups are of people: a token of kind {kind} has none")
        if owner is None and kind is TokenKind.USER:
            raise BadRequest('whose token is it? Expected an owner, as in -owner="Ada <ada@example.org>"')
        if kind is TokenKind.AGENT and name:
            self._require_free(name, 0)

    @contextmanager
    def serving(self, names: Collection[str]) -> Iterator[None]:
        """Allow the caller tokens of these pools' allocations meanwhile; raise PermissionDenied if one isn't his."""
        token = CALLER.get().token
        standing = self._tokens.standing(token)
        own = frozenset() if standing is None or standing.stored is None else standing.stored.pools
        if own and (others := sorted(set(names) - own)):
            raise PermissionDenied(
                f"this token is good for the pools {', '.join(sorted(own))} alone, found {', '.join(others)}: an "
                "administrator makes one for other pools with `accio token create -kind=pool -pool=NAME`"
            )
        served = self._served.setdefault(token, Counter())
        served.update(names)
        try:
            yield
        finally:
            served.subtract(names)

    def _require_own(self, caller: Caller, allocation: int | None) -> None:
        """Refuse a pool tokens of other pools' allocations, and those that are good for any agent."""
        if allocation is None:
            raise PermissionDenied(
                f"a pool makes tokens of its allocations alone, found one that is good for any agent; you are {caller}"
            )
        pool = next((each.spec.name for each in self._engine.pools().pools if allocation in each.numbers), None)
        if pool is not None and self._served.get(caller.token, Counter())[pool] <= 0:
            raise PermissionDenied(
                f"allocation {allocation} is one of pool {pool}, which nobody serves with this token; you are {caller}"
            )

    def _require_free(self, name: str, no: int, allocation: int | None = None) -> None:
        """Refuse an agent's name that another token has which holds. The next job on a host goes on as the agent of the
        last one, so that tokens of allocations hand names on.
        """
        for other in self._tokens.live():
            handed_on = allocation is not None and other.allocation is not None
            if other.kind is TokenKind.AGENT and other.name == name and other.no != no and not handed_on:
                raise AlreadyExists(
                    f"the name {name} belongs to the agent with token {other.no}: choose another name, or revoke that "
                    f"token (`accio token revoke {other.no}`)"
                )

    async def claim(self, caller: Caller, name: str, allocation: int | None = None) -> None:
        """Bind the token of the caller to this agent's name, or raise PermissionDenied: a name is its first token's.

        Where an allocation has tokens of its own, they alone are good there, and nowhere else.
        """
        standing = self._tokens.standing(caller.token)
        self._check_allocation(None if standing is None else standing.stored, allocation)
        if standing is None or standing.stored is None:  # a token of the file, which is no agent's own
            if not caller.is_admin:
                self._require_not_claimed(name, caller)
            return
        stored = standing.stored
        if stored.name == name:
            return
        if stored.name and stored.allocation is not None:
            raise FailedPrecondition(
                f"allocation {stored.allocation} is that of agent {stored.name}, and {name} was started for it, too: "
                "one of them is enough"
            )
        if stored.name:
            raise PermissionDenied(
                f"this token is that of agent {stored.name}, found an agent called {name}: start it with "
                f"--name {stored.name}, or with a token of its own (`accio token create -kind=agent`)"
            )
        self._require_not_claimed(name, caller, stored.allocation)
        # Noted before anything is awaited: of two that come at once, one is first.
        named = standing.stored = replace(stored, name=name, expires_ms=self._expiry(stored))
        change = self.change("name token", f"{stored.no}: agent {name}") if stored.allocation is None else None

        def bind(transaction: Transaction) -> None:
            access.name_token(transaction, named)
            if change is not None:  # of an allocation, which tells who its agent is
                access.record_change(transaction, change)

        await self._engine.write(bind)

    def _check_allocation(self, stored: StoredToken | None, allocation: int | None) -> None:
        own = None if stored is None else stored.allocation
        if own == allocation:
            return
        if own is not None:
            found = "one of none" if allocation is None else f"one of allocation {allocation}"
            raise PermissionDenied(f"this token is good for the agent of allocation {own} alone, found {found}")
        if allocation is not None and self._tokens.has_own(allocation):
            raise PermissionDenied(
                f"allocation {allocation} has a token of its own, and this agent came with another one: its Accio is "
                'older than tokens of allocations. Bring it up to date, or say "tokens": false in the pool\'s file'
            )

    def _expiry(self, stored: StoredToken) -> int | None:
        """Return when a token ends that is being named: of an allocation, a while after its host does."""
        pools = () if stored.allocation is None else self._engine.pools().pools
        walltime = next((each.spec.walltime for each in pools if stored.allocation in each.numbers), None)
        if walltime is None:
            return stored.expires_ms
        ends = self._clock.now().wall_ms + int(1000 * (walltime + _AFTER_DEADLINE_S))
        return ends if stored.expires_ms is None else min(ends, stored.expires_ms)

    def _require_not_claimed(self, name: str, caller: Caller, allocation: int | None = None) -> None:
        try:
            self._require_free(name, caller.token, allocation)
        except AlreadyExists as error:
            raise PermissionDenied(error.message) from None

    async def revoke(self, no: int) -> StoredToken:
        """End a token at once, and all that were made with it."""
        caller = CALLER.get()
        found = next((each for each in self.visible(ended=True) if each.no == no), None)
        if found is None:
            raise NotFound(f"there is no token {no} that is yours; `accio token get` lists those that you may revoke")
        if found.revoked_ms is None:
            ending = [each for each in self._family(no) if each.revoked_ms is None]
            change = self.change("revoke token", f"{no}: {found.kind} token of {found.owner}")

            def end(transaction: Transaction) -> None:
                access.revoke_tokens(transaction, [each.no for each in ending], str(caller.who), change.at_ms)
                access.record_change(transaction, change)

            await self._engine.write(end, frees=True)
            for each in ending:
                standing = self._tokens.standing(each.no)
                if standing is not None:
                    standing.end(replace(each, revoked_ms=change.at_ms, revoked_by=str(caller.who)))
            if any(each.groups for each in ending):
                self.tell_groups()
        return next(each for each in self._tokens.all() if each.no == no)

    def _family(self, no: int) -> list[StoredToken]:
        """Return a token with all that descend from it, in the order in which they were made."""
        family: dict[int, StoredToken] = {}
        for each in self._tokens.all():
            if each.no == no or each.made_with in family:
                family[each.no] = each
        return list(family.values())

    def visible(self, *, ended: bool) -> list[StoredToken]:
        """Return the tokens that the caller may see and revoke, the newest first."""
        caller = CALLER.get()
        mine = {caller.token} - {0}
        return [
            each
            for each in reversed(self._tokens.live_or_ended(ended=ended))
            if caller.is_admin
            or each.made_with in mine
            or each.no in mine
            or (TokenKind.USER in caller.kinds and each.kind is TokenKind.USER and is_same(each.owner, caller.who))
        ]

    async def note_uses(self) -> None:
        """Keep when tokens were last used; runs until cancelled."""
        written: dict[int, int] = {}
        while True:
            await self._tokens.used.wait()
            self._tokens.used.clear()
            used = self._tokens.used_at()
            new = {no: at for no, at in used.items() if written.get(no) != at}
            await self._engine.write(lambda transaction: access.note_uses(transaction, new))  # noqa: B023  # it is awaited in this turn
            written |= new


def _store(token: StoredToken, change: Change, transaction: Transaction) -> int:
    """Keep a new token, and who made it; return its number."""
    allocation = token.allocation
    if allocation is not None and not access.is_wanted(transaction, allocation):
        raise FailedPrecondition(f"allocation {allocation} is over, was given up, or never was")
    number = access.insert_token(transaction, token)
    if allocation is None:  # else that it was asked for is told by the allocation
        access.record_change(transaction, replace(change, subject=f"{number}: {change.subject}"))
    return number


def _check_pools(kind: TokenKind, pools: frozenset[str]) -> None:
    if pools and kind is not TokenKind.POOL:
        raise BadRequest(f"pools are of a token that serves them: expected none of a token of kind {kind}")
    if wrong := sorted(each for each in pools if not is_pool_name(each)):
        raise BadRequest(f"expected names of pools ({POOL_NAME_RULE}), found {', '.join(map(repr, wrong))}")
