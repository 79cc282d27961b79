"""Which artifacts and metrics an export wants, as `-artifacts` and `-metrics` say it."""

from collections.abc import Sequence
from enum import Enum
from typing import Self

from accio.domain.datatypes import DataType
from accio.errors import BadRequest
from accio.late import dataclass
from accio_client.export.columns import is_numeric


class Share(Enum):
    """A part of all names."""

    NONE = "NONE"
    NUMERIC = "NUMERIC"
    ALL = "ALL"


_GROWING = tuple(Share)


@dataclass(frozen=True, slots=True)
class Selection:
    """A share of everything, and names besides: "Node", "Node/name", or a name for whatever node has it."""

    share: Share
    names: frozenset[str] = frozenset()

    @classmethod
    def read(cls, text: str, *, numeric: bool) -> Self:
        """Read NUMERIC (if it makes sense), ALL, NONE and names, separated by commas; BadRequest if there is nothing.

        Whatever one of the words means is wanted.
        """
        words = [word.strip() for word in text.split(",") if word.strip()]
        if not words:
            raise BadRequest("expected ALL, NONE or names such as Node/port, found nothing")
        known = {each.value: each for each in Share if numeric or each is not Share.NUMERIC}
        shares = [known[word.upper()] for word in words if word.upper() in known]
        names = frozenset(word for word in words if word.upper() not in known)
        return cls(max(shares, key=_GROWING.index, default=Share.NONE), names)

    def has(self, node: str, name: str, datatype: DataType | None = None) -> bool:
        """Return whether *name* of *node* is wanted; *datatype* None is that of a metric, a number."""
        if self.share is Share.ALL or not self.names.isdisjoint(names_of(node, name)):
            return True
        return self.share is Share.NUMERIC and (datatype is None or is_numeric(datatype))

    @property
    def empty(self) -> bool:
        return self.share is Share.NONE and not self.names

    def asked(self) -> Sequence[str]:
        """Return what the daemon needs to send, by name; no name means everything."""
        return sorted(self.names) if self.share is Share.NONE else []


def names_of(node: str, name: str) -> tuple[str, str, str]:
    """Return how *name* of *node* may be called."""
    return node, name, f"{node}/{name}"
