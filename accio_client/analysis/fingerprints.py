"""Failures that are the same but for numbers, paths and addresses: one fingerprint, one group."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import field

import numpy as np

from accio.late import dataclass
from accio_client.analysis.columns import Ints, SweepTable

EXAMPLES = 3
_LONGEST = 200
_MASKS = (
    (re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>()]+", re.IGNORECASE), "URL"),
    (re.compile(r"(?<![\w.])(?:~|\.{1,2})?(?:/[\w.@+=,-]+)+/?"), "PATH"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "HEX"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "HEX"),
    (re.compile(r"\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{7,}\b", re.IGNORECASE), "HEX"),
    (re.compile(r"(?<![A-Za-z_])[+-]?(?:\d+(?:[.,_:]\d+)*|\.\d+)(?:e[+-]?\d+)?(?![\d])", re.IGNORECASE), "N"),
)


@dataclass(frozen=True, slots=True, order=True)
class Fingerprint:
    """What failures of one kind have in common: the cause, the class of the exception, and the message's skeleton."""

    cause: str
    exception: str
    message: str

    def __str__(self) -> str:
        name = self.exception.rpartition(".")[2]
        named = self.message.startswith((self.exception, name))
        parts = [self.cause, "" if named else name, self.message]
        return ": ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """One failure: of which child, at which node, and what was said."""

    child: int
    node: str
    cause: str
    exception: str
    message: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Group:
    """The failures of one fingerprint, with the first few, and how many there are for each value of each parameter."""

    fingerprint: Fingerprint
    count: int
    nodes: tuple[str, ...]
    examples: tuple[Failed, ...]
    children: Ints = field(repr=False)
    by_value: Mapping[str, Ints] = field(repr=False)


def fingerprint(cause: str, exception: str, message: str) -> Fingerprint:
    """Return the fingerprint of a failure: the first line of its message, masked."""
    first = message.strip().partition("\n")[0][:_LONGEST]
    for pattern, mask in _MASKS:
        first = pattern.sub(mask, first)
    return Fingerprint(cause, exception, " ".join(first.split()))


def group_failures(table: SweepTable, failures: Iterable[Failed]) -> tuple[Group, ...]:
    """Group failures by fingerprint, the largest group first."""
    found: dict[Fingerprint, list[Failed]] = {}
    known: dict[tuple[str, str, str], list[Failed]] = {}  # by texts: masking costs more than all the rest
    for each in failures:
        said = each.cause, each.exception, each.message
        if said not in known:
            known[said] = found.setdefault(fingerprint(*said), [])
        known[said].append(each)
    groups = [_group(table, print_, sorted(each, key=lambda one: one.child)) for print_, each in found.items()]
    return tuple(sorted(groups, key=lambda group: (-group.count, group.fingerprint)))


def _group(table: SweepTable, of: Fingerprint, failures: list[Failed]) -> Group:
    children = np.unique(np.array([each.child for each in failures], dtype=np.int64))
    counts = {axis.name: np.bincount(table.coordinate(axis.name, children), minlength=axis.size) for axis in table.axes}
    return Group(
        fingerprint=of,
        count=len(failures),
        nodes=tuple(sorted({each.node for each in failures})),
        examples=tuple(failures[:EXAMPLES]),
        children=children,
        by_value=counts,
    )
