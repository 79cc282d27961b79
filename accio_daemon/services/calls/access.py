"""The rpcs about tokens, and about who changed what."""

from accio.errors import BadRequest
from accio.v1 import accio_pb2
from accio.wire.token_kinds import TOKEN_KINDS
from accio_daemon.services.calls.workflows import page_key, page_size
from accio_daemon.services.messages.access import change_message, token_message
from accio_daemon.services.transport.keeping import TokenKeeper
from accio_daemon.services.transport.token_file import read_person
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.rows import access


class AccessCalls:
    """Make, list and revoke tokens; list changes."""

    def __init__(self, *, keeper: TokenKeeper, readers: Readers) -> None:
        """Leave tokens to *keeper*, and read changes from *readers*."""
        self._keeper = keeper
        self._readers = readers

    async def create_token(self, request: accio_pb2.CreateTokenRequest) -> accio_pb2.CreateTokenResponse:
        """Make a token; its text is in the answer alone."""
        kind = TOKEN_KINDS.get(request.kind)
        if kind is None:
            raise BadRequest(f"expected a kind of token ({', '.join(TOKEN_KINDS.values())}), found {request.kind}")
        for what, text in (("name", request.name), *(("group", group) for group in request.groups)):
            if not text.isprintable() or text != text.strip() or "," in text:
                raise BadRequest(f"expected a {what} of printable characters without commas, found {text[:100]!r}")
        secret, token = await self._keeper.create(
            kind=kind,
            owner=read_person(request.owner, "owner: "),
            name=request.name,
            groups=frozenset(request.groups) - {""},
            expires_in_ms=request.expires_in_ms,
            allocation=request.allocation or None,
            pools=frozenset(request.pools),
        )
        return accio_pb2.CreateTokenResponse(token=token_message(token), secret=secret)

    async def list_tokens(self, request: accio_pb2.ListTokensRequest) -> accio_pb2.ListTokensResponse:
        """Return the tokens that the caller may see, the newest first."""
        return accio_pb2.ListTokensResponse(tokens=map(token_message, self._keeper.visible(ended=request.ended)))

    async def revoke_token(self, request: accio_pb2.RevokeTokenRequest) -> accio_pb2.Token:
        """End a token at once, and what was made with it."""
        return token_message(await self._keeper.revoke(request.id))

    async def list_changes(self, request: accio_pb2.ListChangesRequest) -> accio_pb2.ListChangesResponse:
        """Return a page of changes, the newest first."""
        before, limit = page_key(request.cursor), page_size(request.limit)
        found, following = await self._readers.read(lambda snapshot: access.read_changes(snapshot, before, limit))
        return accio_pb2.ListChangesResponse(
            changes=map(change_message, found), next="" if following is None else str(following)
        )
