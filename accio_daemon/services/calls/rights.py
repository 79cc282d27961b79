"""What a caller may see and change: runs and workflows of other owners."""

from accio.domain.access import Viewer, why_not_change
from accio.domain.people import Person
from accio.errors import PermissionDenied
from accio_daemon.services.transport.auth import CALLER, Tokens


class Rights:
    """The rights of the caller to what has an owner."""

    def __init__(self, tokens: Tokens, *, hides: bool = False) -> None:
        """Know people by *tokens*; where others' runs are hidden, administrators alone see those."""
        self._tokens = tokens
        self._hides = hides

    def viewer(self) -> Viewer:
        """Return the caller as a viewer. Ask on the event loop: a query's thread doesn't know the caller."""
        known = CALLER.get()
        return Viewer(me=known.who, seen=self._tokens.seen_by(known) if self._hides else None)

    def require_owner(self, owner: Person, deed: str, subject: str) -> None:
        """Raise PermissionDenied unless the caller may change what *owner* has."""
        known = CALLER.get()
        if why := why_not_change(known, owner, self._tokens.groups_of(owner), deed, subject):
            raise PermissionDenied(why)
