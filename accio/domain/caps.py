"""Caps: how much of what somebody's runs want may be at agents at a time."""

from collections.abc import Iterable
from dataclasses import dataclass

from accio.domain.jsontypes import JsonObject
from accio.domain.people import Person, parse_person
from accio.domain.problems import ValueProblem, quote
from accio.domain.resources import Resources, cpus_json
from accio.domain.windows import Windows

EVERYBODY = "everybody"
"""Whose cap counts for everybody who has none of his own."""

GROUP = "group:"
"""What a group's name begins with where owners may be named, too."""

MOST_NODES = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """The most that one owner may have at agents at a time; None: any amount."""

    nodes: int | None = None
    milli_cpus: int | None = None
    during: Windows | None = None  # when it counts; None: always

    def could_ever_hold(self, demand: Resources) -> bool:
        """Return whether a node could begin under it if its owner had nothing else at agents."""
        enough = self.milli_cpus is None or demand.milli_cpus <= self.milli_cpus
        return enough and (self.nodes is None or self.nodes > 0)

    def to_json(self) -> JsonObject:
        """Return the object that `--json` prints."""
        return {
            "nodes": self.nodes,
            "cpus": None if self.milli_cpus is None else cpus_json(self.milli_cpus),
            "during": None if self.during is None else self.during.text,
        }

    def __str__(self) -> str:
        """Return it in words: `8 CPUs and 100 nodes`."""
        parts = [] if self.milli_cpus is None else [cpus_in_words(self.milli_cpus)]
        parts += [] if self.nodes is None else [nodes_in_words(self.nodes)]
        return " and ".join(parts) + ("" if self.during is None else f" ({self.during})")


def cpus_in_words(milli_cpus: int) -> str:
    """Say how many CPUs these are."""
    return f"{cpus_json(milli_cpus)} CPU{'' if milli_cpus == 1000 else 's'}"


def nodes_in_words(nodes: int) -> str:
    """Say how many nodes these are."""
    return f"{nodes} node{'' if nodes == 1 else 's'}"


def parse_owner(text: str) -> str:
    """Read whose cap is meant: an address, a name, `Name <address>`, or "everybody". Return what tells owners apart."""
    trimmed = text.strip()
    if "@" in trimmed and "<" not in trimmed and trimmed.isprintable():
        return trimmed.casefold()
    return owner_key(parse_person(trimmed))


def parse_served(text: str) -> str:
    """Read whose nodes an agent takes: an owner as `parse_owner` reads it, or `group:NAME`. Return what tells it."""
    group = text.strip().removeprefix(GROUP)
    if group != text.strip():
        if not group or not group.isprintable() or group != group.strip():
            raise ValueProblem(f"expected a group as in group:lab, found {quote(text)}")
        return GROUP + group
    key = parse_owner(text)
    if key == EVERYBODY:
        raise ValueProblem("expected an owner's address or name, or group:NAME, found 'everybody'")
    return key


def served_keys(key: str, groups: Iterable[str]) -> frozenset[str]:
    """Return under what an owner of this key, who is in these groups, may be served; a name is never a group."""
    return frozenset({GROUP + group for group in groups} | ({key} if not key.startswith(GROUP) else set()))


def named(key: str) -> Person:
    """Return somebody of whom only that is known."""
    return Person(name="", email=key) if "@" in key else Person(name=key)


def owner_key(person: Person) -> str:
    """Return what tells owners apart: the address, or for want of one the name (as `accio.domain.access.is_same`)."""
    return person.email.casefold() if person.email else person.name
