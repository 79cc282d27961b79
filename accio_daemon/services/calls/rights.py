"""Whose things callers see, and which of them they may change."""

from accio.domain.access import Viewer, why_not_change
from accio.domain.people import Person
from accio.errors import PermissionDenied
from accio_daemon.services.transport.auth import CALLER, Tokens


class Rights:
    """What who calls may do to what somebody owns."""

    def __init__(self, tokens: Tokens, *, hides: bool = False) -> None:
        """Know people by *tokens*; where others' runs are hidden, administrators alone see those."""
        self._tokens = tokens
        self._hides = hides

    def viewer(self) -> Viewer:
        """Return who looks. Ask on the event loop: a query's thread doesn't know who calls."""
        known = CALLER.get()
        return Viewer(me=known.who, seen=self._tokens.seen_by(known) if self._hides else None)

    def require_owner(self, owner: Person, deed: str, subject: str) -> None:
        """Raise PermissionDenied unless who calls may change what *owner* has."""
        known = CALLER.get()
        if why := why_not_change(known, owner, self._tokens.groups_of(owner), deed, subject):
            raise PermissionDenied(why)
