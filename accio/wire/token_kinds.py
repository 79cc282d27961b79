"""Kinds of token: each has its number. A number of a later version is a KeyError."""

from collections.abc import Mapping

from accio.domain.access import TokenKind
from accio.v1 import accio_pb2

TOKEN_KIND_MESSAGES: Mapping[TokenKind, accio_pb2.TokenKind.ValueType] = {
    kind: accio_pb2.TokenKind.Value(f"TOKEN_KIND_{kind.name}") for kind in TokenKind
}
TOKEN_KINDS: Mapping[int, TokenKind] = {number: kind for kind, number in TOKEN_KIND_MESSAGES.items()}
