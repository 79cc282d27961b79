"""The ids of things. A run id sorts by its time of creation; a child's id is its parent's id plus its index.

Run id: 16 lower-case Crockford base32 characters, 9 of epoch milliseconds and 7 of randomness. Within one millisecond
(or while the clock stands or goes back) the random part counts up, so that ids of one factory always grow.
"""

import re
from typing import NewType

from accio.late import dataclass

RunId = NewType("RunId", str)
WorkflowId = NewType("WorkflowId", str)
WorkflowVersion = NewType("WorkflowVersion", str)
OperatorName = NewType("OperatorName", str)
NodeName = NewType("NodeName", str)
PortName = NewType("PortName", str)
AgentName = NewType("AgentName", str)
AttemptNo = NewType("AttemptNo", int)

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LETTERS = frozenset(ALPHABET)
LAST = re.compile(r"last(?:~(?P<back>[0-9]{1,9}))?(?:\.(?P<index>[0-9]{1,18}))?", re.ASCII)
"""How the newest run, one that is so many older, or a child of either is named."""
_TIME_CHARACTERS = 9
_RANDOM_CHARACTERS = 7
ID_LENGTH = _TIME_CHARACTERS + _RANDOM_CHARACTERS
RANDOM_BITS = 5 * _RANDOM_CHARACTERS
_RANDOM_MASK = (1 << RANDOM_BITS) - 1
# An index of more digits than this can't be a child's (2^63 has 19), and need not be read as a number.
_MAX_INDEX_DIGITS = 18


def _base32(number: int, length: int) -> str:
    return "".join(ALPHABET[(number >> (5 * place)) & 31] for place in range(length - 1, -1, -1))


class RunIdFactory:
    """Makes ids that grow strictly, whatever the clock does."""

    def __init__(self, last: RunId | None = None) -> None:
        """Begin after *last*, the newest id that is stored."""
        self._last = -1 if last is None else _number(last)

    def next(self, now_ms: int, random_bits: int) -> RunId:
        """Return a new id for this moment; *random_bits* is a random number of RANDOM_BITS bits."""
        fresh = (max(now_ms, 0) << RANDOM_BITS) | (random_bits & _RANDOM_MASK)
        if fresh >> RANDOM_BITS <= self._last >> RANDOM_BITS:
            fresh = self._last + 1
        self._last = fresh
        return RunId(_base32(fresh, ID_LENGTH))


def _number(run: RunId) -> int:
    number = 0
    for character in run:
        number = number * 32 + ALPHABET.index(character)
    return number


def created_ms(run: RunId) -> int:
    """Return the epoch milliseconds inside a run id (of a child: its parent's)."""
    return _number(RunId(run[:ID_LENGTH])) >> RANDOM_BITS


def child_id(parent: RunId, index: int) -> RunId:
    """Name the child *index* (from 0) of a parent."""
    return RunId(f"{parent}.{index}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReference:
    """An id, or the beginning of one, as a user typed it.

    `top` is what stands before the dot (a whole id or a prefix of one); `index` what stands behind it, digits as typed,
    or None without a dot: then singles and parents only are meant.
    """

    top: str
    index: str | None

    @property
    def is_whole(self) -> bool:
        """Whether the part before the dot is a whole id."""
        return len(self.top) == ID_LENGTH

    def top_range(self) -> tuple[str, str]:
        """Return bounds (from, to) with from <= id < to for exactly the ids that begin with `top`."""
        return self.top, self.top + "~"

    def child_ranges(self, children: int) -> tuple[range, ...]:
        """Return the indices below *children* whose digits begin with `index`; the first is the exact match alone."""
        if self.index is None:
            return ()
        if self.index == "":
            return (range(children),) if children else ()
        if self.index[0] == "0":
            return (range(1),) if self.index == "0" and children else ()
        low = high = int(self.index)
        ranges: list[range] = []
        while low < children:
            ranges.append(range(low, min(high + 1, children)))
            low, high = low * 10, high * 10 + 9
        return tuple(ranges)


def parse_reference(text: str) -> RunReference | None:
    """Read an id or a prefix of one; None if no id can begin so."""
    top, dot, index = text.partition(".")
    if not top or len(top) > ID_LENGTH or not _LETTERS.issuperset(top):
        return None
    if not dot:
        return RunReference(top=top, index=None)
    if not (index == "" or (index.isascii() and index.isdigit())) or len(index) > _MAX_INDEX_DIGITS:
        return None
    return RunReference(top=top, index=index)
