"""Tokens and changes as messages."""

from accio.v1 import accio_pb2, values_pb2
from accio.wire.token_kinds import TOKEN_KIND_MESSAGES
from accio_daemon.storage.rows.access import Change, StoredToken


def token_message(token: StoredToken) -> accio_pb2.Token:
    """Write a token, without what tells its text."""
    return accio_pb2.Token(
        id=token.no,
        kind=TOKEN_KIND_MESSAGES[token.kind],
        owner=values_pb2.Person(name=token.owner.name, email=token.owner.email),
        name=token.name,
        groups=sorted(token.groups),
        created_at_ms=token.created_ms,
        expires_at_ms=token.expires_ms or 0,
        last_used_at_ms=token.used_ms or 0,
        revoked_at_ms=token.revoked_ms or 0,
        made_with=token.made_with,
        allocation=token.allocation or 0,
        pools=sorted(token.pools),
    )


def change_message(change: Change) -> accio_pb2.Change:
    """Write a change."""
    return accio_pb2.Change(
        at_ms=change.at_ms, by=change.by, token=change.token, what=change.what, subject=change.subject
    )
