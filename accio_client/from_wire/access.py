"""Tokens and changes as views."""

from __future__ import annotations

from accio.v1 import accio_pb2
from accio_client import views
from accio_client.from_wire.values import person
from accio_client.moments import moment


def token(message: accio_pb2.Token) -> views.TokenView:
    from accio.wire.token_kinds import TOKEN_KINDS

    return views.TokenView(
        id=message.id,
        kind=TOKEN_KINDS[message.kind].value,
        owner=person(message.owner),
        name=message.name,
        groups=tuple(message.groups),
        created_at=moment(message.created_at_ms),
        expires_at=moment(message.expires_at_ms),
        last_used_at=moment(message.last_used_at_ms),
        revoked_at=moment(message.revoked_at_ms),
        made_with=message.made_with,
        allocation=message.allocation or None,
        pools=tuple(message.pools),
    )


def change(message: accio_pb2.Change) -> views.ChangeView:
    return views.ChangeView(
        at=moment(message.at_ms), by=message.by, token=message.token, what=message.what, subject=message.subject
    )
