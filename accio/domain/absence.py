"""No value: what an optional input gets in a run, or in some children of a sweep, that say `null` for its parameter.

On the axis of a sweep it stands as the text `null`, which is no value's canonical text, so that it is found, stored and
sent like any value. What is computed from values alone leaves it out: seeds, and keys of ports without a default.
"""

from enum import Enum
from typing import Any, Final

from accio.domain.datatypes import DataType, Kind

NO_VALUE: Final = "null"
"""What stands on an axis, and in the canonical JSON of inputs, where there is no value."""

_WORDS = frozenset({"null", "none"})


class Absent(Enum):
    """The comparable form of no value, which only `=null`, `!=null` and `in` compare with."""

    ABSENT = "null"


ABSENT: Final = Absent.ABSENT


def means_none(datatype: DataType, given: Any) -> bool:
    """Return whether a user who writes this for a value of a type means that there is none.

    The words `null` and `none` do wherever they are no text; `null` in JSON always does.
    """
    if given is None:
        return True
    if datatype.kind is Kind.STRING or datatype.kind is Kind.DATASET:
        return False
    return isinstance(given, str) and given.strip().lower() in _WORDS
