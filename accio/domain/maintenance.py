"""Maintenance: times, by name, at which hosts of a pool aren't there, such as a reservation of the whole cluster."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from accio.domain.problems import ValueProblem, quote
from accio.late import dataclass

MOST = 100
"""Entries of a pool."""

_LONGEST_NAME = 200
_KEYS = {"name", "from", "to"}
_EXPECTED = 'expected a time with its zone, such as "2027-01-12T08:00+01:00"'


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A time at which there are no hosts; in epoch milliseconds."""

    name: str
    begins_ms: int
    ends_ms: int

    def __post_init__(self) -> None:
        """Refuse with ValueProblem what can be none."""
        if not self.name or len(self.name) > _LONGEST_NAME or not self.name.isprintable():
            raise ValueProblem(
                f"expected a name of 1 to {_LONGEST_NAME} printable characters, found {quote(self.name)}"
            )
        if self.begins_ms >= self.ends_ms:
            raise ValueProblem(f"expected {quote(self.name)} to end behind its beginning")

    def to_json(self) -> dict[str, Any]:
        """Return what `maintenance_of` reads."""
        return {"name": self.name, "from": text_of(self.begins_ms), "to": text_of(self.ends_ms)}


def maintenance_of(document: Any) -> Maintenance:
    """Read an entry of a file; ValueProblem says what is wrong."""
    if not isinstance(document, dict) or not document.keys() >= _KEYS:
        raise ValueProblem(f"expected an object with `name`, `from` and `to`, found {quote(document)}")
    if unknown := sorted(document.keys() - _KEYS):
        raise ValueProblem(f"there is no key {quote(unknown[0])} here; expected name, from, to")
    if not isinstance(document["name"], str):
        raise ValueProblem(f"expected a text as the name of a maintenance, found {quote(document['name'])}")
    return Maintenance(document["name"], _moment(document["from"]), _moment(document["to"]))


def next_of(entries: Iterable[Maintenance], wall_ms: int) -> Maintenance | None:
    """Return the entry that lasts, or comes next; those that touch, or overlap, are one by the name of the first."""
    found: Maintenance | None = None
    for each in sorted(entries, key=lambda each: (each.begins_ms, each.ends_ms)):
        if each.ends_ms <= wall_ms:
            continue
        if found is None:
            found = each
        elif each.begins_ms <= found.ends_ms:
            found = Maintenance(found.name, found.begins_ms, max(found.ends_ms, each.ends_ms))
    return found


def _moment(value: Any) -> int:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueProblem(f"{_EXPECTED}, found {quote(value)}") from None
    if moment.utcoffset() is None:
        raise ValueProblem(f"{_EXPECTED}, found {quote(value)}, which has none")
    return int(moment.timestamp() * 1000)


def text_of(wall_ms: int) -> str:
    """Write a time, epoch milliseconds, in UTC."""
    exactly = "milliseconds" if wall_ms % 1000 else "seconds"
    return datetime.fromtimestamp(wall_ms / 1000, UTC).isoformat(timespec=exactly).replace("+00:00", "Z")
