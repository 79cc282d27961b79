"""The history that a database records: what numbers of attempts mean something in.

Attempts are numbered within one database. After a restore, or beside another database, the same numbers stand for other
work; so a history has a random identity, and only what an agent holds of the same one is believed. What is held by
agents that don't know of histories is believed from the epoch on in which this one began: a history that was renewed
begins with numbers that the one before can't have reached.
"""

from collections.abc import Iterable

from accio.late import dataclass
from accio_daemon.core.numbering import ATTEMPT_BITS
from accio_daemon.core.terms import AttemptNo

RENEWED_AHEAD = 10_000
"""Epochs by which a renewed history is ahead of the last one that its database knows of: more starts than a daemon has
between a backup and its restoration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A history by its identity; *since* is its first epoch."""

    id: str
    since: int = 0

    def is_other(self, told: str) -> bool:
        """Return whether an agent's holdings are of another history, by what it told; empty if it couldn't tell."""
        return bool(told) and told != self.id

    def foreign(self, told: str, held: Iterable[AttemptNo]) -> list[AttemptNo]:
        """Return which attempts, held by an agent that is let in, aren't of this history."""
        return [] if told == self.id else [attempt for attempt in held if attempt >> ATTEMPT_BITS < self.since]
