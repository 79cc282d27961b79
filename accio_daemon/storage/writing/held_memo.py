"""Look-ups in the memo by one state of the database that is held over several commits.

SQLite drops all pages that a connection has at hand once another one has committed. The event loop looks keys up
between any two commits of the writer, and would read about a page again for each key and level of the index. So, while
commits add many results, one state is held, whose pages stay at hand, and the keys of what was committed since are kept
beside it: a look-up for one of those sees what is committed by now, as one does that holds nothing. There are nearly
none, as the core remembers its latest results itself.

Whatever may take results away, or change what hits take, ends the state before it is committed. So does each commit
after which the log may be written over, as a state that is held keeps it from that: until such a commit has been made
nothing is held, and in all others no checkpoint is tried. See docs/adr/0056-look-ups-hold-a-state.md.
"""

import sqlite3
from collections.abc import Sequence

from accio_daemon.core.terms import Result
from accio_daemon.storage import levels
from accio_daemon.storage.writing.rendering import Batch

HELD_COMMITS = 32
"""Commits over which a state is held: few enough that the log grows by a fraction of its usual size meanwhile."""
HELD_ROWS = 16_000
"""What these commits may weigh together."""
WORTH_HOLDING = 16
"""Results that the last commit added at least: on an idle system holding would cost more than it saves."""


class HeldMemo:
    """State: whether a state is held, over how much and which keys so far, and whether one may be held now."""

    def __init__(
        self, connection: sqlite3.Connection, *, commits: int = HELD_COMMITS, worth_holding: int = WORTH_HOLDING
    ) -> None:
        """Read on *connection*, which nobody else uses."""
        self.connection = connection
        self._most_commits = commits
        self._worth_holding = worth_holding
        self._is_held = False
        self._may_hold = False  # a commit that added many results has been made, and none is on its way
        self._is_used = False  # a key was looked up since the last `rest`
        self._commits = self._weight = 0  # since the last commit that might make a checkpoint
        self._since: set[bytes | None] = set()  # keys of what was committed since

    def find(self, keys: Sequence[bytes]) -> dict[bytes, Result]:
        """Find the results that hits of these keys take, of all that is committed: the newest of each key."""
        self._is_used = True
        if self._is_held and not self._since.isdisjoint(keys):
            self.let_go()
        if self._may_hold and not self._is_held:
            self._is_held = True
            self.begin_state()
        return levels.find(self.connection, keys)

    def before_commit(self, rows: Batch, *, only_rows: bool) -> bool:
        """Prepare for a commit that writes *only rows*, or may do anything to results.

        Return whether a state is held through it: then it mustn't try to make a checkpoint.
        """
        self._may_hold = False
        if self._is_held:
            self._commits += 1
            self._weight += rows.weight
            only_adds = only_rows and not rows.is_rare
            if not only_adds or self._commits > self._most_commits or self._weight > HELD_ROWS:
                self.let_go()
        if not self._is_held:
            self._commits = self._weight = 0
        return self._is_held

    def after_commit(self, rows: Batch, *, at_once: bool = False) -> None:
        """Note what has been committed; after a transaction *at once*, which makes no checkpoint, the next one must."""
        self._may_hold = not at_once and len(rows.results) >= self._worth_holding
        if self._is_held:
            self._since.update([row.key for row in rows.results])

    def rest(self) -> None:
        """End a state by which nothing was looked up since the last call."""
        if not self._is_used:
            self.let_go()
        self._is_used = False

    def let_go(self) -> None:
        """Hold no state: the next look-up sees what is committed by then."""
        if self._is_held:
            self._is_held = False
            self._since.clear()
            self.end_state()

    def begin_state(self) -> None:
        """Have the connection see one state of the database from its next look-up on."""
        self.connection.execute("BEGIN")

    def end_state(self) -> None:
        """Have the connection see what is committed again."""
        self.connection.execute("COMMIT")

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()
