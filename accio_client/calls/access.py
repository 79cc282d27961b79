"""Calls about tokens, and about who changed what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accio.v1 import accio_pb2
from accio_client import views
from accio_client.calls import numbers
from accio_client.calls.caller import Caller
from accio_client.from_wire import access as access_views

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accio.domain.access import TokenKind


class AccessCalls(Caller):
    """Make, look at and end tokens."""

    async def create_token(
        self,
        kind: TokenKind | str,
        *,
        owner: str | None = None,
        name: str = "",
        groups: Iterable[str] = (),
        expires_in_ms: int = 0,
        pools: Iterable[str] = (),
    ) -> views.NewToken:
        """Make a token of a kind (user, agent, pool, admin) for "Name <email>"; 0 ms: it never expires.

        A pool's token may serve the named *pools* alone; without names, all.
        """
        from accio.domain.access import TokenKind
        from accio.wire.token_kinds import TOKEN_KIND_MESSAGES

        request = accio_pb2.CreateTokenRequest(
            kind=TOKEN_KIND_MESSAGES[TokenKind(kind)],
            owner=owner or "",
            name=name,
            groups=groups,
            expires_in_ms=numbers.whole("expires_in_ms", expires_in_ms),
            pools=pools,
        )
        answer = await self._connection.call(
            self._accio.CreateToken, request, accio_pb2.CreateTokenResponse, repeatable=False
        )
        return views.NewToken(token=access_views.token(answer.token), secret=answer.secret)

    async def list_tokens(self, *, ended: bool = False) -> tuple[views.TokenView, ...]:
        """Return the tokens that one may see, newest first; with *ended*, those that don't hold any more, too."""
        request = accio_pb2.ListTokensRequest(ended=ended)
        answer = await self._connection.call(self._accio.ListTokens, request, accio_pb2.ListTokensResponse)
        return tuple(access_views.token(each) for each in answer.tokens)

    async def revoke_token(self, token: int) -> views.TokenView:
        """End a token at once, with what goes on under it and the tokens that were made with it."""
        request = accio_pb2.RevokeTokenRequest(id=numbers.whole("token", token))
        return access_views.token(await self._connection.call(self._accio.RevokeToken, request, accio_pb2.Token))

    async def list_changes(self, *, limit: int = 50, cursor: str | None = None) -> views.ChangePage:
        """Return a page of what was changed by whom, newest first."""
        request = accio_pb2.ListChangesRequest(limit=numbers.limit(limit), cursor=cursor or "")
        answer = await self._connection.call(self._accio.ListChanges, request, accio_pb2.ListChangesResponse)
        return views.ChangePage(
            changes=tuple(access_views.change(each) for each in answer.changes), next=answer.next or None
        )
