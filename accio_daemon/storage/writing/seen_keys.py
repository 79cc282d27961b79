"""Which keys the memo's index may have, as bits in memory: a key whose bit isn't set was never added, and needn't be
looked for. Most keys that are looked for are such ones: those of nodes that nobody has executed yet.

This is derived, and can only say too much: what is forgotten or deleted leaves its bit, which other keys share. Bits
are set before the transaction begins that adds their keys. What was added in earlier lives of the daemon is read a
portion at a time, each of what is committed by then, and level by level in the direction in which keys move (`levels`).
A key that leaves a level before it was read there goes into one that is read later; so none is missed, though no state
is held. Until all was read every key is looked for. See docs/adr/0060-new-keys-need-no-look-up.md.
"""

import math
import sqlite3
from collections.abc import Iterable, Sequence

import structlog

from accio_daemon.storage import levels

log = structlog.get_logger(__name__)

SMALLEST, LARGEST = 1 << 22, 1 << 29
"""Bits that there are: half a megabyte is enough for half a million keys, and 64 are the most that this may take."""
PORTION = 4_096
"""Keys that are read at a time, which takes two milliseconds."""
_GROWTH = 4
_CROWDED = 8  # bits for each key: with fewer, one key in eight would be looked for in vain


class SeenKeys:
    """State: the bits, how many keys set one, which are being added; what of the index is still to be read, or that it
    can't be.
    """

    def __init__(self, connection: sqlite3.Connection, *, bits: int = SMALLEST, portion: int = PORTION) -> None:
        """Read by *connection*, a *portion* at each call; begin with so many *bits*, a power of two."""
        self._connection = connection
        self._portion = portion
        self._is_unreadable = False  # and told
        self._adding: Sequence[int] = ()  # by the last transaction, which may not be committed yet
        self._begin(bits)

    def _begin(self, bits: int) -> None:
        self._bits = bytearray(bits // 8)
        self._mask = bits - 1
        self._count = 0  # of keys whose bits were set
        self._unread = [*levels.READ_IN_ORDER]
        self._after: float = -math.inf  # the place in the first of these up to which it was read

    @property
    def is_whole(self) -> bool:
        """Whether everything was read."""
        return not self._unread

    def among(self, keys: Sequence[bytes]) -> Sequence[bytes]:
        """Return those of some keys that the index may have."""
        if self._unread:
            return keys
        bits, mask, first = self._bits, self._mask, levels.FIRST  # here it is asked for each node
        return [key for key in keys if bits[(at := first(key)[0] & mask) >> 3] >> (at & 7) & 1]

    def add(self, entries: Iterable[levels.Entry]) -> None:
        """Note keys that are about to be added; what was to be before is committed, or never will be."""
        self._adding = [key64 for key64, _ in entries]
        self._note(self._adding)

    def learn(self) -> None:
        """Read a portion of what the index has; nothing any more where it can't be read, as on a damaged disk."""
        left = 0 if self._is_unreadable else self._portion
        while self._unread and left > 0:
            try:
                found = levels.read_behind(self._connection, self._unread[0], self._after, left)
            except sqlite3.DatabaseError as error:  # who needs a key there finds out, as ever; nobody else has to
                log.warning("can't read the memo's keys: each is looked for", table=self._unread[0], reason=str(error))
                self._is_unreadable = True
                return
            if len(found) < left:
                del self._unread[0]
                self._after = -math.inf
            else:
                self._after = found[-1][0]
            left -= len(found)
            self._note([key64 for _, key64 in found])

    def _note(self, keys: Sequence[int]) -> None:
        """Set the bits of keys; where it gets crowded, begin anew with more bits."""
        self._count += len(keys)
        size = self._mask + 1
        if self._count * _CROWDED > size and size < LARGEST:
            self._begin(min(size * _GROWTH, LARGEST))
            self._set(self._adding)  # which can't be read yet
        self._set(keys)

    def _set(self, keys: Sequence[int]) -> None:
        bits, mask = self._bits, self._mask
        for key64 in keys:
            at = key64 & mask
            bits[at >> 3] |= 1 << (at & 7)
