"""The starts of a daemon on its database, as agents tell them back: what shows that a database was set back.

A folder that is set back as a whole (a machine's snapshot, a copy that is written over it) can't tell that it was: all
that it knows is of the earlier time. Agents can. Each start has a random name, which agents are told with a proof that
only this database can make, and tell back when they come again. A proven start that the database doesn't know is one
of the time that it has lost; numbers of attempts were given then that this daemon would give again.
"""

import hmac
from dataclasses import field

from blake3 import blake3

from accio.late import dataclass

KEPT = 1_000
"""Starts that a database remembers: an agent that was away for more is believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """The starts of one history: *names* from the start of number *first* on, the last one being this one."""

    history: str
    key: bytes = field(repr=False)
    first: int
    names: tuple[str, ...]

    def further(self, name: str) -> "Starts":
        """Return the starts with one more, and without the oldest beyond what is kept."""
        names = (*self.names, name)
        gone = max(0, len(names) - KEPT)
        return Starts(history=self.history, key=self.key, first=self.first + gone, names=names[gone:])

    @property
    def told(self) -> str:
        """What agents are told of this start, and tell back."""
        text = f"{self.history}.{self.first + len(self.names) - 1}.{self.names[-1]}"
        return f"{text}.{self._proof(text)}"

    def lacks(self, told: str) -> bool:
        """Return whether what an agent tells back is a start of this history that isn't known here."""
        text, _, proof = told.rpartition(".")
        if not hmac.compare_digest(proof.encode(), self._proof(text).encode()):
            return False  # of another database, or made up
        history, number, name = text.split(".")
        place = int(number) - self.first
        if history != self.history or place < 0:
            return False
        return place >= len(self.names) or self.names[place] != name

    def _proof(self, text: str) -> str:
        return blake3(text.encode(), key=self.key).hexdigest(16)
