"""Tokens as they are kept (by digest, never as text), and who changed what."""

import json
import sqlite3
from collections.abc import Iterable, Mapping

import orjson

from accio.domain.access import TokenKind
from accio.domain.people import Person
from accio.late import dataclass
from accio_daemon.storage.jobs import Transaction
from accio_daemon.storage.sql import load

_SQL = load("access")
_FAR = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredToken:
    """A token. `digest` is what tells its text; times are epoch milliseconds.

    One with an *allocation* is good there alone, and was revoked by nobody when that was over. One with *pools*, as a
    pool has, may serve no others.
    """

    no: int
    digest: bytes
    kind: TokenKind
    owner: Person
    name: str
    groups: frozenset[str]
    made_with: int
    created_ms: int
    expires_ms: int | None
    used_ms: int | None = None
    revoked_ms: int | None = None
    revoked_by: str = ""
    allocation: int | None = None
    pools: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that somebody changed."""

    at_ms: int
    by: str
    token: int
    what: str
    subject: str
    no: int = 0


def read_tokens(connection: sqlite3.Connection) -> list[StoredToken]:
    """Read all tokens, the oldest first: those that have ended included, but for those of allocations that are over."""
    return [
        StoredToken(
            no=no,
            digest=digest,
            kind=TokenKind(kind),
            owner=Person(name=owner_name, email=owner_email),
            name=name,
            groups=frozenset(json.loads(groups)),
            made_with=made_with,
            created_ms=created,
            expires_ms=expires,
            used_ms=used,
            revoked_ms=revoked,
            revoked_by=revoked_by,
            allocation=allocation,
            pools=frozenset(json.loads(pools)),
        )
        for (no, digest, kind, owner_name, owner_email, name, groups, made_with, created, expires, used, revoked,
             revoked_by, allocation, pools) in connection.execute(_SQL["tokens"])
    ]  # fmt: skip


def insert_token(transaction: Transaction, token: StoredToken) -> int:
    """Store a new token, and return its number; that of *token* doesn't matter."""
    values = {
        "digest": token.digest,
        "kind": token.kind.value,
        "owner_name": token.owner.name,
        "owner_email": token.owner.email,
        "name": token.name,
        "groups": orjson.dumps(sorted(token.groups)).decode(),
        "made_with": token.made_with,
        "created_at": token.created_ms,
        "expires_at": token.expires_ms,
        "allocation": token.allocation,
        "pools": orjson.dumps(sorted(token.pools)).decode(),
    }
    number: int = transaction.execute(_SQL["insert_token"], values).fetchone()[0]
    return number


def is_wanted(transaction: Transaction, allocation: int) -> bool:
    """Return whether an allocation is there, and wasn't given up."""
    return bool(transaction.execute(_SQL["is_wanted"], {"allocation": allocation}).fetchone()[0])


def revoke_tokens(transaction: Transaction, nos: Iterable[int], by: str, at_ms: int) -> None:
    """Note that tokens were revoked."""
    transaction.execute(_SQL["revoke"], {"nos": orjson.dumps(list(nos)).decode(), "by": by, "at": at_ms})


Revocation = tuple[str, int, str]
"""Digest of a token, in hexadecimal digits; when it was revoked, and by whom."""


def read_revocations(connection: sqlite3.Connection) -> list[Revocation]:
    """Read what was revoked; nothing from a database that is older than tokens are."""
    if not _has_tokens(connection):
        return []
    return [(digest, at, by) for digest, at, by in connection.execute(_SQL["revoked"])]


def revoke_again(connection: sqlite3.Connection, revocations: Iterable[Revocation]) -> tuple[int, int]:
    """Revoke what was revoked elsewhere; return how many tokens that were, and how many still hold."""
    if not _has_tokens(connection):
        return 0, 0
    text = orjson.dumps(list(revocations)).decode()
    revoked = connection.execute(_SQL["revoke_again"], {"revoked": text}).rowcount
    return revoked, connection.execute(_SQL["holding"]).fetchone()[0]


def _has_tokens(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute(_SQL["is_kept"]).fetchone()[0])


def name_token(transaction: Transaction, token: StoredToken) -> None:
    """Bind a token to the agent whose name it has now, until it expires."""
    values = {"no": token.no, "name": token.name, "expires_at": token.expires_ms}
    transaction.execute(_SQL["name_token"], values)


def note_uses(transaction: Transaction, used: Mapping[int, int]) -> None:
    """Note when tokens were last used, by their numbers."""
    transaction.executemany(_SQL["used"], [{"no": no, "at": at} for no, at in used.items()])


def record_change(transaction: Transaction, change: Change) -> None:
    """Keep what somebody changed."""
    transaction.execute(
        _SQL["insert_change"],
        {
            "at": change.at_ms,
            "who": change.by,
            "token": change.token,
            "what": change.what,
            "subject": change.subject,
        },
    )


def read_changes(connection: sqlite3.Connection, before: int | None, limit: int) -> tuple[list[Change], int | None]:
    """Read a page of changes, the newest first, and the key of the next page."""
    rows = connection.execute(_SQL["changes"], {"before": _FAR if before is None else before, "limit": limit + 1})
    found = [
        Change(no=no, at_ms=at, by=who, token=token, what=what, subject=subject)
        for no, at, who, token, what, subject in rows
    ]
    return found[:limit], found[limit - 1].no if len(found) > limit else None
