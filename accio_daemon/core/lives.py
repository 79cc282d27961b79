"""Who may take an agent's place: the next life of the agent on its folder, at once; a copy of it never, while it lives.

Each life of an agent writes a random token into its folder, and names those of the lives before. The folder is locked
by the life that has it, so whoever comes from the same place (machine, start of the machine, file) and names the
connected life among its predecessors shows that this one is over. A copy of the folder is at another place, or doesn't
know the token. Whoever can't show it has to wait until the connected life is silent.
"""

from accio.late import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One life of an agent: its token, those of earlier ones on its folder, and where the folder is."""

    token: str = ""  # empty of agents that don't know of lives: there the incarnation decides
    predecessors: frozenset[str] = frozenset()
    place: str = ""

    def succeeds(self, other: "Life") -> bool:
        """Return whether this life shows that the *other* one, which is connected, is over, or is the same."""
        if not self.token or not other.token or self.token == other.token:
            return True
        return bool(self.place) and self.place == other.place and other.token in self.predecessors
