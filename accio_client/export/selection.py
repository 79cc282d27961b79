"""Which artifacts and metrics an export wants, as `-artifacts` and `-metrics` say it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Self

from accio.domain.datatypes import DataType
from accio.errors import BadRequest
from accio_client.export.columns import is_numeric


class Share(Enum):
    """A part of all names."""

    ALL = "ALL"
    NONE = "NONE"
    NUMERIC = "NUMERIC"


@dataclass(frozen=True, slots=True)
class Selection:
    """Either a share of everything, or names: "Node", "Node/name", or a name for whatever node has it."""

    share: Share
    names: frozenset[str] = frozenset()

    @classmethod
    def read(cls, text: str, *, numeric: bool) -> Self:
        """Read NUMERIC (if it makes sense), ALL, NONE, or names separated by commas; BadRequest if there is nothing."""
        words = [word.strip() for word in text.split(",") if word.strip()]
        if len(words) == 1 and words[0].upper() in Share.__members__:
            share = Share[words[0].upper()]
            if share is not Share.NUMERIC or numeric:
                return cls(share)
        if not words:
            raise BadRequest("expected ALL, NONE or names such as Node/port, found nothing")
        return cls(Share.NONE, frozenset(words))

    def has(self, node: str, name: str, datatype: DataType | None = None) -> bool:
        """Whether *name* of *node* is wanted; *datatype* None is that of a metric, a number."""
        match self.share:
            case Share.ALL:
                return True
            case Share.NUMERIC:
                return datatype is None or is_numeric(datatype)
            case Share.NONE:
                return not self.names.isdisjoint((node, name, f"{node}/{name}"))

    @property
    def empty(self) -> bool:
        return self.share is Share.NONE and not self.names

    def asked(self) -> Sequence[str]:
        """What the daemon needs to send, by name; no name means everything."""
        return sorted(self.names)
