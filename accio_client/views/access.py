"""Tokens, and who changed what."""

from datetime import datetime

from accio.late import dataclass
from accio_client.views.runs import PersonView


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """A token, as everybody may know it; an agent's has its agent's name, or none until one has joined with it."""

    id: int
    kind: str
    owner: PersonView
    name: str
    groups: tuple[str, ...]
    created_at: datetime | None
    expires_at: datetime | None
    last_used_at: datetime | None  # to about ten minutes
    revoked_at: datetime | None
    made_with: int  # the token with which it was made; 0 for one of the token file
    allocation: int | None = None  # the number of the one in which alone it is good
    pools: tuple[str, ...] = ()  # that alone a pool's token may serve; none: all


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token that was made just now. `secret` is its text, which nobody can read again."""

    token: TokenView
    secret: str

    def __repr__(self) -> str:
        """Return what it is, without its secret: representations end up in logs."""
        return f"NewToken(token={self.token!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeView:
    """Something that somebody changed, with a token (0 for one of the token file)."""

    at: datetime | None
    by: str
    token: int
    what: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePage:
    changes: tuple[ChangeView, ...]
    next: str | None
