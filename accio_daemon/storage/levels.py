"""The memo's index: which results have a key, found by the key's first 8 bytes, in levels of rising size.

Keys are as good as random. In one index of millions each new key changes a page of its own, which goes into the log
whole. So new keys go to a small table in the order in which they come; many at once go on to the first level, which has
few pages. What is above a level's bound moves on in pieces: neighbours in the order of keys, which share pages in the
next level, too. A transaction moves about as many keys as are new, so that none takes long; a piece begins where the
last one ended, and goes round.

All of it is part of the transaction that adds the results: levels, sizes and places of pieces are never apart. Whoever
looks asks all levels in one statement, which sees one state of them: no key is overlooked that moves meanwhile.

An entry is a hint: the result's own row says whether hits may take it (`kept`) and what its whole key is. Results of
databases from before there were levels are found in the index `results_by_key`, to which nothing is added any more.
See docs/adr/0014-memo-in-levels.md.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import pairwise
from struct import Struct

import orjson

from accio_daemon.core.effects import ResultRow
from accio_daemon.core.terms import Result
from accio_daemon.storage.file.database import GROUP_SIZES, upsert_many
from accio_daemon.storage.results import result_of
from accio_daemon.storage.sql import load

Entry = tuple[int, int]  # the first 8 bytes of a key, and a result

BOUNDS = (4_096, 131_072, 4_194_304)
"""How many keys each level holds at most, but for the last one: 32 times as many as the one before, so that a piece has
several keys for each page that it changes.
"""
BOUND_OF_NEW = 256
"""How many new keys there may be. A look-up goes through them one after the other; the more of them go on at once, the
fewer pages of the first level change for each.
"""
_PIECE = 64  # keys that are moved at least
_LOWEST, _HIGHEST = -(1 << 63), (1 << 63) - 1
_NEW = "memo_new"
_LEVELS = tuple(f"memo_{number}" for number in range(len(BOUNDS) + 1))
_SQL = load("levels")


def _on(level: str, next_level: str = "") -> dict[str, str]:
    return {
        name: statement.replace("LEVEL", level).replace("NEXT", next_level)
        for name, statement in _SQL.items()
        if "LEVEL" in statement
    }


_OF = {level: _on(level) for level in (_NEW, *_LEVELS)}
_MOVING = [_on(level, below) for level, below in pairwise(_LEVELS)]
# All levels and the older index in one statement, for each number of keys that it may have.
_FIND = " UNION ALL ".join((_SQL["find_new"], *(_OF[level]["find"] for level in _LEVELS), _SQL["find_older"]))
READ_IN_ORDER = {
    _NEW: _SQL["new_behind"],
    **{level: _OF[level]["behind"] for level in _LEVELS},
    "results_by_key": _SQL["older_behind"],
}
"""What reads the index's keys: by table, in the direction in which keys move, and the older index last."""
_FINDING = {
    size: _FIND.replace("KEYS", ",".join(f"(?{number})" for number in range(1, size + 1))) for size in GROUP_SIZES
}

FIRST = Struct(">q").unpack_from


def key64(key: bytes) -> int:
    """Return what the index has of a key: the first 8 bytes as a signed number."""
    number: int = FIRST(key)[0]
    return number


def entries_of(results: Iterable[ResultRow]) -> list[Entry]:
    """Return what the index has of results: of those that have a key."""
    return [(FIRST(row.key)[0], row.id) for row in results if row.key is not None]  # as `key64`


class State:
    """How many keys are new, and in each level but the last one; how many may be; where its next piece begins."""

    __slots__ = ("after", "bound_of_new", "bounds", "new", "sizes")

    def __init__(self, bounds: Sequence[int] = BOUNDS, bound_of_new: int = BOUND_OF_NEW) -> None:
        """Describe empty levels."""
        self.new, self.bound_of_new = 0, bound_of_new
        self.bounds = list(bounds)
        self.sizes = [0] * len(bounds)
        self.after = [_LOWEST] * len(bounds)

    @classmethod
    def of(cls, connection: sqlite3.Connection) -> "State":
        """Read the state."""
        state = cls()
        row = connection.execute(_SQL["state"]).fetchone()
        if row is not None:
            state.bounds, state.sizes, state.after, *new = orjson.loads(row[0])
            if new:  # which versions before memo_new don't tell
                state.new, state.bound_of_new = new
        return state

    def store(self, connection: sqlite3.Connection) -> None:
        """Write the state, in the transaction that made it."""
        text = orjson.dumps([self.bounds, self.sizes, self.after, self.new, self.bound_of_new]).decode()
        connection.execute(_SQL["set_state"], (text,))


def add(connection: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    """Add keys, and move what is above the bounds, inside the caller's transaction."""
    rows = list(entries)
    if not rows:
        return
    state = State.of(connection)
    upsert_many(connection, _OF[_NEW]["add"], "", "(?,?)", rows)
    state.new += len(rows)
    if state.new > state.bound_of_new:
        _settle(connection, state)
    state.store(connection)


def _settle(connection: sqlite3.Connection, state: State) -> None:
    """Put the new keys into the first level, and move on what is above the bounds."""
    connection.execute(_SQL["settle_new"])
    connection.execute(_SQL["clear_new"])
    state.sizes[0], state.new = state.sizes[0] + state.new, 0
    for level, bound in enumerate(state.bounds):
        for _ in ("up to the end of the order at most", "and from its beginning"):
            excess = state.sizes[level] - bound
            if excess >= min(_PIECE, bound):
                _move(connection, state, level, excess)


def _move(connection: sqlite3.Connection, state: State, level: int, count: int) -> None:
    """Move about *count* neighbouring keys into the next level; less where the order of keys ends."""
    statements = _MOVING[level]
    place = {"after": state.after[level]}
    row = connection.execute(statements["end_of_piece"], {**place, "count": count}).fetchone()
    last = _HIGHEST if row is None else row[0]
    # The statement takes all results of the last key: those of one key stay together, the newest above.
    connection.execute(statements["move"], {**place, "last": last})
    moved = connection.execute(statements["clear"], {**place, "last": last}).rowcount
    state.sizes[level] -= moved
    if level + 1 < len(state.sizes):
        state.sizes[level + 1] += moved
    state.after[level] = _LOWEST if last == _HIGHEST else last


def find(connection: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, Result]:
    """Find the results that hits of these keys take: the newest of each key. The whole key decides."""
    found: dict[bytes, Result] = {}
    newest = dict.fromkeys(keys, 0)
    marks = [FIRST(key)[0] for key in newest]  # as `key64`: here it is asked for each node
    for start in range(0, len(marks), GROUP_SIZES[0]):
        group: list[int | None] = [*marks[start : start + GROUP_SIZES[0]]]
        size = min(size for size in GROUP_SIZES if size >= len(group))
        group += [None] * (size - len(group))  # which no key is
        for key, id, outputs, blobs in connection.execute(_FINDING[size], group):
            if newest.get(key, id) < id:
                newest[key] = id
                found[key] = result_of(id, outputs, blobs)
    return found


def read_behind(connection: sqlite3.Connection, table: str, after: float, limit: int) -> list[tuple[int, int]]:
    """Read entries of a table of the index (see `READ_IN_ORDER`), in its order: where each stands, and its key."""
    return connection.execute(READ_IN_ORDER[table], {"after": after, "limit": limit}).fetchall()


def results_of(connection: sqlite3.Connection, key: bytes) -> list[int]:
    """Return every result of a key that hits may take."""
    values = {"key64": key64(key), "key": key}
    queries = [*(each["all_of"] for each in _OF.values()), _SQL["all_of_older"]]
    return [id for query in queries for (id,) in connection.execute(query, values)]


def remove(connection: sqlite3.Connection, results: Iterable[int]) -> None:
    """Remove results that are about to be deleted; a job of the writer."""
    ids = orjson.dumps(sorted(results)).decode()
    entries = sorted((key64(key), id) for key, id in connection.execute(_SQL["keys_of"], {"ids": ids}))
    if not entries:
        return
    state = State.of(connection)
    state.new -= connection.executemany(_OF[_NEW]["remove"], entries).rowcount
    for level, name in enumerate(_LEVELS):
        removed = connection.executemany(_OF[name]["remove"], entries).rowcount
        if level < len(state.sizes):
            state.sizes[level] -= removed
    state.store(connection)


def find_problems(connection: sqlite3.Connection) -> list[str]:
    """Find what the index and the results don't agree on, in sentences."""
    tables = {name for (name,) in connection.execute(_SQL["tables"])}  # an earlier version may have written it
    sizes = [connection.execute(_OF[level]["count"]).fetchone()[0] for level in _OF.keys() & tables]
    if not sizes:
        return []  # of a version from before there were levels
    (results,) = connection.execute(_SQL["indexed"]).fetchone()
    if sum(sizes) != results:
        return [f"the memo's index has {sum(sizes)} keys, the results have {results}"]
    return []
